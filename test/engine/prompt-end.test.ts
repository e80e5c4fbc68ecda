// A job ends by what happens, not by looks that come on time: no tick of the control plane and no interval of the engine
// is needed from the start of a worker to the end of the job.
import { describe, expect, onTestFinished, test } from "vitest";
import { createEncodingCutter } from "../../src/broker/frame-cutter.ts";
import { RedisChannelReader } from "../../src/broker/redis-channel.ts";
import { decodeFrame } from "../../src/broker/wire.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Coordination } from "../../src/core/ports/coordination.ts";
import { collect, collection, count, defineJob, type Job, type RunEvent } from "../../src/index.ts";
import { deleteJob } from "../../src/redis/delete-job.ts";
import { HeartbeatThread } from "../../src/redis/heartbeat-thread.ts";
import { RedisCoordination } from "../../src/redis/redis-coordination.ts";
import { RedisSession } from "../../src/redis/session.ts";
import { defaultDetectorSettings } from "../../src/runtime/failure-detector.ts";
import type { JobRun } from "../../src/runtime/job-run.ts";
import { type Ground, prepareRun } from "../../src/runtime/prepare-run.ts";
import { resolveRestart, resolveSettings } from "../../src/runtime/run-options.ts";
import { RedisStateBackend } from "../../src/state/redis-state-backend.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";
import { FedSource } from "./fed-source.ts";

/** Longer than any test may take. */
const FOREVER_MS = 3_600_000;

/** A worker whose waits for the control plane end by the bell alone, and whose epochs are never old enough. */
async function runWithoutTicks(job: Job, onEvent?: (event: RunEvent) => void): Promise<JobRun> {
  const url = testRedisUrl();
  const plain = await RedisCoordination.open({ url, job: job.name });
  const coordination = new Proxy<Coordination>(plain, {
    get(_, name) {
      if (name === "waitForChange") return () => plain.waitForChange(FOREVER_MS);
      const value = Reflect.get(plain, name) as unknown;
      return typeof value === "function" ? value.bind(plain) : value;
    },
  });
  const settings = resolveSettings({ commitIntervalMs: 60_000, watermarkIntervalMs: 60_000 });
  const ground: Ground = {
    coordination,
    redisUrl: url,
    clock: systemClock,
    cut: createEncodingCutter(settings.frameBytes),
    decode: decodeFrame,
    durable: true,
    openSession: async ({ record }) => {
      const session = await RedisSession.open({ url });
      return {
        backend: new RedisStateBackend(session, job.name),
        reader: new RedisChannelReader(session, job.name, record.incarnation),
        onEnd: (listener) => session.onEnd(listener),
        close: async () => session.close(),
      };
    },
    startHeartbeat: ({ record }, worker, onGone) =>
      HeartbeatThread.start({ url, job: job.name, incarnation: record.incarnation, worker, onGone }),
  };
  const options = {
    settings,
    restart: resolveRestart(undefined),
    detector: defaultDetectorSettings,
    parallelism: 2,
    onEvent,
  };
  const { run } = await prepareRun(job, ground, options, () => plain.close());
  run.start();
  return run;
}

function removedAfter(name: string): string {
  onTestFinished(async () => {
    await deleteJob(testRedisUrl(), name);
  });
  return name;
}

describe("the end of a job, without any tick", { timeout: 120_000 }, () => {
  test("a lone worker starts its partitions, ends them, and tells the end", async () => {
    const out = collect<{ key: number; value: number }>();
    const job = defineJob(removedAfter(uniqueTag("prompt")), (builder) =>
      builder
        .source("numbers", collection([1, 2, 3, 4, 5, 6]))
        .keyBy((n) => n % 2)
        .aggregate("counts", count())
        .to("out", out),
    );
    const run = await runWithoutTicks(job);
    expect((await run.finished).status).toBe("finished");
    expect(out.results).toHaveLength(6);
  });

  test("two workers share the partitions with the second one's first beat, and both hear of the end", async () => {
    const source = new FedSource<number>(["a", "b"]);
    const out = collect<number>();
    const job = defineJob(removedAfter(uniqueTag("prompt")), (builder) =>
      builder
        .source("numbers", source)
        .keyBy((n) => n)
        .aggregate("counts", count())
        .map("value", ({ key }) => key)
        .to("out", out),
    );
    const running = [new Set<string>(), new Set<string>()];
    const runs: JobRun[] = [];
    for (const own of running)
      runs.push(
        await runWithoutTicks(job, (event) => {
          if (event.kind === "partition-running") own.add(event.partition);
        }),
      );
    await waitFor(() => running[1]!.size === 2, { describe: "the second worker's share" });
    source.feed("a", 1, 2, 3);
    source.feed("b", 4, 5, 6);
    source.end();
    const outcomes = await Promise.all(runs.map((run) => run.finished));
    expect(outcomes.map(({ status }) => status)).toEqual(["finished", "finished"]);
    expect([...out.results].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
