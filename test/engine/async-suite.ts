// Asynchronous operators: order, backpressure, time-outs, repeats, policies, what is stored, and the end of the input.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { collect, collection, count, type DeadLetter, type JobBuilder, tumbling } from "../../src/index.ts";
import { type Engine, newJob, runToEnd, runToFailure, sorted, until, withWeir } from "./engine.ts";
import { SMALL } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

const N = 600;
const numbers = Array.from({ length: N }, (_, i) => i);
const source = (job: JobBuilder, partitions = 2) =>
  job.source("numbers", collection(numbers), { parallelism: partitions, timestamp: (n) => n * 10 });

/** Ends requests in another order than they began in. */
const jittered = async (n: number): Promise<number> => {
  if (n % 7 === 0) await sleep(n % 3);
  return n * 2;
};

export function describeAsync(engine: Engine): void {
  describe.concurrent("asynchronous operators", () => {
    test("ordered results leave in the order of their records", async () => {
      const results = collect<number>();
      await runToEnd(
        engine,
        (job) => source(job, 1).asyncMap("double", jittered, { concurrency: 16 }).to("out", results),
        { parallelism: 1, settings: SMALL },
      );
      expect(results.results).toEqual(numbers.map((n) => n * 2));
    });

    test("unordered results are all there, and no window loses one", async () => {
      const [results, windows] = [collect<number>(), collect<unknown>()];
      const { stages } = await runToEnd(
        engine,
        (job) => {
          const doubled = source(job).asyncMap("double", jittered, { order: "unordered", concurrency: 16 });
          doubled.to("out", results);
          doubled
            .keyBy((n) => n % 4)
            .window(tumbling(1_000))
            .aggregate("per-second", count())
            .map("count", ({ value }) => value)
            .to("counts", windows);
        },
        { settings: SMALL },
      );
      expect(sorted(results.results)).toEqual(sorted(numbers.map((n) => n * 2)));
      const counted = (windows.results as number[]).reduce((sum, n) => sum + n, 0);
      expect(counted).toBe(N);
      expect(stages.reduce((late, stage) => late + stage.late, 0)).toBe(0);
    });

    test("one after the other, through keyBy and a rebalance, with flat results", async () => {
      const results = collect<string>();
      await runToEnd(
        engine,
        (job) =>
          source(job)
            .asyncFlatMap("twice", async (n) => (n % 5 === 0 ? [] : [n, -n]), { concurrency: 3 })
            .asyncMap("text", async (n) => `n${n}`, { concurrency: 5, order: "unordered" })
            .rebalance()
            .asyncMap("mark", (text) => `${text}!`)
            .to("out", results),
        { settings: SMALL },
      );
      const expected = numbers.filter((n) => n % 5 !== 0).flatMap((n) => [`n${n}!`, `n${-n}!`]);
      expect(sorted(results.results)).toEqual(sorted(expected));
    });

    test("Y4 at most `concurrency` requests are under way per partition, and input waits meanwhile", async () => {
      let underWay = 0;
      let most = 0;
      let release = (): void => {};
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      const job = newJob((builder) =>
        source(builder, 1)
          .asyncMap(
            "wait",
            async (n) => {
              most = Math.max(most, ++underWay);
              await gate;
              underWay--;
              return n;
            },
            { concurrency: 5 },
          )
          .to("out", collect()),
      );
      await withWeir(engine, job.name, async (weir) => {
        const run = await weir.run(job, {
          parallelism: 1,
          settings: { ...SMALL, sourceBatchRecords: 10 },
        });
        await until(run, "the partition is held back", () =>
          run.stages().some((stage) => stage.recordsIn === 10 && stage.backpressuredMs > 50),
        );
        expect(most).toBe(5);
        expect(run.stages()[0]).toMatchObject({ recordsIn: 10 });
        release();
        await run.finished;
        expect(most).toBe(5);
      });
    });

    test("a time-out aborts the signal and is repeated; what fails in the end follows the policy", async () => {
      const [kept, letters] = [collect<number>(), collect<DeadLetter>()];
      let aborted = 0;
      const { stages } = await runToEnd(
        engine,
        (job) => {
          const mapped = job.source("numbers", collection(numbers.slice(0, 40))).asyncMap(
            "flaky",
            (n, { attempt, signal }) => {
              if (n % 10 === 3)
                return new Promise<number>(() => signal.addEventListener("abort", () => aborted++));
              if (n % 10 === 4 && attempt < 3) return Promise.reject(new Error(`try ${attempt} of ${n}`));
              if (n % 10 === 5) throw new RangeError(`never ${n}`);
              return Promise.resolve(n);
            },
            { timeout: 40, retry: { attempts: 3, backoff: 1 }, onError: "deadLetter", concurrency: 7 },
          );
          mapped.to("kept", kept);
          mapped.deadLetters().to("letters", letters);
        },
        { settings: SMALL },
      );
      const expected = numbers.slice(0, 40).filter((n) => n % 10 !== 3 && n % 10 !== 5);
      expect(sorted(kept.results)).toEqual(sorted(expected));
      expect(letters.results.map(({ record, error }) => [record, error.name]).sort()).toEqual(
        [3, 13, 23, 33]
          .map((n) => [n, "AsyncTimeoutError"])
          .concat([5, 15, 25, 35].map((n) => [n, "RangeError"]))
          .sort(),
      );
      expect(aborted).toBe(12);
      expect(stages.reduce((sum, stage) => sum + stage.deadLetters, 0)).toBe(8);
    });

    test("fail: a request that fails ends the job with the operator and the record", async () => {
      const error = await runToFailure(engine, (job) =>
        source(job)
          .asyncMap("price", async (n) => {
            if (n === 17) throw new Error("no price");
            return n;
          })
          .to("out", collect()),
      );
      expect(error).toMatchObject({ code: "JOB_FAILED", details: { code: "USER_FUNCTION" } });
      expect(error.message).toContain('"price" failed at record 17');
    });

    test("requests of start `committed` begin when their record is durable, and all is there in the end", async () => {
      const results = collect<string>();
      await runToEnd(
        engine,
        (job) =>
          source(job)
            .asyncMap("name", async (_, { id }) => id, { start: "committed", concurrency: 50 })
            .to("out", results),
        { settings: SMALL },
      );
      expect(new Set(results.results).size).toBe(N);
    });

    test("lookup joins with rows that are loaded in batches, none twice", async () => {
      const [inner, left] = [collect<string>(), collect<string>()];
      const asked: number[] = [];
      const table = new Map([0, 1, 2, 3, 5, 7].map((id) => [id, `row ${id}`]));
      await runToEnd(
        engine,
        (job) => {
          const input = source(job, 1);
          input
            .lookup(
              "rows",
              {
                key: (n) => (n % 10 === 9 ? undefined : n % 10),
                load: async (ids) => {
                  asked.push(...ids);
                  await sleep(1);
                  return new Map(ids.flatMap((id) => (table.has(id) ? [[id, table.get(id) as string]] : [])));
                },
                cache: { ttl: "1h" },
              },
              (n, row) => `${n} ${row}`,
            )
            .to("inner", inner);
          input
            .lookup(
              "left-rows",
              {
                kind: "left",
                key: (n) => n % 10,
                load: (ids) => ids.map((id) => table.get(id)),
                cache: { ttl: "1h", maxEntries: 3 },
                order: "unordered",
              },
              (n, row) => `${n} ${row ?? "none"}`,
            )
            .to("left", left);
        },
        { parallelism: 1, settings: SMALL },
      );
      expect(inner.results).toEqual(
        numbers.filter((n) => table.has(n % 10)).map((n) => `${n} row ${n % 10}`),
      );
      expect(sorted(left.results)).toEqual(sorted(numbers.map((n) => `${n} ${table.get(n % 10) ?? "none"}`)));
      expect(asked.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    });

    test("Y3 a silent input is not idle while its records are held: no window closes without them", async () => {
      const counts = collect<[number, number]>();
      let answer = (): void => {};
      const answered = new Promise<void>((resolve) => {
        answer = resolve;
      });
      const job = newJob((builder) => {
        const time = { timestamp: (n: number) => n * 10, idleAfter: 20, parallelism: 1 };
        const slow = builder
          .source("slow", scripted<number>([[[0, 1, 2], { wait: () => answered }]]), time)
          .asyncMap("ask", async (n) => {
            await answered;
            return n;
          });
        const quick = builder.source("quick", scripted<number>([[numbers, { wait: () => answered }]]), time);
        slow
          .union(quick)
          .keyBy(() => 0)
          .window(tumbling(1_000))
          .aggregate("per-second", count())
          .map(({ window, value }): [number, number] => [window.start, value])
          .to("counts", counts);
      });
      await withWeir(engine, job.name, async (weir) => {
        const run = await weir.run(job, { parallelism: 1, settings: SMALL });
        const windows = () => run.stages().find((stage) => stage.stage === "per-second");
        await until(run, "all of the quick input to be counted", () => windows()?.recordsIn === N);
        // Long after the slow input has fallen silent.
        await sleep(200);
        expect(counts.results).toEqual([]);
        answer();
        await run.finished;
      });
      expect(counts.results[0]).toEqual([0, 103]);
      expect(counts.results).toHaveLength(N / 100);
    });

    test("a stopped job keeps what is under way, and asks again when it goes on", async () => {
      const results = collect<number>();
      const asked: number[] = [];
      let answers = false;
      const signals: AbortSignal[] = [];
      const job = newJob((builder) =>
        builder
          .source("numbers", collection(numbers.slice(0, 20)))
          .asyncMap("ask", (n, { signal }) => {
            asked.push(n);
            if (answers) return n;
            signals.push(signal);
            return new Promise<number>(() => {});
          })
          .to("out", results),
      );
      await withWeir(engine, job.name, async (weir) => {
        const first = await weir.run(job, { parallelism: 1, settings: SMALL });
        await until(first, "all are asked", () => asked.length === 20);
        await first.stop();
        expect(signals.every((signal) => signal.aborted)).toBe(true);
        answers = true;
        const second = await weir.run(job, { parallelism: 1, settings: SMALL });
        await second.finished;
        expect(results.results).toEqual(numbers.slice(0, 20));
        expect(asked).toHaveLength(40);
      });
    });
  });
}
