import { describe, expect, test } from "vitest";
import {
  type CollectSink,
  collect,
  collection,
  connect,
  defineJob,
  emits,
  type Job,
  type RunEvent,
  value,
} from "../../src/index.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { chunks, newJob, onRedis, PATIENT, runToFailure, sorted, until, withWeir } from "./engine.ts";
import { sales } from "./sales.ts";
import { scripted } from "./scripted-source.ts";
import { Signal, type Visit, visitsJob, visitsOf } from "./visits.ts";

describe.concurrent("shared jobs on Redis", () => {
  test("a job that is over is not run again, unless fresh is asked for", async () => {
    const out = collect<number>();
    const job = newJob((builder) => builder.source("numbers", collection([1, 2, 3])).to("out", out));
    await withWeir(onRedis, job.name, async (weir) => {
      await (await weir.run(job, { parallelism: 1 })).finished;
      expect((await weir.status(job.name))?.job.status).toBe("finished");
      const refused = weir.run(job);
      await expect(refused).rejects.toMatchObject({ name: "JobOverError", code: "JOB_OVER" });
      await expect(refused).rejects.toThrow(/is finished.*fresh/);
      expect(await weir.cancel(job.name)).toBe(false);

      const fresh = await weir.run(job, { parallelism: 1, fresh: true });
      expect((await fresh.finished).status).toBe("finished");
      expect(sorted(out.results)).toEqual(sorted([1, 2, 3]));
    });
  });

  test("what is refused with fresh deletes nothing", async () => {
    const out = collect<number>();
    const job = newJob((builder) => builder.source("numbers", collection([1, 2, 3])).to("out", out));
    await withWeir(onRedis, job.name, async (weir) => {
      await (await weir.run(job, { parallelism: 1 })).finished;
      await expect(weir.run(job, { fresh: true, parallelism: 999 })).rejects.toMatchObject({
        code: "INVALID_JOB",
      });
      await expect(weir.run(job, { fresh: true, shared: true })).rejects.toMatchObject({
        code: "NEEDS_ONE_PROCESS",
      });
      expect((await weir.status(job.name))?.job.status).toBe("finished");
    });
  });

  test("a job with a changed graph is refused with sentences that say what changed", async () => {
    const name = uniqueTag("changed");
    const build = (operator: string, state: string, sink: CollectSink<number>): Job =>
      defineJob(name, (job) =>
        job
          .source("numbers", scripted<number>([[[1]]], { unbounded: true }))
          .keyBy((n) => n)
          .process(operator, {
            state: { [state]: value<number>() },
            emits: emits<number>(),
            onRecord(n, context) {
              context.emit(n);
            },
          })
          .to("out", sink),
      );
    const out = collect<number>();
    await withWeir(onRedis, name, async (weir) => {
      const run = await weir.run(build("count", "total", out), { parallelism: 1 });
      await until(run, "a result", () => out.results.length > 0);
      await run.stop();
      const otherName = weir.run(build("sum", "total", out));
      await expect(otherName).rejects.toMatchObject({
        name: "JobGraphChangedError",
        code: "JOB_GRAPH_CHANGED",
      });
      await expect(otherName).rejects.toThrow(/count.*sum/s);
      await expect(weir.run(build("count", "amount", out))).rejects.toThrow(/"count", state "total"/);
      // The parallelism of the first run stays: what a later one asks for does not change the graph.
      const same = await weir.run(build("count", "total", out), { parallelism: 4 });
      expect(same.plan.stages.map(({ partitions }) => partitions)).toEqual([1, 1]);
      await same.cancel();
    });
  });

  test("joinOnly, status and cancel of a job that nobody created say so", async () => {
    const job = newJob((builder) => builder.source("numbers", collection([1])).to("out", collect()));
    await withWeir(onRedis, job.name, async (weir) => {
      await expect(weir.run(job, { joinOnly: true })).rejects.toMatchObject({
        name: "JobNotFoundError",
        code: "JOB_NOT_FOUND",
        message: expect.stringContaining(job.name),
      });
      await expect(weir.cancel(job.name)).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
      expect(await weir.status(job.name)).toBeUndefined();
    });
  });

  test("two workers share a job's partitions; when one leaves, only its partitions move", async () => {
    const input = sales(300);
    const out = collect<Visit>();
    const goOn = [new Signal(), new Signal()] as const;
    const script = [...chunks(input.slice(0, 100), 9), goOn[0].step, ...chunks(input.slice(100, 200), 9)];
    const job = visitsJob(
      uniqueTag("shared"),
      [...script, goOn[1].step, ...chunks(input.slice(200), 9)],
      out,
    );
    const events = [[], []] as readonly [RunEvent[], RunEvent[]];
    const started = (worker: 0 | 1): string[] =>
      events[worker].flatMap((event) => (event.kind === "partition-running" ? [event.partition] : []));
    await withWeir(onRedis, job.name, async (first) => {
      const second = await connect({ redis: testRedisUrl() });
      try {
        const run = await first.run(job, {
          ...PATIENT,
          parallelism: 3,
          onEvent: (event) => events[0].push(event),
        });
        await until(run, "a hundred results", () => out.results.length === 100);
        expect(started(0).sort()).toEqual(["sales.0", "visits.0", "visits.1", "visits.2"]);

        const joined = await second.run(job, {
          ...PATIENT,
          onEvent: (event) => events[1].push(event),
        });
        await until(joined, "half of the partitions to move", () => started(1).length === 2);
        const moved = started(1);
        goOn[0].set();
        await until(run, "two hundred results", () => out.results.length === 200);
        const status = await first.status(job.name);
        expect(status?.workers.map(({ partitions }) => partitions)).toEqual([2, 2]);
        // Those that stayed were not touched.
        expect(started(0)).toHaveLength(4);

        await joined.stop();
        await until(run, "the partitions to come back", () => started(0).length === 6);
        expect(started(0).slice(4).sort()).toEqual(moved.sort());
        goOn[1].set();
        expect((await run.finished).status).toBe("finished");
        expect(started(0)).toHaveLength(6);
      } finally {
        await second.close();
      }
    });
    expect(
      events.flat().filter(({ kind }) => kind === "partition-restart" || kind === "session-lost"),
    ).toEqual([]);
    expect(sorted(out.results)).toEqual(sorted(visitsOf(input)));
  });

  test("cancel by name ends the job on all its workers", async () => {
    const out = collect<Visit>();
    const job = visitsJob(uniqueTag("cancelled"), [...chunks(sales(50), 5), new Signal().step], out);
    await withWeir(onRedis, job.name, async (first) => {
      const second = await connect({ redis: testRedisUrl() });
      try {
        const runs = await Promise.all([
          first.run(job, { ...PATIENT, parallelism: 2 }),
          second.run(job, PATIENT),
        ]);
        await until(runs[0], "the results", () => out.results.length === 50);
        expect(await second.cancel(job.name)).toBe(true);
        for (const run of runs) expect((await run.finished).status).toBe("cancelled");
        expect((await first.status(job.name))?.job.status).toBe("cancelled");
        await expect(first.run(job)).rejects.toMatchObject({ code: "JOB_OVER" });
      } finally {
        await second.close();
      }
    });
  });

  test("a record above the frame cap ends the job with the edge, its size and the cap", async () => {
    const error = await runToFailure(
      onRedis,
      (job) =>
        job
          .source("texts", collection(["short", "x".repeat(5_000)]))
          .keyBy((text) => text.length)
          .reduce("last", (_a, b) => b)
          .to("out", collect()),
      { settings: { frameBytes: 2_048 } },
    );
    expect(error.details).toMatchObject({ code: "FRAME_TOO_LARGE" });
    expect(error.message).toMatch(/edge "texts-to-last".*50\d\d bytes.*2048/);
  });

  test("a state value that only the commit can refuse ends the job with operator and state", async () => {
    const error = await runToFailure(onRedis, (job) =>
      job
        .source("numbers", collection([1, 2]))
        .keyBy((n) => n)
        .process("broken", {
          state: {
            odd: value<number>({
              codec: {
                name: "refusing",
                version: 1,
                encode: () => {
                  throw new RangeError("cannot encode this");
                },
                decode: () => 0,
              },
            }),
          },
          emits: emits<number>(),
          onRecord(n, context) {
            context.state.odd.set(n);
          },
        })
        .to("out", collect()),
    );
    expect(error.code).toBe("JOB_FAILED");
    expect(error.message).toContain("cannot encode this");
  });
});
