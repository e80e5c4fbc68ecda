// Jobs on Redis that are stopped, resumed, shared, restarted and refused.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import { ndjsonSink } from "../../src/connectors/files/index.ts";
import { redisStream, redisStreamSink } from "../../src/connectors/redis/index.ts";
import {
  type CollectSink,
  collect,
  collection,
  connect,
  count,
  defineJob,
  EngineError,
  emits,
  type Job,
  list,
  type RunEvent,
  type Sink,
  tumbling,
  value,
} from "../../src/index.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  chunks,
  DEADLINE_MS,
  groupBy,
  newJob,
  onRedis,
  runToEnd,
  runToFailure,
  sorted,
  until,
  withWeir,
} from "./engine.ts";
import { SMALL, sales } from "./sales.ts";
import { type Step, scripted } from "./scripted-source.ts";

/** Lets a script go on from outside. */
class Signal {
  set: () => void = () => {};
  readonly #isSet = new Promise<void>((resolve) => {
    this.set = resolve;
  });
  readonly step = { wait: (): Promise<void> => this.#isSet };
}

interface Visit {
  readonly shop: string;
  readonly ids: readonly number[];
}

/** Every record with all ids of its shop so far: one lost or doubled record shows in all that follow. */
function visitsJob(
  name: string,
  script: readonly Step<ReturnType<typeof sales>[number]>[],
  sink: Sink<Visit>,
): Job {
  return defineJob(name, (job) =>
    job
      .source("sales", scripted([script]), { parallelism: 1, timestamp: (sale) => sale.id })
      .keyBy((sale) => sale.shop)
      .process("visits", {
        state: { ids: list<number>() },
        emits: emits<Visit>(),
        onRecord(sale, context) {
          context.state.ids.append(sale.id);
          context.emit({ shop: context.key, ids: [...context.state.ids.get()] });
        },
      })
      .to("out", sink),
  );
}

function visitsOf(input: ReturnType<typeof sales>): Visit[] {
  return [...groupBy(input, (sale) => sale.shop)].flatMap(([shop, own]) =>
    own.map((_, i) => ({ shop, ids: own.slice(0, i + 1).map((sale) => sale.id) })),
  );
}

describe.concurrent("jobs on Redis", () => {
  test("a sink that refuses for ever is retried and then ends the job with its name and cause", async () => {
    const restarts: RunEvent[] = [];
    const error = await runToFailure(
      onRedis,
      (job) =>
        job
          .source("numbers", collection([1, 2, 3]))
          .to("broken", refusing(Number.POSITIVE_INFINITY, collect())),
      { parallelism: 1, onEvent: (event) => event.kind === "partition-restart" && restarts.push(event) },
    );
    expect(error).toMatchObject({ code: "JOB_FAILED", details: { code: "SINK_FAILED" } });
    expect(error.message).toContain('sink "broken"');
    expect(error.message).toContain("no space");
    expect(restarts).toHaveLength(10);
  }, 120_000);

  test("a sink that refuses twice is retried from the last commit: every record once", async () => {
    const restarts: RunEvent[] = [];
    const out = collect<number>();
    const numbers = Array.from({ length: 60 }, (_, n) => n);
    await runToEnd(
      onRedis,
      (job) =>
        job
          .source("numbers", collection(numbers), { parallelism: 1 })
          .keyBy((n) => n % 3)
          .reduce("sum", (a, b) => a + b)
          .to("flaky", refusing(2, out)),
      {
        parallelism: 1,
        settings: SMALL,
        onEvent: (event) => event.kind === "partition-restart" && restarts.push(event),
      },
    );
    const sums = [0, 1, 2].flatMap((rest) => {
      let total = 0;
      return numbers.filter((n) => n % 3 === rest).map((n) => (total += n));
    });
    expect(sorted(out.results)).toEqual(sorted(sums));
    expect(restarts).toHaveLength(2);
  });

  test("a reader that fails for a while is opened again at the committed position: every record once", async () => {
    class BrokenLineError extends EngineError<"BROKEN_LINE"> {
      constructor() {
        super("BROKEN_LINE", "the line is broken", { retry: "partition" });
      }
    }
    const input = sales(90);
    const out = collect<Visit>();
    const restarts: RunEvent[] = [];
    let left = 3;
    const fail = { fail: (): Error | undefined => (left-- > 0 ? new BrokenLineError() : undefined) };
    const seen = (results: number): Step<never> => ({
      wait: () =>
        waitFor(() => out.results.length >= results, {
          deadlineMs: DEADLINE_MS,
          describe: `${results} results`,
        }),
    });
    const [first = [], second = [], third = []] = chunks(input, 30);
    const job = visitsJob(uniqueTag("reader"), [first, seen(30), second, fail, third], out);
    await withWeir(onRedis, job.name, async (weir) => {
      const run = await weir.run(job, {
        parallelism: 2,
        onEvent: (event) => event.kind === "partition-restart" && restarts.push(event),
      });
      await run.finished;
    });
    expect(sorted(out.results)).toEqual(sorted(visitsOf(input)));
    expect(restarts.map((event) => "partition" in event && event.partition)).toEqual([
      "sales.0",
      "sales.0",
      "sales.0",
    ]);
  });

  test("a job that was stopped half-way goes on in another run: every record once, windows too", async () => {
    const input = sales(200);
    const out = collect<Visit>();
    const windows = collect<{ key: string; value: number; window: { start: number } }>();
    const goOn = new Signal();
    const [first = [], second = []] = chunks(input, 100);
    const name = uniqueTag("resume");
    const job = defineJob(name, (builder) => {
      const byShop = builder
        .source("sales", scripted([[...chunks(first, 9), goOn.step, ...chunks(second, 9)]]), {
          parallelism: 1,
          timestamp: (sale) => sale.id,
        })
        .keyBy((sale) => sale.shop);
      byShop
        .process("visits", {
          state: { ids: list<number>() },
          emits: emits<Visit>(),
          onRecord(sale, context) {
            context.state.ids.append(sale.id);
            context.emit({ shop: context.key, ids: [...context.state.ids.get()] });
          },
        })
        .to("out", out);
      byShop.window(tumbling(70)).aggregate("n", count()).to("windows", windows);
    });
    await withWeir(onRedis, name, async (weir) => {
      const run = await weir.run(job, { parallelism: 3, settings: SMALL });
      await until(run, "half of the results", () => out.results.length === 100);
      await run.stop();
      expect((await run.finished).status).toBe("running");
      expect((await weir.status(name))?.workers).toEqual([]);
      goOn.set();
      const resumed = await weir.run(job, { settings: SMALL });
      expect((await resumed.finished).status).toBe("finished");
    });
    expect(sorted(out.results)).toEqual(sorted(visitsOf(input)));
    const expected = [...groupBy(input, (sale) => `${sale.shop} ${Math.floor(sale.id / 70) * 70}`)].map(
      ([key, own]) => `${key}: ${own.length}`,
    );
    expect(windows.results.map(({ key, value: n, window }) => `${key} ${window.start}: ${n}`).sort()).toEqual(
      expected.sort(),
    );
  });

  test("runs that are stopped at any moment, again and again, lose and double nothing", async () => {
    const input = sales(1_500, 40);
    const out = collect<Visit>();
    const job = visitsJob(uniqueTag("stops"), chunks(input, 10), out);
    await withWeir(onRedis, job.name, async (weir) => {
      for (let stops = 0; stops < 6; stops++) {
        const before = out.results.length;
        const run = await weir.run(job, { parallelism: 3, settings: { ...SMALL, cacheEntries: 100 } });
        await waitFor(() => out.results.length > before + 50 || out.results.length === input.length, {
          deadlineMs: DEADLINE_MS,
          describe: "some progress",
        });
        await run.stop();
        if ((await run.finished).status === "finished") return;
      }
      await (await weir.run(job)).finished;
    });
    expect(sorted(out.results)).toEqual(sorted(visitsOf(input)));
  });

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
      await expect(weir.run(build("count", "amount", out))).rejects.toThrow(/amount/);
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
        const run = await first.run(job, { parallelism: 3, onEvent: (event) => events[0].push(event) });
        await until(run, "a hundred results", () => out.results.length === 100);
        expect(started(0).sort()).toEqual(["sales.0", "visits.0", "visits.1", "visits.2"]);

        const joined = await second.run(job, { onEvent: (event) => events[1].push(event) });
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
        const runs = await Promise.all([first.run(job, { parallelism: 2 }), second.run(job)]);
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

  test("Redis Streams as source and sink, stopped and resumed: every entry once", async () => {
    const [input, output] = [uniqueTag("engine-in"), uniqueTag("engine-out")];
    const client = createClient({ url: testRedisUrl(), RESP: 2 });
    await client.connect();
    const add = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n++) await client.xAdd(input, "*", { record: JSON.stringify({ n }) });
    };
    const written = async (): Promise<{ n: number; total: number }[]> =>
      ((await client.xRange(output, "-", "+")) ?? []).map(({ message }) =>
        JSON.parse(message["record"] ?? ""),
      );
    const job = newJob((builder) =>
      builder
        .source("in", redisStream<{ n: number }>(input))
        .keyBy(({ n }) => n % 5)
        .process("totals", {
          state: { total: value({ default: 0 }) },
          emits: emits<{ n: number; total: number }>(),
          onRecord({ n }, context) {
            context.state.total.set(context.state.total.get() + n);
            context.emit({ n, total: context.state.total.get() });
          },
        })
        .to("out", redisStreamSink(output)),
    );
    try {
      await withWeir(onRedis, job.name, async (weir) => {
        await add(0, 60);
        const run = await weir.run(job, { parallelism: 2, settings: SMALL });
        await waitFor(async () => (await written()).length >= 30, {
          deadlineMs: DEADLINE_MS,
          describe: "30 entries",
        });
        await run.stop();
        await add(60, 120);
        const resumed = await weir.run(job, { settings: SMALL });
        await waitFor(async () => (await written()).length >= 120, {
          deadlineMs: DEADLINE_MS,
          describe: "120 entries",
        });
        await resumed.cancel();
      });
      const totals = new Map<number, number>();
      const expected = Array.from({ length: 120 }, (_, n) => {
        totals.set(n % 5, (totals.get(n % 5) ?? 0) + n);
        return { n, total: totals.get(n % 5) };
      });
      expect(sorted(await written())).toEqual(sorted(expected));
    } finally {
      await client.unlink([input, output]);
      client.destroy();
    }
  });

  test("an NDJSON file has every record once after stops and resumes", async () => {
    const directory = await mkdtemp(join(tmpdir(), "weir-engine-"));
    const input = sales(120);
    const goOn = new Signal();
    const path = join(directory, "out", "visits.ndjson");
    const lines = async (): Promise<string[]> => (await readFile(path, "utf8")).split("\n").slice(0, -1);
    const job = visitsJob(
      uniqueTag("ndjson"),
      [...chunks(input.slice(0, 60), 7), goOn.step, ...chunks(input.slice(60), 7)],
      oneFile(ndjsonSink<Visit>(path)),
    );
    try {
      await withWeir(onRedis, job.name, async (weir) => {
        const run = await weir.run(job, { parallelism: 2, settings: SMALL });
        await waitFor(async () => (await lines()).length >= 60, {
          deadlineMs: DEADLINE_MS,
          describe: "60 lines",
        });
        await run.stop();
        goOn.set();
        const resumed = await weir.run(job, { settings: SMALL });
        expect((await resumed.finished).status).toBe("finished");
      });
      expect((await lines()).sort()).toEqual(sorted(visitsOf(input)));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

/** A sink that refuses its first `times` batches. */
function refusing<T>(times: number, sink: Sink<T>): Sink<T> {
  let left = times;
  return {
    ...sink,
    open: async (context) => {
      const writer = await sink.open(context);
      return {
        write(records, timestamps) {
          if (left-- > 0) throw new Error("no space");
          writer.write(records, timestamps);
        },
        prepare: () => writer.prepare(),
        committed: () => writer.committed(),
        close: (graceful) => writer.close(graceful),
      };
    },
  };
}

/** All partitions' records through one, so that there is one file to look at. */
function oneFile<T>(sink: Sink<T>): Sink<T> {
  return { ...sink, maxParallelism: 1 };
}
