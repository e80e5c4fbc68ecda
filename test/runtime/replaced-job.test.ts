// A job is deleted and created anew under its name while a worker of the old one is at some step of its life: the worker
// ends with an error that says so, and the new job is as if the worker had never been.
//
// The new job has the same graph, so nothing but its incarnation tells it apart. Nobody works on it meanwhile.
import { describe, expect, onTestFinished, test } from "vitest";
import { createEncodingCutter } from "../../src/broker/frame-cutter.ts";
import { RedisChannelReader } from "../../src/broker/redis-channel.ts";
import { decodeFrame } from "../../src/broker/wire.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Coordination } from "../../src/core/ports/coordination.ts";
import type { PartitionHandle, StateBackend } from "../../src/core/ports/state-backend.ts";
import {
  type CollectSink,
  collect,
  collection,
  connect,
  count,
  defineJob,
  generator,
  type Job,
  type Source,
} from "../../src/index.ts";
import { deleteJob } from "../../src/redis/delete-job.ts";
import { JobKeys } from "../../src/redis/keys.ts";
import { RedisCoordination } from "../../src/redis/redis-coordination.ts";
import { createJobCall, createJobScript, newIncarnation } from "../../src/redis/scripts/job.ts";
import { beatCall, beatScript } from "../../src/redis/scripts/workers.ts";
import { RedisSession } from "../../src/redis/session.ts";
import { defaultDetectorSettings } from "../../src/runtime/failure-detector.ts";
import { allPartitions, createJobConfig, formatJobConfig } from "../../src/runtime/job-config.ts";
import { formatLayouts } from "../../src/runtime/job-layouts.ts";
import { type Ground, prepareRun } from "../../src/runtime/prepare-run.ts";
import { resolveRestart, resolveSettings } from "../../src/runtime/run-options.ts";
import type { Heartbeat, StoreSession } from "../../src/runtime/worker-options.ts";
import { RedisStateBackend } from "../../src/state/redis-state-backend.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";

const PARALLELISM = 2;
const NEW_RECORDS = Array.from({ length: 40 }, (_, i) => 1_000 + i);

function jobOf(name: string, source: Source<number>, out: CollectSink<{ key: number; value: number }>): Job {
  return defineJob(name, (job) =>
    job
      .source("numbers", source)
      .keyBy((n) => n % 4)
      .aggregate("counts", count())
      .to("out", out),
  );
}

/** What a process stores that creates the job and dies right after. @param layouts `{}` makes whoever enters raise them */
async function creation(job: Job, layouts?: string): Promise<string[]> {
  const { plan, config } = await createJobConfig(job, PARALLELISM);
  const record = {
    name: job.name,
    planHash: plan.hash,
    config: formatJobConfig(config),
    layouts: layouts ?? formatLayouts(plan),
  };
  const args = createJobCall(new JobKeys(job.name), newIncarnation(), record, allPartitions(plan));
  return ["EVAL", createJobScript.source, ...args.slice(2).map(String)];
}

/**
 * In one step: a worker must not see that there was no job for a moment, which is another error.
 *
 * @returns what is stored right after
 */
async function replace(by: Job): Promise<Map<string, unknown>> {
  const keys = new JobKeys(by.name);
  const create = await creation(by);
  const made = create.filter((arg) => arg.startsWith(keys.prefix) && arg !== keys.bell).sort();
  return withSession(async (session) => {
    const old = (await session.send(["KEYS", keys.pattern])) as string[];
    const dumps = made.map((key) => ["DUMP", key]);
    const commands = [["MULTI"], ["UNLINK", ...old], create, ...dumps, ["PUBLISH", keys.bell, "removed"]];
    for (const command of commands) void session.send(command);
    const [, created, ...contents] = (await session.sendForBytes(["EXEC"])) as unknown[];
    expect(String(created)).toBe("CREATED");
    return new Map(made.map((key, i) => [key, String(contents[i])]));
  });
}

async function withSession<R>(use: (session: RedisSession) => Promise<R>): Promise<R> {
  const session = await RedisSession.open({ url: testRedisUrl() });
  try {
    return await use(session);
  } finally {
    session.close();
  }
}

/** Everything that is stored of a job that has these keys, less what earlier ones of its name have left. */
function contents(name: string, ofNew: readonly string[]): Promise<Map<string, unknown>> {
  const { pattern, prefix } = new JobKeys(name);
  const incarnationOf = (key: string): string | undefined => /^\d+(?=:)/.exec(key.slice(prefix.length))?.[0];
  const current = ofNew.map(incarnationOf).find((incarnation) => incarnation !== undefined);
  return withSession(async (session) => {
    const all = (await session.send(["KEYS", pattern])) as string[];
    const keys = all.filter((key) => (incarnationOf(key) ?? current) === current);
    const dumps = await Promise.all(keys.map((key) => session.sendForBytes(["DUMP", key])));
    return new Map(keys.map((key, i) => [key, String(dumps[i])] as const).sort());
  });
}

type When = "before" | "after";
type Step = { readonly call: string; readonly nth?: number };

/** Calls `act` once, right before or right after the nth call of a step. */
class Ambush<R> {
  readonly #step: Step;
  readonly #when: When;
  readonly #act: () => Promise<R>;
  #calls = 0;
  sprung: Promise<R> | undefined;

  constructor(step: Step, when: When, act: () => Promise<R>) {
    this.#step = step;
    this.#when = when;
    this.#act = act;
  }

  async around<T>(call: string, run: () => T | Promise<T>): Promise<T> {
    if (call !== this.#step.call || ++this.#calls !== (this.#step.nth ?? 1)) return run();
    if (this.#when === "before") await this.#spring();
    try {
      return await run();
    } finally {
      if (this.#when === "after") await this.#spring();
    }
  }

  async #spring(): Promise<void> {
    this.sprung = this.#act();
    await this.sprung;
  }

  /** @returns `target`, of which the named methods pass through the ambush */
  wrap<T extends object>(target: T, methods: readonly (keyof T & string)[]): T {
    return new Proxy(target, {
      get: (_, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (typeof value !== "function") return value;
        const bound = value.bind(target) as (...args: unknown[]) => unknown;
        if (!methods.includes(name as keyof T & string)) return bound;
        return (...args: unknown[]) => this.around(String(name), () => bound(...args));
      },
    });
  }
}

async function openSession(
  name: string,
  incarnation: number,
  ambush: Ambush<unknown>,
): Promise<StoreSession> {
  const session = await RedisSession.open({ url: testRedisUrl() });
  const plain = new RedisStateBackend(session, name);
  const backend: StateBackend = {
    attach: async (request) => {
      const handle = await ambush.around("attach", () => plain.attach(request));
      return ambush.wrap<PartitionHandle>(handle, ["commit"]);
    },
  };
  return {
    backend,
    reader: new RedisChannelReader(session, name, incarnation),
    inspect: () => session.inspect(),
    onEnd: (listener) => session.onEnd(listener),
    close: async () => session.close(),
  };
}

/** Beats from this thread: starting one for each case would take most of the test's time. */
async function beat(
  name: string,
  incarnation: number,
  worker: string,
  onGone: () => void,
): Promise<Heartbeat> {
  const session = await RedisSession.open({ url: testRedisUrl() });
  const keys = new JobKeys(name);
  let progress = 0;
  const timer = setInterval(() => {
    const args = beatCall(keys, incarnation, worker, ++progress);
    session.run(beatScript, args).then(
      (answer) => answer === "GONE" && onGone(),
      () => {},
    );
  }, 20);
  return {
    stop: async () => {
      clearInterval(timer);
      session.close();
    },
  };
}

/** A worker of `job` that is ambushed. @returns the error with which it ended */
async function workUntilRefused(job: Job, ambush: Ambush<unknown>): Promise<unknown> {
  const url = testRedisUrl();
  const plain = await RedisCoordination.open({ url, job: job.name });
  const coordination: Coordination = ambush.wrap<Coordination>(plain, [
    "observe",
    "raiseLayouts",
    "join",
    "elect",
    "assign",
    "setStatus",
    "report",
    "leaderBeat",
  ]);
  const settings = resolveSettings(undefined);
  const ground: Ground = {
    coordination,
    redisUrl: url,
    clock: systemClock,
    cut: createEncodingCutter(settings.frameBytes),
    decode: decodeFrame,
    durable: true,
    openSession: ({ record }) =>
      ambush.around("openSession", () => openSession(job.name, record.incarnation, ambush)),
    startHeartbeat: ({ record }, worker, onGone) => {
      const beating = beat(job.name, record.incarnation, worker, onGone);
      return { stop: async () => (await beating).stop() };
    },
  };
  const options = { settings, restart: resolveRestart(undefined), detector: defaultDetectorSettings };
  try {
    const { run } = await prepareRun(job, ground, options, async () => {});
    run.start();
    await run.finished;
    return undefined;
  } catch (thrown) {
    return thrown;
  } finally {
    await plain.close();
  }
}

const STEPS: readonly (readonly [name: string, step: Step, only?: When])[] = [
  // Whoever looks for the first time after the replacement is a worker of the new job.
  ["its first look at the job's record", { call: "observe" }, "after"],
  ["raising the layouts of state", { call: "raiseLayouts" }],
  ["joining", { call: "join" }],
  ["its first round", { call: "observe", nth: 2 }],
  ["its election", { call: "elect" }],
  ["the move to running", { call: "setStatus" }],
  ["the first assignment", { call: "assign" }],
  ["a report", { call: "report" }],
  ["a beat as leader", { call: "leaderBeat", nth: 2 }],
  ["opening a session", { call: "openSession" }],
  ["an attach", { call: "attach" }],
  ["the last attach", { call: "attach", nth: 4 }],
  ["a commit", { call: "commit", nth: 5 }],
];

describe.concurrent("a job that is replaced", { timeout: 180_000 }, () => {
  const cases = STEPS.flatMap(([name, step, only]) =>
    (["before", "after"] as const).flatMap((when) =>
      only === undefined || only === when ? [{ name, step, when }] : [],
    ),
  );
  test.for(cases)(
    "A9 right $when $name of a worker: the worker ends, the new job is untouched",
    async ({ step, when }) => {
      const name = uniqueTag("replaced");
      onTestFinished(async () => {
        await deleteJob(testRedisUrl(), name);
      });
      const out = collect<{ key: number; value: number }>();
      const old = jobOf(name, generator({ generate: (n) => n, ratePerSecond: 2_000 }), out);
      const replacement = jobOf(name, collection(NEW_RECORDS), out);
      const create = await creation(old, step.call === "raiseLayouts" ? "{}" : undefined);
      expect(await withSession((session) => session.send(create))).toBe("CREATED");
      const ambush = new Ambush(step, when, () => replace(replacement));
      expect(await workUntilRefused(old, ambush)).toMatchObject({ code: "JOB_REPLACED" });
      const created = (await ambush.sprung)!;
      expect(created.size).toBe(2 + allPartitions(replacement.plan({ parallelism: PARALLELISM })).length);
      expect(await contents(name, [...created.keys()])).toEqual(created);
    },
  );

  test("A9 a job that is started `fresh` ends the workers of the one before", async () => {
    const name = uniqueTag("fresh");
    const old = jobOf(name, generator({ generate: (n) => n, ratePerSecond: 500 }), collect());
    const newOut = collect<{ key: number; value: number }>();
    const replacement = jobOf(name, collection(NEW_RECORDS), newOut);
    const [one, two] = await Promise.all([
      connect({ redis: testRedisUrl() }),
      connect({ redis: testRedisUrl() }),
    ]);
    try {
      const stale = await one.run(old, { parallelism: PARALLELISM });
      await waitFor(() => stale.report().stages.some((stage) => stage.recordsIn > 0), {
        describe: "the old job to work",
      });
      const run = await two.run(replacement, { parallelism: PARALLELISM, fresh: true });
      await expect(stale.finished).rejects.toMatchObject({
        code: expect.stringMatching(/^JOB_(LOST|REPLACED)$/),
      });
      expect((await run.finished).status).toBe("finished");
      expect(newOut.results).toHaveLength(NEW_RECORDS.length);
    } finally {
      await one.close();
      await two.close();
      await deleteJob(testRedisUrl(), name);
    }
  });
});
