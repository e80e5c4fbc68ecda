// A worker that leaves drains its partitions before others get them; the waiting for it has an end.
import { afterEach, describe, expect, test, vi } from "vitest";
import { ManualClock } from "../../src/core/clock.ts";
import { EmbeddedCoordination } from "../../src/core/embedded-coordination.ts";
import { EmbeddedStore } from "../../src/core/embedded-store.ts";
import { type CollectSink, collect, connect, type RunEvent, type Sink } from "../../src/index.ts";
import { RedisCoordination } from "../../src/redis/redis-coordination.ts";
import { defaultDetectorSettings } from "../../src/runtime/failure-detector.ts";
import { DRAIN_LIMIT_MS, Leader } from "../../src/runtime/leader.ts";
import { RedisStateBackend } from "../../src/state/redis-state-backend.ts";
import { chunks, onRedis, PATIENT, sorted, until, withWeir } from "../engine/engine.ts";
import { sales } from "../engine/sales.ts";
import type { Step } from "../engine/scripted-source.ts";
import { Signal, type Visit, visitsJob, visitsOf } from "../engine/visits.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";

const ROUND_MS = 200;

describe("the leader and a worker that leaves", () => {
  async function sharing() {
    const clock = new ManualClock();
    const coordination = new EmbeddedCoordination("job", new EmbeddedStore(), clock);
    const partitions = ["a.0", "a.1", "a.2", "a.3"];
    await coordination.createJob({ name: "job", planHash: "h", config: "{}", layouts: "{}" }, partitions);
    for (const id of ["stays", "leaves"]) await coordination.join({ id, host: "h", pid: 1 });
    const leader = new Leader(coordination, "stays", partitions, clock, defaultDetectorSettings);
    const round = async (): Promise<void> => {
      clock.advance(ROUND_MS);
      await leader.round(await coordination.observe());
    };
    const held = async (worker: string): Promise<string[]> =>
      [...(await coordination.observe()).assignments].flatMap(([id, owner]) =>
        owner.worker === worker ? [id] : [],
      );
    for (let i = 0; i < 3; i++) await round();
    expect(await held("leaves")).toHaveLength(2);
    await coordination.requestLeave("leaves");
    return { coordination, round, held };
  }

  test("A8 its partitions stay until it has left, then the others get them in one round", async () => {
    const { coordination, round, held } = await sharing();
    for (let ms = 0; ms < DRAIN_LIMIT_MS - ROUND_MS; ms += ROUND_MS) await round();
    expect(await held("leaves")).toHaveLength(2);
    await coordination.leave("leaves");
    await round();
    expect(await held("stays")).toHaveLength(4);
  });

  test("A8 a drain that does not end is not waited for: the limit counts from the first look", async () => {
    const { round, held } = await sharing();
    for (let ms = 0; ms < DRAIN_LIMIT_MS; ms += ROUND_MS) await round();
    expect(await held("leaves")).toHaveLength(2);
    await round();
    expect(await held("stays")).toHaveLength(4);
  });

  test("A8 a worker that comes meanwhile shares what is not drained", async () => {
    const { coordination, round, held } = await sharing();
    await coordination.join({ id: "comes", host: "h", pid: 1 });
    for (let i = 0; i < 3; i++) await round();
    expect([await held("stays"), await held("comes"), await held("leaves")].map((own) => own.length)).toEqual(
      [1, 1, 2],
    );
  });
});

describe("handing over on Redis", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Every answer to a commit of this process that is none of success. */
  function watchCommits(): string[] {
    const refusals: string[] = [];
    const attach = RedisStateBackend.prototype.attach;
    vi.spyOn(RedisStateBackend.prototype, "attach").mockImplementation(async function (
      this: RedisStateBackend,
      request,
    ) {
      const handle = await attach.call(this, request);
      const commit = handle.commit.bind(handle);
      handle.commit = async (epoch) => {
        const answer = await commit(epoch);
        if (answer.kind !== "OK") refusals.push(`${request.partition} ${answer.kind}`);
        return answer;
      };
      return handle;
    });
    return refusals;
  }

  /** Records that come in small batches with short pauses, so that they flow during whatever happens. */
  function flowing<T>(records: readonly T[]): Step<T>[] {
    const pause = { wait: () => new Promise((resolve) => setTimeout(resolve, 4)) };
    return chunks(records, 5).flatMap((chunk) => [chunk, pause]);
  }

  test("A8 no attempt of a worker that leaves while records flow is fenced, although its drain takes long", async () => {
    const input = sales(3_000);
    const out = new SlowSink<Visit>();
    // Records flow from when the partitions are shared until the drain has begun.
    const [shared, draining] = [new Signal(), new Signal()];
    const script = [shared.step, ...flowing(input.slice(0, 2_900)), draining.step];
    const job = visitsJob(uniqueTag("hand-over"), [...script, ...flowing(input.slice(2_900))], out.sink);
    const events: RunEvent[] = [];
    const onEvent = (event: RunEvent): void => {
      events.push(event);
    };
    const refusals = watchCommits();
    await withWeir(onRedis, job.name, async (staying) => {
      const leaving = await connect({ redis: testRedisUrl() });
      try {
        const stays = await staying.run(job, { ...PATIENT, parallelism: 4, onEvent });
        const arrived = new Set<string>();
        const leaves = await leaving.run(job, {
          ...PATIENT,
          onEvent: (event) => {
            onEvent(event);
            if (event.kind === "partition-running") arrived.add(event.partition);
          },
        });
        await waitFor(() => arrived.size >= 2, { describe: "an even share" });
        // Whatever happened while the partitions were shared out.
        refusals.length = 0;
        shared.set();
        await until(stays, "results of both", () => out.results.length > 100);

        const shareOfLeaving = async (): Promise<number | undefined> =>
          (await staying.status(job.name))?.workers.find((worker) => worker.leaving)?.partitions;
        const beats = async (): Promise<number> => leaderBeats(job.name);
        out.hold();
        const first = await beats();
        const stopped = leaves.stop();
        draining.set();
        // The leader has had every occasion to take the partitions away.
        await waitFor(async () => (await beats()) >= first + 5, { describe: "five rounds of the leader" });
        expect(await shareOfLeaving()).toBeGreaterThanOrEqual(2);
        out.release();
        await stopped;
        expect((await leaves.finished).status).toBe("running");
        expect((await stays.finished).status).toBe("finished");
        expect(refusals).toEqual([]);
      } finally {
        draining.set();
        out.release();
        await leaving.close();
      }
    });
    expect(events.filter(({ kind }) => kind === "partition-restart" || kind === "session-lost")).toEqual([]);
    expect(sorted(out.results)).toEqual(sorted(visitsOf(input)));
  });

  test("the drain ends at once although the only other worker is dead and leads", async () => {
    const input = sales(400);
    const out = collect<Visit>();
    const goOn = new Signal();
    const script = [...flowing(input.slice(0, 200)), goOn.step, ...flowing(input.slice(200))];
    const job = visitsJob(uniqueTag("alone"), script, out);
    await withWeir(onRedis, job.name, async (weir) => {
      const run = await weir.run(job, { parallelism: 2 });
      await until(run, "some results", () => out.results.length > 20);
      await withCoordination(job.name, async (control) => {
        await control.join({ id: "ghost", host: "h", pid: 1 });
        const { leader } = await control.observe();
        expect(await control.elect("ghost", leader!.term)).toBe(true);
        const startedMs = performance.now();
        await run.stop();
        expect(performance.now() - startedMs).toBeLessThan(DRAIN_LIMIT_MS / 2);
        expect((await run.finished).status).toBe("running");
        await control.leave("ghost");
      });
      goOn.set();
      await (await weir.run(job)).finished;
    });
    expect(sorted(out.results)).toEqual(sorted(visitsOf(input)));
  });

  test("a sink that hangs holds a leaving worker only until others were given its partitions", async () => {
    const out = new SlowSink<Visit>();
    const job = visitsJob(uniqueTag("hangs"), flowing(sales(2_000)), out.sink);
    await withWeir(onRedis, job.name, async (weir) => {
      try {
        const run = await weir.run(job, { parallelism: 2 });
        await until(run, "some results", () => out.results.length > 20);
        out.hold();
        await until(run, "a sink that hangs", () => out.waiting > 0);
        let isOver = false;
        const stopped = run.stop().then(() => {
          isOver = true;
        });
        await withCoordination(job.name, async (control) => {
          await waitFor(async () => (await control.observe()).workers.every((worker) => worker.leaving), {
            describe: "the wish to leave",
          });
          expect(isOver).toBe(false);
          const { leader, assignments } = await control.observe();
          const taken = [...assignments].map(
            ([id, { version }]) => [id, { worker: "heir", version: version + 1 }] as const,
          );
          expect(await control.assign(leader!.worker, leader!.term, new Map(taken))).toBe(true);
          await stopped;
        });
      } finally {
        out.release();
      }
    });
  });
});

async function withCoordination<R>(job: string, use: (control: RedisCoordination) => Promise<R>): Promise<R> {
  const control = await RedisCoordination.open({ url: testRedisUrl(), job });
  try {
    return await use(control);
  } finally {
    await control.close();
  }
}

function leaderBeats(job: string): Promise<number> {
  return withCoordination(job, async (control) => (await control.observe()).leader?.beat ?? 0);
}

/** Collects, and can be told to leave epochs unprepared for a while. */
class SlowSink<T> {
  readonly #out: CollectSink<T> = collect<T>();
  #held: Promise<void> | undefined;
  release: () => void = () => {};
  /** Epochs that were not prepared at once. */
  waiting = 0;

  get results(): readonly T[] {
    return this.#out.results;
  }

  hold(): void {
    this.#held = new Promise((resolve) => {
      this.release = () => {
        this.#held = undefined;
        resolve();
      };
    });
  }

  readonly sink: Sink<T> = {
    ...this.#out,
    open: async (context) => {
      const writer = await this.#out.open(context);
      return {
        write: (records, timestamps) => writer.write(records, timestamps),
        prepare: () => {
          const prepared = writer.prepare();
          if (this.#held === undefined) return prepared;
          this.waiting++;
          return this.#held.then(() => prepared);
        },
        committed: () => writer.committed(),
        close: (graceful) => writer.close(graceful),
      };
    },
  };
}
