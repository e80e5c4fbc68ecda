import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK } from "../../../src/core/batch.ts";
import { LATE_TAG } from "../../../src/operators/event-time.ts";
import { UserFunctionError } from "../../../src/operators/failure.ts";
import {
  type IntervalJoinDefinition,
  intervalJoinOperator,
  type JoinKind,
} from "../../../src/operators/joins/interval-join.ts";
import type { JoinContext } from "../../../src/operators/joins/join-context.ts";
import { LONGEST_BOUND_MS, MissingJoinTimestampError } from "../../../src/operators/joins/join-time.ts";
import { DEAD_LETTER_TAG } from "../../../src/operators/operator.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { anyLife, type Life, undisturbed } from "../../support/operator-life.ts";
import { arrivals, type Event, events, give, type Item, live } from "./two-input-life.ts";

const RUNS = 250;

interface Interval {
  readonly kind: JoinKind;
  readonly lowerMs: number;
  readonly upperMs: number;
}

interface Drawn {
  readonly interval: Interval;
  readonly all: readonly Event[];
}

/** An interval and an input: within one bucket of time, or spread over many short or long ones. */
const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    kind: fc.constantFrom<JoinKind>("inner", "left", "right", "full"),
    lower: fc.integer({ min: -12, max: 8 }),
    length: fc.integer({ min: 0, max: 15 }),
    scale: fc.constantFrom(1, 130, 500),
    all: events,
  })
  .map(({ kind, lower, length, scale, all }) => ({
    interval: { kind, lowerMs: lower * scale, upperMs: (lower + length) * scale },
    all: all.map(
      (event): Event =>
        event.kind === "watermark"
          ? { ...event, watermark: event.watermark * scale }
          : { ...event, items: event.items.map((item) => ({ ...item, timestamp: item.timestamp * scale })) },
    ),
  }));

interface Joined {
  readonly key: unknown;
  readonly left: number | undefined;
  readonly right: number | undefined;
  readonly times: readonly (number | undefined)[];
}

const ids = (left: Item | undefined, right: Item | undefined, context: JoinContext<unknown>): Joined => ({
  key: context.key,
  left: left?.id,
  right: right?.id,
  times: [context.leftTimestamp, context.rightTimestamp, context.timestamp],
});

const operatorOf = (chosen: Interval) =>
  intervalJoinOperator({ ...chosen, join: ids } satisfies IntervalJoinDefinition);

/** The definition: all pairs of records in time, and of each outer side those that are in no pair. */
function nestedLoop({ kind, lowerMs, upperMs }: Interval, all: readonly Event[]) {
  const inTime = arrivals(all).filter(({ item, watermark }) => item.timestamp > watermark);
  const lefts = inTime.map(({ item }) => item).filter(({ input }) => input === 0);
  const rights = inTime.map(({ item }) => item).filter(({ input }) => input === 1);
  const partners = (left: Item, right: Item): boolean =>
    left.key === right.key &&
    left.timestamp + lowerMs <= right.timestamp &&
    right.timestamp <= left.timestamp + upperMs;
  const joined: Joined[] = [];
  for (const left of lefts)
    for (const right of rights)
      if (partners(left, right))
        joined.push({
          key: left.key,
          left: left.id,
          right: right.id,
          times: [left.timestamp, right.timestamp, Math.max(left.timestamp, right.timestamp)],
        });
  if (kind === "left" || kind === "full")
    for (const left of lefts.filter((one) => !rights.some((right) => partners(one, right)))) {
      const known = Math.max(left.timestamp, left.timestamp + upperMs);
      joined.push({
        key: left.key,
        left: left.id,
        right: undefined,
        times: [left.timestamp, undefined, known],
      });
    }
  if (kind === "right" || kind === "full")
    for (const right of rights.filter((one) => !lefts.some((left) => partners(left, one)))) {
      const known = Math.max(right.timestamp, right.timestamp - lowerMs);
      joined.push({
        key: right.key,
        left: undefined,
        right: right.id,
        times: [undefined, right.timestamp, known],
      });
    }
  const late = arrivals(all).filter(({ item, watermark }) => item.timestamp <= watermark);
  return { joined, late: late.map(({ item }) => item.id) };
}

const sorted = (joined: readonly unknown[]): string[] => joined.map((one) => JSON.stringify(one)).sort();

function check({ interval: chosen, all }: Drawn, lived: Life): void {
  const harness = live(operatorOf(chosen), all, lived, { sides: [LATE_TAG] });
  const expected = nestedLoop(chosen, all);
  expect(sorted(harness.emitted())).toEqual(sorted(expected.joined));
  expect(harness.emitted(LATE_TAG).map((item) => (item as Item).id)).toEqual(expected.late);
  for (const { value, timestamp } of harness.outputs.get("") ?? [])
    expect(timestamp).toBe((value as Joined).times[2]);
  // Nothing is left behind: no row, no timer.
  expect(harness.backend.contents()).toEqual({});
}

describe("intervalJoinOperator", () => {
  test("J1 emits what the nested loop emits, for any interval, kind, interleaving, lateness and slices", () => {
    fc.assert(
      fc.property(drawn, (chosen) => check(chosen, undisturbed)),
      { numRuns: RUNS },
    );
  });

  test("J2 the same with commits and crashes anywhere, with tiny caches and shared storage", () => {
    fc.assert(fc.property(drawn, anyLife, check), { numRuns: RUNS });
  });

  test("J3 no result is behind a watermark that went out before it", () => {
    fc.assert(
      fc.property(drawn, ({ interval: chosen, all }) => {
        let seen = 0;
        live(operatorOf(chosen), all, undisturbed, {
          onStep: (harness) => {
            const results = harness.outputs.get("") ?? [];
            // The last watermark of this step went out after its results, and only with its last slice.
            const told = harness.watermarks;
            const before = told.at(-1) === harness.watermark ? told.at(-2) : told.at(-1);
            for (const { timestamp } of results.slice(seen))
              expect(timestamp).toBeGreaterThan(before ?? Number.NEGATIVE_INFINITY);
            seen = results.length;
          },
        });
      }),
      { numRuns: RUNS },
    );
  });

  test("pairs come at once, an unmatched row when the watermark rules a partner out and not before", () => {
    const harness = new KeyedHarness(operatorOf({ kind: "full", lowerMs: -5, upperMs: 10 }));
    const item = (id: number, timestamp: number) => ({ id, key: "k", timestamp });
    give(harness, 0, [item(1, 100), item(2, 200)]);
    give(harness, 1, [item(3, 95), item(4, 94)]);
    expect(harness.emitted()).toEqual([{ key: "k", left: 1, right: 3, times: [100, 95, 100] }]);
    harness.advance(98);
    expect(harness.emitted()).toHaveLength(1);
    harness.advance(99); // 94 + 5: no left record can reach back to 94 any more
    expect(harness.emitted().slice(1)).toEqual([
      { key: "k", left: undefined, right: 4, times: [undefined, 94, 99] },
    ]);
    harness.advance(209);
    expect(harness.emitted()).toHaveLength(2);
    harness.advance(210);
    expect(harness.emitted().slice(2)).toEqual([
      { key: "k", left: 2, right: undefined, times: [200, undefined, 210] },
    ]);
  });

  test("rows are kept as long as a partner may come and no longer; of an inner join bucket by bucket", () => {
    for (const [kind, stored] of [
      ["full", [2, 2, 1, 0]],
      ["inner", [2, 2, 2, 0]],
    ] as const) {
      const harness = new KeyedHarness(operatorOf({ kind, lowerMs: 0, upperMs: 100 }));
      give(harness, 0, [
        { key: "k", timestamp: 10 },
        { key: "k", timestamp: 20 },
      ]);
      const rows = [0, 109, 110, 1_099].map((watermark) => {
        harness.advance(watermark);
        harness.commit();
        const contents = Object.entries(harness.backend.contents());
        return contents.reduce((sum, [, each]) => sum + (each instanceof Map ? each.size : 0), 0);
      });
      expect({ kind, rows }).toEqual({ kind, rows: stored });
    }
  });

  test("a record looks into the buckets of its interval only, and into none that cannot be stored", () => {
    const harness = new KeyedHarness(operatorOf({ kind: "inner", lowerMs: 0, upperMs: 999 }), {
      cacheEntries: 0,
    });
    for (let bucket = 0; bucket < 20; bucket++) give(harness, 0, [{ key: "k", timestamp: bucket * 1_000 }]);
    harness.commit();
    harness.crash();
    harness.backend.fieldsLoaded = 0;
    give(harness, 1, [{ key: "k", timestamp: 5_500 }]);
    // Two buckets of the left side; of the right side nothing is stored.
    expect(harness.backend.fieldsLoaded).toBe(2);
    expect(harness.emitted()).toHaveLength(1);
  });

  test("a record whose interval holds fewer times than the bucket has rows finds exactly its partners", () => {
    // The times of the interval are looked up then, instead of filtering those of the bucket.
    const harness = new KeyedHarness(operatorOf({ kind: "inner", lowerMs: 3, upperMs: 3 }));
    const items = Array.from({ length: 900 }, (_, id) => ({ id, key: "k", timestamp: id }));
    give(harness, 0, items);
    give(harness, 1, [{ ...items[3], id: 1_000 } as Item, { ...items[899], id: 1_001 } as Item]);
    expect(harness.emitted().map((one) => [(one as Joined).left, (one as Joined).right])).toEqual([
      [0, 1_000],
      [896, 1_001],
    ]);
  });

  test("fractions of milliseconds are rounded up, so that what is newer than the watermark stays so", () => {
    const harness = new KeyedHarness(operatorOf({ kind: "inner", lowerMs: 0, upperMs: 0 }));
    harness.advance(5.2);
    give(harness, 0, [{ key: "k", timestamp: 5.7 }]);
    give(harness, 1, [{ key: "k", timestamp: 5.3 }]);
    expect(harness.metrics.late).toBe(0);
    expect(harness.emitted().map((one) => (one as Joined).times)).toEqual([[6, 6, 6]]);
    const negative = new KeyedHarness(operatorOf({ kind: "inner", lowerMs: 0, upperMs: 0 }));
    give(negative, 0, [{ key: "k", timestamp: -0.3 }]);
    give(negative, 1, [{ key: "k", timestamp: -0 }]);
    expect(negative.emitted().map((one) => (one as Joined).times)).toEqual([[0, 0, 0]]);
  });

  test("the longest bounds and the farthest times are exact, farther ones are refused", () => {
    const longest = LONGEST_BOUND_MS;
    for (const timestamp of [2 ** 51 - 1, 1 - 2 ** 51])
      for (const [lowerMs, upperMs] of [
        [-longest, longest],
        [longest - 1, longest],
      ] as const) {
        const harness = new KeyedHarness(operatorOf({ kind: "full", lowerMs, upperMs }));
        give(harness, 0, [{ id: 1, key: "k", timestamp } as Item]);
        give(harness, 1, [{ id: 2, key: "k", timestamp: timestamp / 2 } as Item]);
        harness.commit();
        harness.crash();
        harness.advance(MAX_WATERMARK);
        harness.commit();
        const met = harness.emitted().flatMap((one) => [(one as Joined).left, (one as Joined).right]);
        expect(met.filter((id) => id !== undefined).sort()).toEqual([1, 2]);
        expect(harness.backend.contents()).toEqual({});
      }
    for (const timestamp of [1.7e18, 1e300, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() =>
        give(new KeyedHarness(operatorOf({ kind: "inner", lowerMs: 0, upperMs: 9 })), 0, [
          { key: "k", timestamp },
        ]),
      ).toThrow(/give milliseconds since 1970-01-01 UTC, not micro- or nanoseconds/);
  });

  test("J2 any number of rows of one time: a commit carries few of them again, in the order of arrival", () => {
    for (const kind of ["inner", "full"] as const) {
      const harness = new KeyedHarness(operatorOf({ kind, lowerMs: 0, upperMs: 9 }), { cacheEntries: 0 });
      const total = 300;
      for (let id = 0; id < total; id++) {
        give(harness, 0, [{ id, key: "k", timestamp: 5 } as Item]);
        harness.commit();
        if (id % 70 === 0) harness.crash();
      }
      give(harness, 0, [{ id: total, key: "k", timestamp: 5 } as Item]);
      const [writes] = harness.collect();
      const rows = [...(writes?.maps[0]?.entries.values() ?? [])].flatMap((one) =>
        Array.isArray(one) ? one : (one as { rows: unknown[] }).rows,
      );
      expect(rows.length).toBeLessThan(70);
      harness.crash();
      give(harness, 1, [{ id: 1_000, key: "k", timestamp: 6 } as Item]);
      expect(harness.emitted().map((one) => (one as Joined).left)).toEqual(
        Array.from({ length: total }, (_, id) => id),
      );
      harness.advance(MAX_WATERMARK);
      harness.commit();
      expect(harness.emitted()).toHaveLength(total);
      expect(harness.backend.contents()).toEqual({});
    }
  });

  test("a record without timestamp is an error of the job", () => {
    const harness = new KeyedHarness(operatorOf({ kind: "inner", lowerMs: 0, upperMs: 0 }));
    expect(() => harness.records(["k", 1])).toThrow(MissingJoinTimestampError);
  });

  test("rows whose results cannot be made are dead letters, and go all the same", () => {
    const failing = intervalJoinOperator({
      kind: "left",
      lowerMs: 0,
      upperMs: 10,
      join: (left: { id: number }, right) => {
        if (right === undefined) throw new Error("alone");
        return left.id;
      },
    });
    const harness = new KeyedHarness(failing, { onError: "deadLetter", sides: [DEAD_LETTER_TAG] });
    give(harness, 0, [{ key: "k", timestamp: 5 }]);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted(DEAD_LETTER_TAG)).toEqual([
      {
        error: { name: "Error", message: "alone", code: undefined },
        operator: "op",
        record: { key: "k", unmatched: "left", rows: [{ key: "k", timestamp: 5 }], timestamp: 5 },
        position: "event time 15",
      },
    ]);
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
    const strict = new KeyedHarness(failing);
    give(strict, 0, [{ key: "k", timestamp: 5 }]);
    expect(() => strict.advance(MAX_WATERMARK)).toThrow(UserFunctionError);
  });
});
