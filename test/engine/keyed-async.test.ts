// Requests behind a keyBy, as whole jobs: order of each key, keys that do not wait for each other, take-over, figures.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { collect, collection, count, type JobBuilder, tumbling } from "../../src/index.ts";
import { embedded, newJob, onRedis, runToEnd, sorted, until, withWeir } from "./engine.ts";
import { SMALL } from "./sales.ts";

const N = 600;
const KEYS = 7;
const numbers = Array.from({ length: N }, (_, i) => i);
const keyOf = (n: number): string => `key ${n % KEYS}`;
const source = (job: JobBuilder) =>
  job.source("numbers", collection(numbers), { parallelism: 1, timestamp: (n) => n * 10 });

/** Ends requests in another order than they began in. */
const jittered = async (n: number): Promise<number> => {
  if (n % 5 === 0) await sleep(n % 4);
  return n;
};

const perKey = (results: readonly number[]): number[][] =>
  Array.from({ length: KEYS }, (_, key) => results.filter((n) => n % KEYS === key));

describe.each([embedded, onRedis])("requests behind a keyBy, $name", (engine) => {
  test("Y10 Y11 results of a key leave in its order, no window misses one, and the key is known", async () => {
    const [results, flat, windows] = [collect<number>(), collect<string>(), collect<number>()];
    const { stages } = await runToEnd(
      engine,
      (job) => {
        const keyed = source(job).keyBy(keyOf);
        const answered = keyed.asyncMap("ask", jittered, { concurrency: 16 });
        answered.to("results", results);
        keyed
          .asyncFlatMap("words", async (n, { key }) => (n % 2 === 0 ? [] : [`${key}: ${n}`]), {
            order: "unordered",
            concurrency: 8,
          })
          .to("flat", flat);
        answered
          .keyBy(() => 0)
          .window(tumbling(1_000))
          .aggregate("per-second", count())
          .map("value", ({ value }) => value)
          .to("windows", windows);
      },
      { settings: SMALL },
    );
    // Each key is in one partition, and a sink gets the results of a partition in their order.
    expect(perKey(results.results)).toEqual(perKey(numbers));
    expect(sorted(flat.results)).toEqual(
      sorted(numbers.filter((n) => n % 2 === 1).map((n) => `${keyOf(n)}: ${n}`)),
    );
    expect(windows.results.reduce((sum, n) => sum + n, 0)).toBe(N);
    expect(stages.reduce((late, stage) => late + stage.late, 0)).toBe(0);
  });

  test("Y10 a request without an answer holds back its own key; the figures tell how long", async () => {
    const results = collect<number>();
    let answer = (): void => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const job = newJob((builder) =>
      source(builder)
        .keyBy(keyOf)
        .asyncMap("ask", async (n) => {
          if (n === 3) await answered;
          return n;
        })
        .to("results", results),
    );
    await withWeir(engine, job.name, async (weir) => {
      const run = await weir.run(job, { parallelism: 2, settings: SMALL });
      const others = numbers.filter((n) => n % KEYS !== 3);
      await until(run, "the results of all other keys", () => results.results.length === others.length);
      expect(sorted(results.results)).toEqual(sorted(others));
      const own = numbers.filter((n) => n % KEYS === 3);
      await until(run, "its key to be asked for", () => run.requests()[0]?.held === own.length);
      expect(run.requests()).toEqual([
        {
          ...{ operator: "ask", inFlight: 1, held: own.length },
          ...{ oldestMs: expect.any(Number), retries: 0, timeouts: 0 },
        },
      ]);
      answer();
      await run.finished;
      expect(run.requests()).toMatchObject([{ operator: "ask", inFlight: 0, held: 0, oldestMs: null }]);
    });
    expect(perKey(results.results)).toEqual(perKey(numbers));
  });

  test("Y12 sequential: one request per key at a time, in the order of its records, also when one fails", async () => {
    const results = collect<number>();
    const underWay = new Map<string, number>();
    const asked: number[] = [];
    let together = 0;
    await runToEnd(
      engine,
      (job) =>
        source(job)
          .keyBy(keyOf)
          .asyncMap(
            "ask",
            async (n, { key, attempt }) => {
              if (attempt === 1) asked.push(n);
              underWay.set(key, (underWay.get(key) ?? 0) + 1);
              expect(underWay.get(key)).toBe(1);
              together = Math.max(together, [...underWay.values()].filter((each) => each > 0).length);
              if (n % 3 === 0) await sleep(1);
              underWay.set(key, 0);
              if (n % 10 === 4 && attempt === 1) throw new Error("once more");
              if (n % 10 === 9) throw new Error("never");
              return n;
            },
            { order: "sequential", onError: "skip", retry: { attempts: 2, backoff: 1 }, concurrency: 50 },
          )
          .to("results", results),
      { parallelism: 1, settings: SMALL },
    );
    expect(together).toBeGreaterThan(1);
    expect(perKey(asked)).toEqual(perKey(numbers));
    expect(perKey(results.results)).toEqual(perKey(numbers.filter((n) => n % 10 !== 9)));
  });

  test("a stopped job keeps what is under way with its keys, and asks again in their order", async () => {
    const results = collect<string>();
    const asked: number[] = [];
    let answers = false;
    const job = newJob((builder) =>
      builder
        .source("numbers", collection(numbers.slice(0, 40)))
        .keyBy((n) => ({ id: n % 4 }), {
          keyCodec: { encode: ({ id }) => `id-${id}`, decode: (text) => ({ id: Number(text.slice(3)) }) },
        })
        .asyncMap("ask", (n, { key }) => {
          asked.push(n);
          return answers ? `${key.id}: ${n}` : new Promise<string>(() => {});
        })
        .to("results", results),
    );
    await withWeir(engine, job.name, async (weir) => {
      const first = await weir.run(job, { parallelism: 2, settings: SMALL });
      await until(first, "all are asked", () => asked.length === 40);
      await first.stop();
      answers = true;
      const second = await weir.run(job, { parallelism: 2, settings: SMALL });
      await second.finished;
    });
    const own = (texts: readonly string[], id: number) => texts.filter((text) => text.startsWith(`${id}:`));
    for (let id = 0; id < 4; id++)
      expect(own(results.results, id)).toEqual(
        numbers
          .slice(0, 40)
          .filter((n) => n % 4 === id)
          .map((n) => `${id}: ${n}`),
      );
    expect(asked).toHaveLength(80);
  });
});
