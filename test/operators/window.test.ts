import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBatch, MAX_WATERMARK, MIN_WATERMARK } from "../../src/core/batch.ts";
import { type Aggregate, collectList, combine, count, mean } from "../../src/operators/aggregates.ts";
import { LATE_TAG, MissingTimestampError } from "../../src/operators/event-time.ts";
import { UserFunctionError } from "../../src/operators/failure.ts";
import { DEAD_LETTER_TAG } from "../../src/operators/operator.ts";
import { type WindowResult, windowOperator } from "../../src/operators/window.ts";
import { type AlignedAssigner, cumulative, sliding, tumbling } from "../../src/time/windows.ts";
import { KeyedHarness } from "../support/keyed-harness.ts";
import { anyLife, harnessOptions, type Life, liveThrough, undisturbed } from "../support/operator-life.ts";
import { windowsByDefinition } from "./window/window-model.ts";

const RUNS = 400;

interface Reading {
  readonly id: number;
  readonly key: string | number;
  readonly timestamp: number;
}

type Event =
  | { readonly kind: "batch"; readonly readings: readonly Reading[] }
  | { readonly kind: "watermark"; readonly watermark: number; readonly limit: number };

interface PlainWindow {
  readonly key: string | number;
  readonly end: number;
  readonly ids: number[];
}

/** Each record into each window that has not closed; windows close when the watermark passes. */
function foldByBruteForce(
  assigner: AlignedAssigner,
  events: readonly Event[],
): { fired: PlainWindow[]; late: number[] } {
  const open = new Map<string, PlainWindow>();
  const fired: PlainWindow[] = [];
  const late: number[] = [];
  let watermark = MIN_WATERMARK;
  for (const event of events) {
    if (event.kind === "watermark") {
      watermark = Math.max(watermark, event.watermark);
      for (const [id, window] of open) {
        if (window.end - 1 > watermark) continue;
        fired.push(window);
        open.delete(id);
      }
      continue;
    }
    for (const { id, key, timestamp } of event.readings) {
      const ends = windowsByDefinition(assigner, timestamp)
        .map(({ end }) => end)
        .filter((end) => end - 1 > watermark);
      if (ends.length === 0) late.push(id);
      for (const end of ends) {
        const name = `${typeof key} ${key} ${end}`;
        const window = open.get(name) ?? { key, end, ids: [] };
        window.ids.push(id);
        open.set(name, window);
      }
    }
  }
  return { fired, late };
}

const windowName = ({ key, end }: { key: unknown; end: number }): string => `${end} ${typeof key} ${key}`;
const normal = (windows: readonly PlainWindow[]): unknown[] =>
  windows
    .map(({ key, end, ids }) => ({ key, end, ids: [...ids].sort((a, b) => a - b) }))
    .sort((a, b) => (windowName(a) < windowName(b) ? -1 : 1));

/** Accumulators that are changed in place, as user code may do. */
const inPlace: Aggregate<Reading, { ids: number[] }, { ids: number[] }> = {
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
};

const assigner: fc.Arbitrary<AlignedAssigner> = fc
  .record({
    size: fc.integer({ min: 1, max: 12 }),
    slide: fc.integer({ min: 1, max: 12 }),
    offset: fc.integer({ min: -3, max: 3 }),
    grows: fc.boolean(),
  })
  .map(({ size, slide, offset, grows }) => {
    if (grows) return cumulative(slide * 3, slide, { offset });
    return slide >= size ? tumbling(size, { offset }) : sliding(size, slide, { offset });
  });

const events: fc.Arbitrary<Event[]> = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc
          .array(
            fc.tuple(fc.constantFrom<string | number>(1, "1", 2, 3), fc.integer({ min: -15, max: 10 })),
            { maxLength: 6 },
          )
          .map((readings) => ({ kind: "batch" as const, readings })),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("watermark" as const),
          by: fc.integer({ min: 1, max: 15 }),
          limit: fc.integer({ min: 1, max: 4 }),
        }),
      },
    ),
    { maxLength: 25, size: "max" },
  )
  .map((drawn) => {
    let watermark = -5;
    let id = 0;
    return [
      ...drawn.map((one): Event => {
        if (one.kind === "watermark") {
          watermark += one.by;
          return { kind: "watermark", watermark, limit: one.limit };
        }
        // Around the watermark: most are in time, some late for a part or for all of their windows.
        const readings = one.readings.map(([key, distance]) => ({
          id: id++,
          key,
          timestamp: watermark + 3 - distance,
        }));
        return { kind: "batch", readings };
      }),
      { kind: "watermark", watermark: MAX_WATERMARK, limit: 3 },
    ];
  });

function runHarness(
  chosen: AlignedAssigner,
  all: readonly Event[],
  lived: Life,
): { fired: PlainWindow[]; late: number[] } {
  const harness = new KeyedHarness(windowOperator({ assigner: chosen, aggregate: inPlace }), {
    ...harnessOptions(lived),
    sides: [LATE_TAG],
  });
  const take = (event: Event): boolean => {
    if (event.kind === "watermark") return harness.slice(event.watermark, event.limit);
    const batch = createBatch(
      [...event.readings],
      event.readings.map(({ timestamp }) => timestamp),
    );
    batch.keys = event.readings.map(({ key }) => key);
    harness.batch(batch);
    return true;
  };
  liveThrough(harness, all, lived, take);
  const results = harness.outputs.get("") ?? [];
  const lastEnd = new Map<unknown, number>();
  for (const { value, timestamp } of results) {
    const { key, window } = value as WindowResult<unknown, unknown>;
    expect(timestamp).toBe(window.end - 1);
    if (chosen.kind !== "cumulative") expect(window.end - window.start).toBe(chosen.sizeMs);
    expect(window.end).toBeGreaterThan(lastEnd.get(key) ?? MIN_WATERMARK);
    lastEnd.set(key, window.end);
  }
  harness.commit();
  // Nothing is left behind: no pane, no timer.
  expect(harness.backend.contents()).toEqual({});
  return {
    fired: results.map(({ value }) => {
      const { key, window, value: result } = value as WindowResult<string | number, { ids: number[] }>;
      return { key, end: window.end, ids: result.ids };
    }),
    late: harness.emitted(LATE_TAG).map((reading) => (reading as Reading).id),
  };
}

describe("windowOperator", () => {
  test("W5 emits exactly the windows of a brute-force fold, for any keys, timestamps, watermarks and slices", () => {
    fc.assert(
      fc.property(assigner, events, (chosen, all) => {
        const { fired, late } = runHarness(chosen, all, undisturbed);
        const expected = foldByBruteForce(chosen, all);
        expect(normal(fired)).toEqual(normal(expected.fired));
        expect(late).toEqual(expected.late);
      }),
      { numRuns: RUNS },
    );
  });

  test("W6 the same with commits and crashes anywhere, also between slices, with tiny caches and shared storage", () => {
    fc.assert(
      fc.property(assigner, events, anyLife, (chosen, all, lived) => {
        const { fired, late } = runHarness(chosen, all, lived);
        const expected = foldByBruteForce(chosen, all);
        expect(normal(fired)).toEqual(normal(expected.fired));
        expect(late).toEqual(expected.late);
      }),
      { numRuns: RUNS },
    );
  });

  test("folds a record once, whatever the overlap", () => {
    let adds = 0;
    const counting: Aggregate<unknown, number, number> = {
      ...count(),
      add: (accumulator) => {
        adds++;
        return accumulator + 1;
      },
    };
    const harness = new KeyedHarness(windowOperator({ assigner: sliding(1_000, 10), aggregate: counting }));
    harness.records(["a", 1, 5], ["a", 1, 6], ["a", 1, 2_000]);
    harness.advance(MAX_WATERMARK);
    expect(adds).toBe(3);
    expect(harness.emitted()).toHaveLength(200);
  });

  test("fires in slices: a slice fires at most `limit` windows, fetches for those only, and the watermark follows the last", () => {
    const harness = new KeyedHarness(windowOperator({ assigner: tumbling(10), aggregate: count() }));
    harness.records(...Array.from({ length: 10 }, (_, key) => [key, "x", key % 10] as const));
    harness.commit();
    harness.crash();
    harness.backend.fieldsLoaded = 0;
    expect(harness.slice(9, 4)).toBe(false);
    expect(harness.backend.fieldsLoaded).toBe(4);
    expect(harness.emitted()).toHaveLength(4);
    expect(harness.watermarks).toEqual([]);
    harness.commit();
    harness.crash();
    expect(harness.slice(9, 4)).toBe(false);
    expect(harness.slice(9, 4)).toBe(true);
    expect(harness.emitted()).toHaveLength(10);
    expect(harness.watermarks).toEqual([9]);
  });

  test("counts late records, and sends them to the side output when somebody reads it", () => {
    const heard = new KeyedHarness(windowOperator({ assigner: tumbling(10), aggregate: count() }), {
      sides: [LATE_TAG],
    });
    const unheard = new KeyedHarness(windowOperator({ assigner: tumbling(10), aggregate: count() }));
    for (const harness of [heard, unheard]) {
      harness.advance(9);
      harness.records(["a", "late", 9], ["a", "in time", 10]);
      expect(harness.metrics.late).toBe(1);
    }
    expect(heard.outputs.get(LATE_TAG)).toEqual([{ value: "late", timestamp: 9 }]);
  });

  test("a new pane needs no fetch after a restart: it cannot be stored", () => {
    const harness = new KeyedHarness(windowOperator({ assigner: tumbling(10), aggregate: count() }));
    harness.records(["a", 1, 5]);
    harness.commit();
    harness.crash();
    harness.backend.fieldsLoaded = 0;
    harness.records(["a", 1, 25], ["b", 1, 99]);
    expect(harness.backend.fieldsLoaded).toBe(0);
    harness.records(["a", 1, 6]);
    expect(harness.backend.fieldsLoaded).toBe(1);
  });

  test("in processing time windows close with the clock, and those still open when the input ends close then", () => {
    const harness = new KeyedHarness(
      windowOperator({ assigner: tumbling(100, { time: "processing" }), aggregate: count() }),
      { startsFull: true },
    );
    harness.records(["a", 1], ["b", 1]);
    expect(harness.operator.nextProcessingTime()).toBe(1_000_100);
    harness.advanceClock(99);
    expect(harness.emitted()).toEqual([]);
    harness.records(["a", 1]);
    harness.advanceClock(1, 1);
    const window = { start: 1_000_000, end: 1_000_100 };
    expect(harness.outputs.get("")).toEqual([
      { value: { key: "a", value: 2, window }, timestamp: 1_000_099 },
      { value: { key: "b", value: 1, window }, timestamp: 1_000_099 },
    ]);
    harness.records(["a", 1]);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted().at(-1)).toEqual({
      key: "a",
      value: 1,
      window: { start: 1_000_100, end: 1_000_200 },
    });
    expect(harness.metrics.late).toBe(0);
    expect(harness.watermarks).toEqual([MAX_WATERMARK]);
  });

  test("a record keeps the processing time at which its state was fetched, although the clock goes on meanwhile", () => {
    const harness = new KeyedHarness(
      windowOperator({ assigner: tumbling(100, { time: "processing" }), aggregate: count() }),
      { startsFull: true },
    );
    const batch = createBatch([1]);
    batch.keys = ["a"];
    const loads = harness.operator.missingForBatch(batch);
    harness.clock.advance(150);
    harness.backend.load(loads);
    harness.operator.supply(loads);
    harness.operator.onBatch(batch);
    harness.advanceClock(0);
    expect(harness.emitted()).toEqual([{ key: "a", value: 1, window: { start: 1_000_000, end: 1_000_100 } }]);
  });

  test("a record without timestamp is an error of the job, handled by its policy", () => {
    const operator = windowOperator({ assigner: tumbling(10), aggregate: count() });
    expect(() => new KeyedHarness(operator).records(["a", 1])).toThrow(MissingTimestampError);
    const skipping = new KeyedHarness(operator, { onError: "skip" });
    skipping.records(["a", 1]);
    expect(skipping.metrics.skipped).toBe(1);
  });

  test("a window whose result throws is a dead letter, and its panes go all the same", () => {
    const failing: Aggregate<number, number[], number> = {
      ...collectList<number>(),
      result: (all) => {
        if (all.includes(13)) throw new Error("no such result");
        return all.length;
      },
    };
    const operator = windowOperator({ assigner: sliding(20, 10), aggregate: failing });
    const harness = new KeyedHarness(operator, { onError: "deadLetter", sides: [DEAD_LETTER_TAG] });
    harness.records(["a", 1, 5], ["a", 13, 15], ["a", 2, 35]);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted()).toEqual([
      { key: "a", value: 1, window: { start: -10, end: 10 } },
      { key: "a", value: 1, window: { start: 20, end: 40 } },
      { key: "a", value: 1, window: { start: 30, end: 50 } },
    ]);
    expect(harness.emitted(DEAD_LETTER_TAG)).toEqual(
      [0, 10].map((start) => ({
        error: { name: "Error", message: "no such result", code: undefined },
        operator: "op",
        record: { key: "a", window: { start, end: start + 20 } },
        position: `event time ${start + 19}`,
      })),
    );
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
    expect(() => {
      const failingFast = new KeyedHarness(operator);
      failingFast.records(["a", 13, 5]);
      failingFast.advance(MAX_WATERMARK);
    }).toThrow(UserFunctionError);
  });

  test("results of a combined aggregate are typed and whole", () => {
    const aggregate = combine({ flights: count(), delay: mean((delay: number) => delay) });
    const harness = new KeyedHarness(windowOperator({ assigner: tumbling("1d"), aggregate }));
    harness.records(["ABQ", 10, 1], ["ABQ", 20, 2], ["BOS", 5, 3]);
    harness.advance(MAX_WATERMARK);
    const window = { start: 0, end: 86_400_000 };
    expect(harness.emitted()).toEqual([
      { key: "ABQ", value: { flights: 2, delay: 15 }, window },
      { key: "BOS", value: { flights: 1, delay: 5 }, window },
    ]);
  });
});
