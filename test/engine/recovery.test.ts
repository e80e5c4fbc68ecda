// Jobs on Redis that fail, stop and go on: every record counts exactly once.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import { ndjsonSink } from "../../src/connectors/files/index.ts";
import { redisStream, redisStreamSink } from "../../src/connectors/redis/index.ts";
import {
  collect,
  collection,
  count,
  defineJob,
  EngineError,
  emits,
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
import { Signal, type Visit, visitsJob, visitsOf } from "./visits.ts";

describe.concurrent("recovery on Redis", () => {
  test("a sink that refuses for ever is retried and then ends the job with its name and cause", async () => {
    const restarts: RunEvent[] = [];
    const error = await runToFailure(
      onRedis,
      (job) =>
        job
          .source("numbers", collection([1, 2, 3]))
          .to("broken", refusing(Number.POSITIVE_INFINITY, collect())),
      {
        parallelism: 1,
        restart: { initialBackoffMs: 1, maxBackoffMs: 10 },
        onEvent: (event) => event.kind === "partition-restart" && restarts.push(event),
      },
    );
    expect(error).toMatchObject({ code: "JOB_FAILED", details: { code: "SINK_FAILED" } });
    expect(error.message).toContain('sink "broken"');
    expect(error.message).toContain("no space");
    expect(restarts).toHaveLength(10);
  });

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
    const input = sales(900, 40);
    const out = collect<Visit>();
    const job = visitsJob(uniqueTag("stops"), chunks(input, 10), out);
    await withWeir(onRedis, job.name, async (weir) => {
      for (let stops = 0; stops < 4; stops++) {
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
