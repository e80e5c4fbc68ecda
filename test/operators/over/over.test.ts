import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK, MIN_WATERMARK } from "../../../src/core/batch.ts";
import { ManualClock } from "../../../src/core/clock.ts";
import { type Codec, msgpackCodec } from "../../../src/core/codec.ts";
import { type Aggregate, collectList, combine, count, max, sum } from "../../../src/operators/aggregates.ts";
import { LATE_TAG } from "../../../src/operators/event-time.ts";
import { type FrameShape, type OverDefinition, overOperator } from "../../../src/operators/over/over.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { anyLife, undisturbed } from "../../support/operator-life.ts";
import { anySteps, type Input, live, type Step } from "../ranking/life.ts";

const RUNS = 150;

interface Row {
  readonly id: number;
}

/** Tells which records are in the frame, and in which order; changes accumulators in place, and has a codec of its own. */
const ids: Aggregate<Row, { ids: number[] }, { ids: readonly number[] }> = {
  create: () => ({ ids: [] }),
  add(accumulator, { id }) {
    accumulator.ids.push(id);
    return accumulator;
  },
  merge(a, b) {
    a.ids.push(...b.ids);
    return a;
  },
  result: (accumulator) => accumulator,
  codec: { ...(msgpackCodec as Codec<{ ids: number[] }>), name: "ids" },
};

const frames: fc.Arbitrary<FrameShape> = fc.oneof(
  fc.record({
    kind: fc.constant("rows" as const),
    preceding: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constant("unbounded" as const)),
  }),
  fc.record({
    kind: fc.constant("range" as const),
    precedingMs: fc.oneof(fc.integer({ min: 0, max: 15 }), fc.constant("unbounded" as const)),
  }),
);

const steps = anySteps(fc.constant(undefined), (_, id): Row => ({ id }));

interface Expected {
  readonly results: Map<string, unknown[]>;
  readonly late: Row[];
}

/** Each record against all others of its key, from the definition alone. */
function byBruteForce(frame: FrameShape, all: readonly Step<Row>[]): Expected {
  const inTime = new Map<string, Input<Row>[]>();
  const late: Row[] = [];
  let watermark = MIN_WATERMARK;
  for (const step of all) {
    if (step.kind === "watermark") {
      watermark = step.watermark;
      continue;
    }
    for (const input of step.inputs) {
      if (input.timestamp <= watermark) late.push(input.value);
      else inTime.set(input.key, [...(inTime.get(input.key) ?? []), input]);
    }
  }
  const results = new Map<string, unknown[]>();
  for (const [key, own] of inTime) {
    const inOrder = own.sort((a, b) => a.timestamp - b.timestamp);
    results.set(
      key,
      inOrder.map(({ value, timestamp }, i) => {
        const inFrame = inOrder.filter((other, j) => {
          if (frame.kind === "rows")
            return j <= i && (frame.preceding === "unbounded" || j >= i - frame.preceding);
          const reach = frame.precedingMs === "unbounded" ? Number.POSITIVE_INFINITY : frame.precedingMs;
          return other.timestamp <= timestamp && other.timestamp >= timestamp - reach;
        });
        return { timestamp, record: value, value: { ids: inFrame.map((other) => other.value.id) } };
      }),
    );
  }
  return { results, late };
}

function resultsByKey(harness: KeyedHarness, all: readonly Step<Row>[]): Map<string, unknown[]> {
  const keyOf = new Map<number, string>();
  for (const step of all)
    if (step.kind === "batch") for (const { key, value } of step.inputs) keyOf.set(value.id, key);
  const results = new Map<string, unknown[]>();
  for (const { value, timestamp } of harness.outputs.get("") ?? []) {
    const { record } = value as { record: Row };
    const key = keyOf.get(record.id) as string;
    results.set(key, [...(results.get(key) ?? []), { timestamp, ...(value as object) }]);
  }
  return results;
}

const eventTime = (frame: FrameShape): OverDefinition => ({ frame, order: "eventTime", aggregate: ids });

describe("overOperator", () => {
  for (const [law, lives] of [
    [
      "X1 gives each record that was not late the aggregate of its frame, for any interleaving",
      fc.constant(undisturbed),
    ],
    ["X2 the same through stops and restores anywhere, with tiny caches and shared storage", anyLife],
  ] as const)
    test(law, () => {
      fc.assert(
        fc.property(frames, steps, lives, (frame, all, life) => {
          const harness = live(overOperator(eventTime(frame)), all, life);
          const expected = byBruteForce(frame, all);
          expect(resultsByKey(harness, all)).toEqual(expected.results);
          expect(harness.emitted(LATE_TAG)).toEqual(expected.late);
          const times = (harness.outputs.get("") ?? []).map(({ timestamp }) => timestamp as number);
          expect(times).toEqual([...times].sort((a, b) => a - b));
          const isRange = frame.kind === "range" && frame.precedingMs !== "unbounded";
          if (isRange) expect(harness.backend.contents()).toEqual({});
        }),
        { numRuns: RUNS },
      );
    });

  test("X1 by arrival, rows are taken in the order in which they come, and a range goes by the clock", () => {
    fc.assert(
      fc.property(
        frames,
        fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 40 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
        (frame, waits, crashes) => {
          const clock = new ManualClock(1_000_000);
          const harness = new KeyedHarness(overOperator({ frame, order: "arrival", aggregate: ids }), {
            clock,
          });
          const times: number[] = [];
          waits.forEach((waitMs, id) => {
            harness.advanceClock(waitMs);
            times.push(clock.nowMs());
            harness.records(["k", { id }]);
            harness.commit();
            if (crashes[id % crashes.length] === true) harness.crash();
          });
          const expected = times.map((now, id) => ({
            record: { id },
            value: {
              ids: times.flatMap((time, other) => {
                if (other > id) return [];
                const reach = frame.kind === "rows" ? frame.preceding : frame.precedingMs;
                const distance = frame.kind === "rows" ? id - other : now - time;
                return reach === "unbounded" || distance <= reach ? [other] : [];
              }),
            },
          }));
          expect(harness.emitted()).toEqual(expected);
          if (frame.kind === "range" && frame.precedingMs !== "unbounded") {
            harness.advanceClock(100);
            harness.commit();
            expect(harness.backend.contents()).toEqual({});
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("a record costs the same whatever the length of the frame", () => {
    const calls = (preceding: number): number => {
      let made = 0;
      const counting: Aggregate<number, number, number> = {
        ...sum((value: number) => value),
        merge: (a, b) => {
          made++;
          return a + b;
        },
      };
      const frame = { kind: "rows", preceding } as const;
      const harness = new KeyedHarness(overOperator({ frame, order: "arrival", aggregate: counting }), {
        cacheEntries: 100_000,
      });
      for (let i = 0; i < 5_000; i++) harness.records(["k", i]);
      return made / 5_000;
    };
    for (const preceding of [1, 10, 100, 2_000]) expect(calls(preceding)).toBeLessThanOrEqual(3);
  });

  test("sums of large and small numbers come out as they are, when the large ones have left", () => {
    const frame = { kind: "rows", preceding: 1 } as const;
    const harness = new KeyedHarness(
      overOperator({ frame, order: "arrival", aggregate: sum((n: number) => n) }),
    );
    harness.records(["k", 1e16], ["k", 1], ["k", 1], ["k", 1]);
    expect(harness.emitted().at(-1)).toEqual({ record: 1, value: 2 });
  });

  test("a range keeps one entry per time, and is emptied once nothing can look back to it", () => {
    const frame = { kind: "range", precedingMs: 100 } as const;
    const aggregate = combine({ n: count(), most: max((n: number) => n) });
    const harness = new KeyedHarness(overOperator({ frame, order: "eventTime", aggregate }));
    harness.records(...Array.from({ length: 50 }, (_, i) => ["k", i, 10 + (i % 2)] as const));
    harness.advance(50);
    harness.commit();
    const stored = Object.entries(harness.backend.contents()).find(([address]) =>
      address.includes("/frame/"),
    );
    expect((stored as [string, Map<string, unknown>])[1].size).toBe(2);
    harness.advance(111);
    harness.commit();
    expect(
      Object.keys(harness.backend.contents()).filter((address) => address.includes("/frame/")),
    ).toHaveLength(1);
    harness.advance(112);
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
  });

  test("a record that cannot be added is dropped alone; one whose result fails takes those of its time along", () => {
    const strict: Aggregate<number, number, number> = {
      ...sum((n: number) => {
        if (n < 0) throw new Error("negative");
        return n;
      }),
      result: (total) => {
        if (total > 100) throw new Error("too much");
        return total;
      },
    };
    const frame = { kind: "range", precedingMs: 5 } as const;
    const harness = new KeyedHarness(overOperator({ frame, order: "eventTime", aggregate: strict }), {
      onError: "skip",
    });
    harness.records(["k", 1, 1], ["k", -1, 1], ["k", 2, 1], ["k", 1_000, 3], ["k", 3, 4]);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted()).toEqual([
      { record: 1, value: 3 },
      { record: 2, value: 3 },
      { record: 3, value: 6 },
    ]);
    expect(harness.metrics.skipped).toBe(2);
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
  });

  test("refuses a record without a timestamp in event time", () => {
    const frame = { kind: "rows", preceding: 1 } as const;
    const harness = new KeyedHarness(overOperator({ frame, order: "eventTime", aggregate: collectList() }));
    expect(() => harness.records(["k", 1])).toThrow(/timestamp/);
  });
});
