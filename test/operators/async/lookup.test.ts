import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MIN_WATERMARK } from "../../../src/core/batch.ts";
import { msgpackCodec } from "../../../src/core/codec.ts";
import { UnsupportedKeyError } from "../../../src/core/key-group.ts";
import {
  LookupAnswerError,
  type LookupDefinition,
  lookupOperator,
} from "../../../src/operators/async/lookup.ts";
import { LookupCache } from "../../../src/operators/async/lookup-cache.ts";
import { AsyncFunctionError } from "../../../src/operators/stateless.ts";
import { AsyncHarness, type Input } from "./async-harness.ts";

const RUNS = 250;

function definition(
  load: LookupDefinition["load"],
  changes: Partial<LookupDefinition> = {},
): LookupDefinition {
  const retry = { attempts: 1, backoffMs: 0, maxBackoffMs: 0, when: undefined };
  return {
    key: (record) => record,
    load,
    join: (record, row) => [record, row],
    kind: "left",
    cache: { maxEntries: 100, ttlMs: 1_000, cacheMissing: true },
    maxKeys: 100,
    capacity: 1_000,
    order: "ordered",
    limits: { concurrency: 10, timeoutMs: 1_000, retry },
    codec: msgpackCodec,
    ...changes,
  };
}

interface Call {
  readonly keys: readonly number[];
  answer(): void;
}

/** Key n of 0 to 9 has a row unless it is 4; answers when it is told to. */
class Table {
  calls: Call[] = [];
  pending: Call[] = [];

  readonly load = (keys: readonly number[]): Promise<unknown> =>
    new Promise((resolve) => {
      const call: Call = {
        keys: [...keys],
        answer: () => {
          this.pending = this.pending.filter((other) => other !== call);
          // Both forms of an answer.
          resolve(
            keys.length % 2 === 0
              ? keys.map((key) => rowOf(key))
              : new Map(keys.map((key) => [key, rowOf(key) ?? null])),
          );
        },
      };
      this.calls.push(call);
      this.pending.push(call);
    });
}

function rowOf(key: number): string | undefined {
  return key === 4 ? undefined : `row ${key}`;
}

const keyOf = (record: number): number | null => (record % 11 === 10 ? null : record % 11);

const cases = fc.record({
  input: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("batch" as const), size: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ kind: fc.constant("watermark" as const), watermark: fc.integer({ min: 0, max: 9 }) }),
    ),
    { minLength: 1, maxLength: 12 },
  ) as fc.Arbitrary<Input[]>,
  steps: fc.array(
    fc.constantFrom("feed", "feed", "answer", "answer", "begin", "end", "crash", "crash-landed", "time"),
    { maxLength: 60 },
  ),
  order: fc.constantFrom("ordered" as const, "unordered" as const),
  kind: fc.constantFrom("inner" as const, "left" as const),
  cache: fc.option(
    fc.record({
      maxEntries: fc.integer({ min: 1, max: 4 }),
      ttlMs: fc.constantFrom(5, 10_000),
      cacheMissing: fc.boolean(),
    }),
    { nil: undefined },
  ),
  maxKeys: fc.integer({ min: 1, max: 4 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
  choices: fc.array(fc.nat(100), { minLength: 1, maxLength: 20 }),
});

describe("lookup", () => {
  test("Y9 joins every record with its row, for any cache, order of answers, commits and restarts", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ input, steps, order, kind, cache, maxKeys, concurrency, choices }) => {
        const table = new Table();
        const retry = { attempts: 1, backoffMs: 0, maxBackoffMs: 0, when: undefined };
        const create = lookupOperator(
          definition(table.load, {
            key: keyOf,
            order,
            kind,
            cache,
            maxKeys,
            limits: { concurrency, timeoutMs: 100_000, retry },
          }),
        );
        const harness = new AsyncHarness(create, input);
        let chosen = 0;
        const run = async (step: string): Promise<void> => {
          if (step === "feed") harness.feed();
          else if (step === "answer")
            table.pending[(choices[chosen++ % choices.length] as number) % table.pending.length]?.answer();
          else if (step === "begin") harness.beginCommit();
          else if (step === "end") harness.endCommit();
          else if (step === "time") harness.clock.advance(3);
          else {
            table.pending = [];
            harness.crash(step === "crash-landed");
          }
          await harness.settle();
          // Never the same key twice, in one call or in several.
          const underWay = table.pending.flatMap((call) => call.keys);
          expect(new Set(underWay).size).toBe(underWay.length);
          expect(table.pending.length).toBeLessThanOrEqual(concurrency);
        };
        for (const step of steps) await run(step);
        for (let turn = 0; !harness.isOver; turn++) {
          if (turn > 2_000) throw new Error("the input does not come to its end");
          for (const step of ["feed", "begin", "answer", "end"]) await run(step);
        }
        for (const { keys } of table.calls) expect(keys.length).toBeLessThanOrEqual(maxKeys);
        const before: number[] = [];
        let watermark = MIN_WATERMARK;
        for (const event of input) {
          if (event.kind === "watermark") watermark = Math.max(watermark, event.watermark);
          else before.push(...new Array<number>(event.size).fill(watermark));
        }
        const expected = before.flatMap((_, n) => {
          const key = keyOf(n);
          const row = key === null ? undefined : rowOf(key);
          return row === undefined && kind === "inner" ? [] : [[n, row]];
        });
        const results = harness.results as [number, string | undefined][];
        const sorted = [...results].sort(([a], [b]) => a - b);
        expect(sorted).toEqual(expected);
        if (order === "ordered") expect(results).toEqual(sorted);
        let told = MIN_WATERMARK;
        for (const each of harness.left) {
          if (each.kind === "watermark") told = Math.max(told, each.watermark);
          else if (each.kind === "result") expect(told).toBe(before[(each.value as [number])[0]]);
        }
        expect(told).toBe(watermark);
      }),
      { numRuns: RUNS },
    );
  });

  test("a batch whose keys are all cached needs no promise and no turn", async () => {
    const table = new Table();
    const harness = new AsyncHarness(lookupOperator(definition(table.load)));
    harness.batch([1, 2, 1, 4, 2]);
    expect(table.calls.map((call) => call.keys)).toEqual([[1, 2, 4]]);
    table.pending[0]?.answer();
    await harness.settle();
    const { wakes } = harness;
    harness.batch([4, 1, 2, 2]);
    expect(harness.results.slice(5)).toEqual([
      [4, undefined],
      [1, "row 1"],
      [2, "row 2"],
      [2, "row 2"],
    ]);
    expect([harness.wakes, table.calls.length, harness.operator.held]).toEqual([wakes, 1, 0]);
  });

  test("a row is loaded again when it is too old", async () => {
    const harness = new AsyncHarness(
      lookupOperator(definition((keys) => keys.map(() => harness.clock.nowMs()))),
    );
    harness.batch([1]);
    harness.clock.advance(999);
    harness.batch([1]);
    harness.clock.advance(1);
    harness.batch([1]);
    expect(harness.results).toEqual([
      [1, 1_000_000],
      [1, 1_000_000],
      [1, 1_001_000],
    ]);
  });

  test("an answer of neither form ends the partition with the remedy", async () => {
    for (const answer of [undefined, null, [1], { 1: "row" }]) {
      const harness = new AsyncHarness(lookupOperator(definition(async () => answer)));
      harness.batch([1, 2]);
      await expect(harness.settle()).rejects.toThrow(LookupAnswerError);
    }
  });

  test("a call that fails fails all records that waited for it, and those only", async () => {
    const load = async (keys: readonly number[]): Promise<unknown> => {
      if (keys.includes(2)) throw new Error("no such page");
      return keys.map((key) => rowOf(key));
    };
    const harness = new AsyncHarness(lookupOperator(definition(load, { maxKeys: 2 })), [], "deadLetter");
    harness.batch([1, 2, 3, 1, 3]);
    await harness.settle();
    expect(harness.letters).toEqual([1, 2, 1]);
    expect(harness.results).toEqual([
      [3, "row 3"],
      [3, "row 3"],
    ]);
  });

  test("a throwing key or join concerns its record alone, before and after it is cached", async () => {
    const table = new Table();
    const key = (record: number): number => {
      if (record === 7) throw new Error("no key");
      return record % 10;
    };
    const join = (record: number, row: string): unknown => {
      if (record % 10 === 3) throw new Error("no join");
      return [record, row];
    };
    const harness = new AsyncHarness(lookupOperator(definition(table.load, { key, join })), [], "deadLetter");
    harness.batch([1, 3, 7, 2]);
    table.pending[0]?.answer();
    await harness.settle();
    harness.batch([11, 13, 7, 12]);
    expect(harness.results).toEqual([
      [1, "row 1"],
      [2, "row 2"],
      [11, "row 1"],
      [12, "row 2"],
    ]);
    expect(harness.letters).toEqual([3, 7, 13, 7]);
  });

  test("a key that is an object, and a join that returns a promise, end the partition", async () => {
    const table = new Table();
    const byObject = new AsyncHarness(lookupOperator(definition(table.load, { key: () => ({}) })));
    expect(() => byObject.batch([1])).toThrow(UnsupportedKeyError);
    const load = (keys: readonly number[]): unknown => keys.map((key) => rowOf(key));
    const join = async (): Promise<void> => {};
    const late = new AsyncHarness(lookupOperator(definition(load, { join })), [], "skip");
    expect(() => late.batch([1])).toThrow(AsyncFunctionError);
  });
});

describe("LookupCache", () => {
  test("Y8 agrees with a list in the order of last use, for any sequence of calls", () => {
    const calls = fc.array(
      fc.record({ key: fc.nat(6), put: fc.boolean(), missing: fc.boolean(), byMs: fc.nat(4) }),
      { maxLength: 100 },
    );
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 4 }), fc.boolean(), (steps, maxEntries, cacheMissing) => {
        const cache = new LookupCache({ maxEntries, ttlMs: 10, cacheMissing });
        let model: { key: number; row: unknown; untilMs: number }[] = [];
        let nowMs = 0;
        for (const [i, { key, put, missing, byMs }] of steps.entries()) {
          nowMs += byMs;
          const known = model.find((each) => each.key === key);
          const others = model.filter((each) => each.key !== key);
          if (put) {
            const row = missing ? undefined : i;
            cache.put(key, row, nowMs);
            model = others;
            if (row !== undefined || cacheMissing) {
              if (model.length >= maxEntries) model.shift();
              model.push({ key, row, untilMs: nowMs + 10 });
            }
          } else {
            const found = cache.find(key, nowMs);
            const valid = known !== undefined && known.untilMs > nowMs ? known : undefined;
            expect(found?.row).toBe(valid?.row);
            expect(found === undefined).toBe(valid === undefined);
            if (known !== undefined) model = valid === undefined ? others : [...others, known];
          }
          expect(cache.size).toBe(model.length);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
