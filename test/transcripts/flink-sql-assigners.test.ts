// How time is cut into windows and slices, as Apache Flink's tests of the assigners of its SQL have it.
// Source: apache/flink, table runtime, operators/window: tvf/slicing TumblingSliceAssignerTest, HoppingSliceAssignerTest,
// CumulativeSliceAssignerTest; groupwindow/assigners TumblingWindowAssignerTest, SlidingWindowAssignerTest,
// CumulativeWindowAssignerTest; tvf/operator AlignedWindowTableFunctionOperatorTest. Slices are panes here.
import { describe, expect, test } from "vitest";
import {
  type AlignedAssigner,
  cumulative,
  lastWindowEnd,
  paneEnd,
  paneOf,
  panesOfWindow,
  sliding,
  tumbling,
  windowStart,
  windowsOf,
} from "../../src/time/windows.ts";

const HOUR = 3_600_000;
const hours = (...all: number[]): number[] => all.map((hour) => hour * HOUR);

/** Flink runs these in Los Angeles and in Shanghai, whose clocks are so many hours ahead of UTC in January. */
const zones = [0, -8, 8] as const;

interface Slices {
  readonly assigner: (offset: number) => AlignedAssigner;
  /** Hour of a time, and of the end of its slice; in ms from there. */
  readonly assigned: readonly (readonly [hour: number, ms: number, sliceEnd: number])[];
  /** The same with an offset of 100 ms. */
  readonly shifted: readonly (readonly [hour: number, ms: number, sliceEnd: number])[];
  /** End of a window, and its start. */
  readonly starts: readonly (readonly [end: number, start: number])[];
}

const slices: readonly Slices[] = [
  {
    assigner: (offset) => tumbling("5h", { offset }),
    assigned: [
      [0, 0, 5],
      [5, -1, 5],
      [5, 0, 10],
    ],
    shifted: [
      [0, 100, 5],
      [5, 99, 5],
      [5, 100, 10],
    ],
    starts: [
      [0, -5],
      [5, 0],
      [10, 5],
    ],
  },
  {
    assigner: (offset) => sliding("5h", "1h", { offset }),
    assigned: [
      [0, 0, 1],
      [5, -1, 5],
      [5, 0, 6],
    ],
    shifted: [
      [0, 100, 1],
      [5, 99, 5],
      [5, 100, 6],
    ],
    starts: [
      [0, -5],
      [1, -4],
      [2, -3],
      [3, -2],
      [4, -1],
      [5, 0],
      [6, 1],
      [10, 5],
    ],
  },
  {
    assigner: (offset) => cumulative("5h", "1h", { offset }),
    assigned: [
      [0, 0, 1],
      [23, -1, 23],
      [23, 0, 24],
    ],
    shifted: [
      [0, 100, 1],
      [5, 99, 5],
      [5, 100, 6],
    ],
    starts: [
      [0, -5],
      [1, 0],
      [2, 0],
      [3, 0],
      [4, 0],
      [5, 0],
      [6, 5],
      [8, 5],
    ],
  },
];

describe("Flink's tests of slices", () => {
  const cases = slices.flatMap((one) => zones.map((zone) => ({ ...one, zone, kind: one.assigner(0).kind })));

  test.each(cases)(
    "$kind, $zone h from UTC: testSliceAssignment, ...WithOffset, testGetWindowStart",
    (given) => {
      const local = (hour: number, ms = 0): number => (hour - given.zone) * HOUR + ms;
      const sliceEnd = (assigner: AlignedAssigner, timestamp: number): number =>
        paneEnd(assigner, paneOf(assigner, timestamp));
      const assigner = given.assigner(-given.zone * HOUR);
      for (const [hour, ms, end] of given.assigned)
        expect(sliceEnd(assigner, local(hour, ms))).toBe(local(end));
      const shifted = given.assigner(-given.zone * HOUR + 100);
      for (const [hour, ms, end] of given.shifted)
        expect(sliceEnd(shifted, local(hour, ms))).toBe(local(end, 100));
      for (const [end, start] of given.starts) expect(windowStart(assigner, local(end))).toBe(local(start));
    },
  );

  test("cumulative, a day long: testSliceAssignment", () => {
    const day = cumulative("1d", "1h");
    const ends = [0, 47 * HOUR - 1, 47 * HOUR].map((timestamp) => paneEnd(day, paneOf(day, timestamp)));
    expect(ends).toEqual(hours(1, 47, 48));
  });

  /** Ends of the slices that a window is made of. */
  const sliceEnds = (assigner: AlignedAssigner, end: number): number[] =>
    panesOfWindow(assigner, end).map((pane) => paneEnd(assigner, pane));

  test("hopping, testMerge: the slices of a window", () => {
    const hop = sliding("5h", "1h");
    expect(sliceEnds(hop, 0)).toEqual(hours(-4, -3, -2, -1, 0));
    expect(sliceEnds(hop, 5 * HOUR)).toEqual(hours(1, 2, 3, 4, 5));
    expect(sliceEnds(hop, 6 * HOUR)).toEqual(hours(2, 3, 4, 5, 6));
  });

  test("cumulative, testMerge: a window is its first slice and those behind it", () => {
    const cumulate = cumulative("5h", "1h");
    const expected: [number, number[]][] = [
      [1, [1]],
      [2, [1, 2]],
      [3, [1, 2, 3]],
      [4, [1, 2, 3, 4]],
      [5, [1, 2, 3, 4, 5]],
      [6, [6]],
      [8, [6, 7, 8]],
      [10, [6, 7, 8, 9, 10]],
      [0, [-4, -3, -2, -1, 0]],
    ];
    for (const [end, slicesOf] of expected)
      expect(sliceEnds(cumulate, end * HOUR)).toEqual(hours(...slicesOf));
  });

  test("testExpiredSlices: the slices whose last window this is", () => {
    const expired = (assigner: AlignedAssigner, end: number): number[] =>
      sliceEnds(assigner, end).filter(
        (slice) => lastWindowEnd(assigner, paneOf(assigner, slice - 1)) === end,
      );
    for (const end of [0, 5, 10]) expect(expired(tumbling("5h"), end * HOUR)).toEqual(hours(end));
    for (const [end, slice] of [
      [0, -3],
      [4, 1],
      [8, 5],
    ] as const)
      expect(expired(sliding("4h", "1h"), end * HOUR)).toEqual(hours(slice));
    const cumulate = cumulative("5h", "1h");
    // Flink folds every slice into the first one; here slices stay until the longest window has ended.
    for (const end of [1, 2, 3, 4, 6]) expect(expired(cumulate, end * HOUR)).toEqual([]);
    for (const end of [5, 10]) expect(expired(cumulate, end * HOUR)).toEqual(sliceEnds(cumulate, end * HOUR));
  });

  test("testNextTriggerWindow: the window that follows for what is in a slice", () => {
    const next = (assigner: AlignedAssigner, sliceEnd: number): number | undefined =>
      windowsOf(assigner, sliceEnd * HOUR - 1)[1]?.end;
    for (const end of [0, 1, 2, 3, 4, 5, 6]) expect(next(sliding("5h", "1h"), end)).toBe((end + 1) * HOUR);
    for (const end of [1, 2, 3, 4, 6]) expect(next(cumulative("5h", "1h"), end)).toBe((end + 1) * HOUR);
    for (const end of [0, 5]) expect(next(cumulative("5h", "1h"), end)).toBeUndefined();
  });

  test("testEventTime, testProperties: windows are in event time, and may be on the clock", () => {
    for (const assigner of [tumbling("5s"), sliding("5s", "1s"), cumulative("5s", "1s")]) {
      expect(assigner.time).toBe("event");
      expect(assigner.processingTime().time).toBe("processing");
    }
  });

  test("testInvalidParameters", () => {
    expect(() => tumbling(-1000)).toThrow("tumbling window size");
    expect(() => sliding(-2000, 1000)).toThrow("sliding window size");
    expect(() => sliding(2000, -1000)).toThrow("sliding window slide");
    expect(() => cumulative(-5000, 1000)).toThrow("cumulative window size");
    expect(() => cumulative(5000, -1000)).toThrow("cumulative window step");
    expect(() => cumulative("5s", "2s")).toThrow("does not divide");
    for (const made of [
      tumbling("10s", { offset: -1000 }),
      sliding("10s", "5s", { offset: -1000 }),
      // Flink refuses these two: windows are cut into slices of one length there, and offsets are shorter than windows.
      sliding("5s", "2s"),
      tumbling("10s", { offset: "20s" }),
    ])
      expect(made.sizeMs).toBeGreaterThan(0);
  });
});

describe("Flink's tests of the windows of groups", () => {
  type Bounds = readonly [start: number, end: number];
  const windows = (assigner: AlignedAssigner, timestamp: number): Bounds[] =>
    windowsOf(assigner, timestamp).map(({ start, end }) => [start, end]);
  const pane = (assigner: AlignedAssigner, timestamp: number): Bounds => {
    const start = paneOf(assigner, timestamp);
    return [start, paneEnd(assigner, start)];
  };
  const split = (assigner: AlignedAssigner, end: number): Bounds[] =>
    panesOfWindow(assigner, end).map((start) => [start, paneEnd(assigner, start)]);
  const row = (offset: number, ...pairs: Bounds[]): Bounds[] =>
    pairs.map(([start, end]) => [start + offset, end + offset]);
  const ending = (start: number, ...ends: number[]): Bounds[] => ends.map((end) => [start, end]);

  test.each([0, 100])("TumblingWindowAssigner, offset %d: testWindowAssignment, ...WithOffset", (offset) => {
    const assigner = tumbling(5000, { offset });
    expect(windows(assigner, offset)).toEqual(row(offset, [0, 5000]));
    expect(windows(assigner, offset + 4999)).toEqual(row(offset, [0, 5000]));
    expect(windows(assigner, offset + 5000)).toEqual(row(offset, [5000, 10_000]));
  });

  test.each([0, 100])("SlidingWindowAssigner, offset %d: testWindowAssignment, ...WithOffset", (offset) => {
    const assigner = sliding(5000, 1000, { offset });
    const from = (...starts: number[]): Bounds[] =>
      row(offset, ...starts.map((start): Bounds => [start, start + 5000]));
    expect(windows(assigner, offset)).toEqual(from(-4000, -3000, -2000, -1000, 0));
    expect(windows(assigner, offset + 4999)).toEqual(from(0, 1000, 2000, 3000, 4000));
    expect(windows(assigner, offset + 5000)).toEqual(from(1000, 2000, 3000, 4000, 5000));
    for (const [at, start] of [
      [0, 0],
      [4999, 4000],
      [5000, 5000],
    ] as const)
      expect(pane(assigner, offset + at)).toEqual(row(offset, [start, start + 1000])[0]);
    const steps = (...starts: number[]): Bounds[] =>
      row(offset, ...starts.map((start): Bounds => [start, start + 1000]));
    expect(split(assigner, offset + 5000)).toEqual(steps(0, 1000, 2000, 3000, 4000));
    expect(split(assigner, offset + 8000)).toEqual(steps(3000, 4000, 5000, 6000, 7000));
    expect(lastWindowEnd(assigner, offset + 4000)).toBe(offset + 9000);
    expect(lastWindowEnd(assigner, offset + 2000)).toBe(offset + 7000);
  });

  test.each([0, 100])(
    "CumulativeWindowAssigner, offset %d: testWindowAssignment, ...WithOffset",
    (offset) => {
      const assigner = cumulative(5000, 1000, { offset });
      expect(windows(assigner, offset)).toEqual(row(offset, ...ending(0, 1000, 2000, 3000, 4000, 5000)));
      expect(windows(assigner, offset + 4999)).toEqual(row(offset, [0, 5000]));
      expect(windows(assigner, offset + 5000)).toEqual(
        row(offset, ...ending(5000, 6000, 7000, 8000, 9000, 10_000)),
      );
      for (const [at, start] of [
        [0, 0],
        [4999, 4000],
        [2000, 2000],
        [5000, 5000],
      ] as const)
        expect(pane(assigner, offset + at)).toEqual(row(offset, [start, start + 1000])[0]);
      const steps = (...starts: number[]): Bounds[] =>
        row(offset, ...starts.map((start): Bounds => [start, start + 1000]));
      expect(split(assigner, offset + 5000)).toEqual(steps(0, 1000, 2000, 3000, 4000));
      expect(split(assigner, offset + 8000)).toEqual(steps(5000, 6000, 7000));
      expect(lastWindowEnd(assigner, offset + 4000)).toBe(offset + 5000);
      expect(lastWindowEnd(assigner, offset + 2000)).toBe(offset + 5000);
      expect(lastWindowEnd(assigner, offset + 7000)).toBe(offset + 10_000);
    },
  );

  test("AlignedWindowTableFunctionOperator: testTumblingWindows, testHopWindows, testCumulativeWindows", () => {
    const early: Bounds[] = [
      [-2000, 1000],
      [-1000, 2000],
      [0, 3000],
    ];
    for (const timestamp of [20, 80]) {
      expect(windows(tumbling("3s"), timestamp)).toEqual([[0, 3000]]);
      expect(windows(sliding("3s", "1s"), timestamp)).toEqual(early);
      expect(windows(cumulative("3s", "1s"), timestamp)).toEqual(ending(0, 1000, 2000, 3000));
    }
    expect(windows(tumbling("3s"), 3999)).toEqual([[3000, 6000]]);
    expect(windows(sliding("3s", "1s"), 3999)).toEqual(row(3000, ...early));
    expect(windows(cumulative("3s", "1s"), 3999)).toEqual(ending(3000, 4000, 5000, 6000));
  });
});
