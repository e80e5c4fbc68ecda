import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK, MIN_WATERMARK } from "../../../src/core/batch.ts";
import { msgpackCodec } from "../../../src/core/codec.ts";
import { asyncMapOperator } from "../../../src/operators/async/async-map.ts";
import { AsyncTimeoutError } from "../../../src/operators/async/call-pool.ts";
import { UserFunctionError } from "../../../src/operators/failure.ts";
import { NotIterableError } from "../../../src/operators/stateless.ts";
import { AsyncHarness } from "./async-harness.ts";
import {
  definition,
  finish,
  inputs,
  Outside,
  play,
  type Step,
  steps,
  TIMEOUT_MS,
  watermarksBefore,
} from "./campaign.ts";

const RUNS = 300;
const cases = fc.record({
  input: inputs,
  steps,
  order: fc.constantFrom("ordered" as const, "unordered" as const),
  start: fc.constantFrom("immediately" as const, "committed" as const),
  concurrency: fc.integer({ min: 1, max: 6 }),
  shares: fc.boolean(),
});

describe("asyncMap", () => {
  test("Y1 Y2 Y3 Y4 Y5 Y6 Y7 for any order of answers, failures, watermarks, commits and restarts", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ input, steps, order, start, concurrency, shares }) => {
        let lineage = 1;
        const outside = new Outside(() => lineage);
        const limits = {
          concurrency,
          timeoutMs: TIMEOUT_MS,
          retry: { attempts: 3, backoffMs: 10, maxBackoffMs: 50, when: undefined },
        };
        const create = asyncMapOperator(definition(outside.ask, { order, start, limits }));
        const harness = new AsyncHarness(create, input, "deadLetter", shares);
        const durable = new Map<number, number>();
        let most = 0;
        const look = (): void => {
          most = Math.max(most, outside.pending.length);
          // Y5
          const { found, expected } = harness.stored();
          expect(found).toEqual(expected);
          for (const record of found) if (!durable.has(record)) durable.set(record, outside.asked.length);
        };
        const run = async (step: Step): Promise<void> => {
          await play(step, harness, outside, () => lineage++);
          most = Math.max(most, outside.pending.length);
          if (step.kind === "end-commit" || step.kind === "crash-landed") look();
        };
        for (const step of steps) await run(step);
        await finish(harness, run);

        // Y1, as a result or as a dead letter
        const records = input.reduce((sum, event) => sum + (event.kind === "batch" ? event.size : 0), 0);
        const all = Array.from({ length: records }, (_, n) => n);
        const ends = [...harness.results, ...harness.letters] as number[];
        expect(ends.sort((a, b) => a - b)).toEqual(all);
        expect(harness.stored().found).toEqual([]);
        // Y2
        if (order === "ordered") {
          const results = harness.results as number[];
          expect(results).toEqual([...results].sort((a, b) => a - b));
        }
        // Y3
        const { before, last } = watermarksBefore(input);
        let told = MIN_WATERMARK;
        for (const each of harness.left) {
          if (each.kind === "watermark") {
            told = Math.max(told, each.watermark);
            continue;
          }
          const record = (each.kind === "result" ? each.value : each.record) as number;
          expect({ record, told }).toEqual({ record, told: before[record] });
          if (each.kind === "result") expect(each.timestamp).toBe(record * 10);
        }
        expect(told).toBe(last);
        // Y4
        expect(most).toBeLessThanOrEqual(concurrency);
        // Y6, Y7
        const holders = new Map<string, number>();
        const ids = new Map<number, Set<string>>();
        outside.asked.forEach(({ id, record }, at) => {
          expect(holders.get(id) ?? record).toBe(record);
          holders.set(id, record);
          const since = start === "committed" ? 0 : (durable.get(record) ?? Number.POSITIVE_INFINITY);
          if (at < since) return;
          const own = ids.get(record) ?? new Set();
          ids.set(record, own.add(id));
        });
        for (const own of ids.values()) expect(own.size).toBe(1);
      }),
      { numRuns: RUNS },
    );
  });

  test("results that are there at once leave with the batch, without a turn of their own", () => {
    const harness = new AsyncHarness(asyncMapOperator(definition((n: number) => n + 1)));
    harness.batch([1, 2, 3], [10, 20, 30]);
    expect(harness.results).toEqual([2, 3, 4]);
    expect([harness.operator.held, harness.wakes]).toEqual([0, 0]);
    expect(harness.operator.pendingWrites).toBe(0);
  });

  test("answers that come together ask for one turn", async () => {
    const harness = new AsyncHarness(asyncMapOperator(definition(async (n: number) => n)));
    harness.batch([1, 2, 3]);
    expect([harness.results, harness.wakes]).toEqual([[], 0]);
    await harness.settle();
    expect([harness.results, harness.wakes]).toEqual([[1, 2, 3], 1]);
  });

  test("a record that is answered between two commits is never stored, one that outlasts them is encoded once", async () => {
    let encoded = 0;
    const codec = {
      ...msgpackCodec,
      encode: (value: unknown) => {
        encoded++;
        return msgpackCodec.encode(value);
      },
    };
    const outside = new Outside();
    const harness = new AsyncHarness(
      asyncMapOperator(definition(outside.ask, { codec, order: "unordered" })),
    );
    harness.batch([1, 2]);
    outside.take(0)?.answer();
    await harness.settle();
    for (let commit = 0; commit < 3; commit++) {
      harness.beginCommit();
      harness.endCommit();
    }
    expect(encoded).toBe(1);
    outside.take(0)?.answer();
    await harness.settle();
    expect(harness.operator.pendingWrites).toBe(1);
  });

  test("unordered results pass each other between watermarks, and wait behind one", async () => {
    const outside = new Outside();
    const harness = new AsyncHarness(asyncMapOperator(definition(outside.ask, { order: "unordered" })));
    const answer = async (record: number): Promise<void> => {
      outside.pending.find((request) => request.record === record)?.answer();
      await harness.settle();
    };
    harness.batch([1, 2]);
    harness.operator.onWatermark(5);
    harness.batch([3]);
    harness.operator.onWatermark(MAX_WATERMARK);
    await answer(2);
    await answer(3);
    expect(harness.left).toEqual([{ kind: "result", value: 2, timestamp: undefined }]);
    await answer(1);
    expect(harness.left.slice(1)).toEqual([
      { kind: "result", value: 1, timestamp: undefined },
      { kind: "watermark", watermark: 5 },
      { kind: "result", value: 3, timestamp: undefined },
      { kind: "watermark", watermark: MAX_WATERMARK },
    ]);
  });

  test("a request that is never answered is given up after the time limit, whatever its promise does later", async () => {
    const outside = new Outside();
    const retry = { attempts: 2, backoffMs: 100, maxBackoffMs: 100, when: undefined };
    const limits = { concurrency: 1, timeoutMs: TIMEOUT_MS, retry };
    const harness = new AsyncHarness(asyncMapOperator(definition(outside.ask, { limits })));
    harness.batch([7]);
    const [first] = outside.asked;
    harness.clock.advance(TIMEOUT_MS - 1);
    await harness.settle();
    expect(first?.signal.aborted).toBe(false);
    harness.clock.advance(1);
    await harness.settle();
    expect(first?.signal.reason).toBeInstanceOf(AsyncTimeoutError);
    first?.answer();
    await harness.settle();
    expect([harness.results, outside.asked.length]).toEqual([[], 1]);
    harness.clock.advance(100);
    await harness.settle();
    expect(outside.asked.map(({ attempt, id }) => [attempt, id])).toEqual([
      [1, "op-1-1"],
      [2, "op-1-1"],
    ]);
    harness.clock.advance(TIMEOUT_MS);
    await expect(harness.settle()).rejects.toThrow(AsyncTimeoutError);
  });

  test("repeats wait twice as long each time, up to the bound, and only where `when` says so", async () => {
    const outside = new Outside();
    const seen: unknown[] = [];
    const when = (error: Error, attempt: number): boolean => {
      seen.push([error.message, attempt]);
      return attempt < 4;
    };
    const retry = { attempts: 9, backoffMs: 10, maxBackoffMs: 30, when };
    const limits = { concurrency: 1, timeoutMs: TIMEOUT_MS, retry };
    const harness = new AsyncHarness(asyncMapOperator(definition(outside.ask, { limits })), [], "deadLetter");
    harness.batch([5]);
    for (const waitMs of [10, 20, 30]) {
      outside.take(0)?.refuse();
      await harness.settle();
      harness.clock.advance(waitMs - 1);
      await harness.settle();
      expect(outside.pending).toEqual([]);
      harness.clock.advance(1);
      await harness.settle();
      expect(outside.pending).toHaveLength(1);
    }
    outside.take(0)?.refuse();
    await harness.settle();
    expect(harness.letters).toEqual([5]);
    expect(seen).toEqual([1, 2, 3, 4].map((attempt) => ["refused 5", attempt]));
  });

  test("a closed operator aborts what is under way and hears nothing more", async () => {
    const outside = new Outside();
    const harness = new AsyncHarness(asyncMapOperator(definition(outside.ask)));
    harness.batch([1]);
    const [request] = outside.asked;
    harness.operator.close?.();
    expect(request?.signal.aborted).toBe(true);
    request?.answer();
    await harness.settle();
    expect(harness.wakes).toBe(0);
  });

  test("asyncFlatMap emits every value of an iterable, and takes a record back whose iterable throws", async () => {
    const results: Record<string, () => unknown> = {
      set: () => new Set([1, 2]),
      none: () => [],
      broken: function* () {
        yield 3;
        throw new Error("half way");
      },
      number: () => 4,
      list: () => [5],
    };
    const fn = async (name: string): Promise<unknown> => results[name]?.();
    const harness = new AsyncHarness(asyncMapOperator(definition(fn, { flat: true })), [], "deadLetter");
    harness.batch(Object.keys(results));
    await harness.settle();
    expect(harness.results).toEqual([1, 2, 5]);
    expect(harness.letters).toEqual(["broken", "number"]);
    const failing = new AsyncHarness(asyncMapOperator(definition(fn, { flat: true })));
    failing.batch(["number"]);
    await expect(failing.settle()).rejects.toThrow(NotIterableError);
  });

  test("fail: the first failure ends the partition, whatever stands before it", async () => {
    const outside = new Outside();
    const harness = new AsyncHarness(asyncMapOperator(definition(outside.ask)));
    harness.batch([1, 2]);
    outside.take(1)?.refuse();
    await expect(harness.settle()).rejects.toThrow(UserFunctionError);
  });
});
