import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NoAccumulatorError } from "../../src/core/aggregate.ts";
import type { Codec } from "../../src/core/codec.ts";
import type { KeyedStream } from "../../src/dataflow/keyed-stream.ts";
import { aggregateOperator } from "../../src/operators/aggregate.ts";
import {
  type Aggregate,
  collectList,
  combine,
  count,
  max,
  maxBy,
  mean,
  min,
  minBy,
  sum,
  topN,
} from "../../src/operators/aggregates.ts";
import { reduceOperator } from "../../src/operators/reduce.ts";
import { operatorHarness } from "../../src/testing/index.ts";
import { KeyedHarness } from "../support/keyed-harness.ts";

const RUNS = 300;

const identity = (n: number): number => n;
/** Keeps its number as text, to see that codecs of parts are used. */
const textCodec: Codec<number> = {
  name: "text",
  version: 2,
  encode: (n) => new TextEncoder().encode(`<${n}>`),
  decode: (bytes) => Number(new TextDecoder().decode(bytes).slice(1, -1)),
};

const all = combine({
  count: count(),
  sum: sum(identity),
  mean: mean(identity),
  min: min(identity),
  max: max(identity),
  first: minBy((n: number) => n),
  last: maxBy((n: number) => n),
  list: collectList<number>(),
  top: topN(3, Math.abs),
  bottom: topN(2, identity, { order: "asc" }),
  coded: { ...sum(identity), codec: textCodec },
});

const byDefinition = (numbers: readonly number[]): unknown => ({
  count: numbers.length,
  sum: numbers.reduce((a, b) => a + b, 0),
  mean: numbers.reduce((a, b) => a + b, 0) / numbers.length,
  min: Math.min(...numbers),
  max: Math.max(...numbers),
  first: Math.min(...numbers),
  last: Math.max(...numbers),
  list: [...numbers],
  top: [...numbers].sort((a, b) => Math.abs(b) - Math.abs(a)).slice(0, 3),
  bottom: [...numbers].sort((a, b) => a - b).slice(0, 2),
  coded: numbers.reduce((a, b) => a + b, 0),
});

describe("aggregates", () => {
  test("G1 merging the accumulators of any parts gives the result of folding everything", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.integer()), { minLength: 1 }), (parts) => {
        const numbers = parts.flat();
        if (numbers.length === 0) return;
        const accumulators = parts.map((part) => part.reduce((a, n) => all.add(a, n), all.create()));
        const kept = structuredClone(accumulators);
        const merged = accumulators.reduce((a, b) => all.merge(a, b), all.create());
        expect(all.result(merged)).toEqual(byDefinition(numbers));
        expect(accumulators).toEqual(kept); // merge leaves its second argument alone
      }),
      { numRuns: RUNS },
    );
  });

  test("taking records back leaves the result of those that remain", () => {
    const parts = { count: count(), sum: sum(identity), mean: mean(identity), list: collectList<number>() };
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.array(fc.integer()), (kept, gone) => {
        for (const [name, part] of Object.entries(parts) as [
          keyof typeof parts,
          Aggregate<number, unknown, unknown>,
        ][]) {
          const added = [...gone, ...kept].reduce((a, n) => part.add(a, n), part.create());
          const left = gone.reduce((a, n) => part.retract?.(a, n), added);
          const result = part.result(left);
          const sorted = (list: unknown): unknown =>
            Array.isArray(list) ? list.sort((a, b) => a - b) : list;
          expect(sorted(result)).toEqual(sorted((byDefinition(kept) as Record<string, unknown>)[name]));
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("topN refuses arguments that make no sense", () => {
    expect(() => topN(0, identity)).toThrow(/whole number of at least 1/);
    expect(() => topN(1, undefined as never)).toThrow(/a function such as/);
    expect(() => topN(1, identity, { order: "up" as never })).toThrow(/"desc" or "asc"/);
  });

  test("a combined accumulator survives its codec, in which parts keep theirs", () => {
    const accumulator = [3, 1, 2].reduce((a, n) => all.add(a, n), all.create());
    const bytes = all.codec?.encode(accumulator) ?? new Uint8Array();
    expect(new TextDecoder().decode(bytes)).toContain("<6>");
    expect(all.result(all.codec?.decode(bytes) as typeof accumulator)).toEqual(byDefinition([3, 1, 2]));
  });
});

describe("aggregateOperator and reduceOperator", () => {
  test("emit after every record what a fold of the key's records so far gives, over restarts, failures and tiny caches", () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: 0, max: 9 })), {
          maxLength: 5,
        }),
      },
      { weight: 1, arbitrary: fc.constant("restart" as const) },
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20, size: "max" }),
        fc.boolean(),
        fc.constantFrom(0, 2, 1_000),
        fc.constantFrom("fail" as const, "skip" as const),
        (steps, shares, cacheEntries, onError) => {
          const options = { shares, cacheEntries, onError };
          // Changed in place, and handed out as it is: the engine must still emit what was true then.
          const inPlace: Aggregate<number, { list: number[] }, { list: number[] }> = {
            create: () => ({ list: [] }),
            add(accumulator, n) {
              accumulator.list.push(n);
              if (onError === "skip" && n === 0) throw new Error("zero");
              return accumulator;
            },
            merge: (a) => a,
            result: (accumulator) => accumulator,
          };
          const aggregate = new KeyedHarness(aggregateOperator({ aggregate: inPlace }), options);
          const reduce = new KeyedHarness(reduceOperator<number>({ reduce: (a, b) => a + b }), options);
          const folded = new Map<string, number[]>();
          const added = new Map<string, number>();
          const expectedAggregate: unknown[] = [];
          const expectedReduce: unknown[] = [];
          for (const one of steps) {
            if (one === "restart") {
              for (const harness of [aggregate, reduce]) {
                harness.commit();
                harness.crash();
              }
              continue;
            }
            aggregate.records(...one.map(([key, n]) => [key, n, n] as const));
            reduce.records(...one.map(([key, n]) => [key, n, n] as const));
            for (const [key, n] of one) {
              const total = (added.get(key) ?? 0) + n;
              added.set(key, total);
              expectedReduce.push({ value: total, timestamp: n });
              if (onError === "skip" && n === 0) continue;
              const numbers = [...(folded.get(key) ?? []), n];
              folded.set(key, numbers);
              expectedAggregate.push({ value: { key, value: { list: numbers } }, timestamp: n });
            }
          }
          expect(aggregate.outputs.get("")).toEqual(expectedAggregate);
          expect(reduce.outputs.get("")).toEqual(expectedReduce);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("a function that forgets to return its accumulator is refused", () => {
    const forget = () => undefined as never;
    const reduced = operatorHarness({
      key: () => "k",
      build: (numbers: KeyedStream<string, number>) => numbers.reduce("last", forget),
    });
    reduced.push(1);
    expect(() => reduced.push(2)).toThrow(NoAccumulatorError);
    const counted = operatorHarness({
      key: () => "k",
      build: (numbers: KeyedStream<string, number>) =>
        numbers.aggregate("count", { ...count(), add: forget }),
    });
    expect(() => counted.push(1)).toThrow(NoAccumulatorError);
    expect([reduced.takeOutput(), counted.state]).toEqual([
      [{ value: 1, timestamp: undefined }],
      { entries: 0, timers: 0 },
    ]);
  });
});
