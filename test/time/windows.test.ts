import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidOptionError, UnknownOptionError } from "../../src/core/options.ts";
import { InvalidDurationError } from "../../src/time/duration.ts";
import { InvalidWindowError, type Window } from "../../src/time/window.ts";
import {
  type AlignedAssigner,
  cumulative,
  firstWindowEnd,
  lastWindowEnd,
  paneEnd,
  paneOf,
  panesOfWindow,
  sliding,
  tumbling,
  windowStart,
  windowsOf,
  windowsOfPane,
} from "../../src/time/windows.ts";

const assigners = fc
  .record({
    size: fc.integer({ min: 1, max: 60 }),
    slide: fc.integer({ min: 1, max: 60 }),
    offset: fc.integer({ min: -200, max: 200 }),
  })
  .filter(({ size, slide }) => slide <= size)
  .map(({ size, slide, offset }) => sliding(size, slide, { offset }));
const nearTimestamps = fc.integer({ min: -500, max: 500 });
const farTimestamps = fc.integer({ min: -8_640_000_000_000_000, max: 8_640_000_000_000_000 });

/** Tries every start in reach of the timestamp: no arithmetic shared with the code under test. */
function bruteForceWindows(assigner: AlignedAssigner, timestamp: number, offset: number): Window[] {
  const windows: Window[] = [];
  for (let start = timestamp - assigner.sizeMs; start <= timestamp; start++) {
    const steps = (start - offset) / assigner.slideMs;
    if (Number.isInteger(steps) && start <= timestamp && timestamp < start + assigner.sizeMs)
      windows.push({ start: start + 0, end: start + assigner.sizeMs });
  }
  return windows;
}

const growing = fc
  .record({
    step: fc.integer({ min: 1, max: 20 }),
    steps: fc.integer({ min: 1, max: 5 }),
    offset: fc.integer({ min: -200, max: 200 }),
  })
  .map(({ step, steps, offset }) => cumulative(step * steps, step, { offset }));

describe("window assigners", () => {
  test("a tumbling day window holds its first and not its end millisecond, also before 1970", () => {
    const day = 86_400_000;
    const daily = tumbling("1d");
    expect(windowsOf(daily, 0)).toEqual([{ start: 0, end: day }]);
    expect(windowsOf(daily, day - 1)).toEqual([{ start: 0, end: day }]);
    expect(windowsOf(daily, day)).toEqual([{ start: day, end: 2 * day }]);
    expect(windowsOf(daily, -1)).toEqual([{ start: -day, end: 0 }]);
  });

  test("an offset moves all starts and may be negative", () => {
    const pacific = tumbling("1d", { offset: "8h" });
    const start = Date.UTC(2001, 0, 1, 8);
    expect(windowsOf(pacific, start)).toEqual([{ start, end: start + 86_400_000 }]);
    expect(windowsOf(pacific, start - 1)).toEqual([{ start: start - 86_400_000, end: start }]);
    expect(tumbling("1d", { offset: "-16h" }).offsetMs).toBe(pacific.offsetMs);
  });

  test("W3 every timestamp is in exactly the windows that a search finds, for any size, slide and offset", () => {
    fc.assert(
      fc.property(assigners, nearTimestamps, (assigner, timestamp) => {
        const windows = windowsOf(assigner, timestamp);
        expect(windows).toEqual(bruteForceWindows(assigner, timestamp, assigner.offsetMs));
        const quotient = assigner.sizeMs / assigner.slideMs;
        expect([Math.floor(quotient), Math.ceil(quotient)]).toContain(windows.length);
      }),
      { numRuns: 500 },
    );
  });

  test("W3 holds at the ends of the range of dates, without rounding", () => {
    fc.assert(
      fc.property(assigners, farTimestamps, (assigner, timestamp) => {
        for (const { start, end } of windowsOf(assigner, timestamp)) {
          expect(start <= timestamp && timestamp < end).toBe(true);
          expect(BigInt(start - assigner.offsetMs) % BigInt(assigner.slideMs)).toBe(0n);
        }
        expect(windowsOf(assigner, timestamp)).toEqual(
          bruteForceWindows(assigner, timestamp, assigner.offsetMs),
        );
      }),
    );
  });

  test("W4 panes follow each other without gap, hold their timestamp, and share all windows", () => {
    fc.assert(
      fc.property(fc.oneof(assigners, growing), nearTimestamps, (assigner, timestamp) => {
        const pane = paneOf(assigner, timestamp);
        const end = paneEnd(assigner, pane);
        expect(pane <= timestamp && timestamp < end).toBe(true);
        expect(paneOf(assigner, pane)).toBe(pane);
        expect(paneOf(assigner, end - 1)).toBe(pane);
        expect(paneOf(assigner, end)).toBe(end);
        expect(windowsOf(assigner, pane)).toEqual(windowsOf(assigner, end - 1));
        expect(windowsOf(assigner, end)).not.toEqual(windowsOf(assigner, pane));
      }),
      { numRuns: 500 },
    );
  });

  test("W4 a window is the union of its panes", () => {
    fc.assert(
      fc.property(fc.oneof(assigners, growing), nearTimestamps, (assigner, timestamp) => {
        for (const window of windowsOf(assigner, timestamp)) {
          expect(windowStart(assigner, window.end)).toBe(window.start);
          const panes = panesOfWindow(assigner, window.end);
          expect(panes[0]).toBe(window.start);
          for (let i = 1; i < panes.length; i++)
            expect(paneEnd(assigner, panes[i - 1] as number)).toBe(panes[i]);
          expect(paneEnd(assigner, panes.at(-1) as number)).toBe(window.end);
          for (const pane of panes) expect(windowsOfPane(assigner, pane)).toContainEqual(window);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("the first and last window of a pane are the ends of the list of its windows", () => {
    fc.assert(
      fc.property(assigners, nearTimestamps, (assigner, timestamp) => {
        const pane = paneOf(assigner, timestamp);
        const windows = windowsOfPane(assigner, pane);
        expect(firstWindowEnd(assigner, pane)).toBe(windows[0]?.end);
        expect(lastWindowEnd(assigner, pane)).toBe(windows.at(-1)?.end);
      }),
    );
  });

  test("cumulative windows start together and hold a timestamp from its step on", () => {
    const hourly = cumulative("1d", "6h");
    const hour = 3_600_000;
    expect(windowsOf(hourly, 7 * hour)).toEqual([12, 18, 24].map((end) => ({ start: 0, end: end * hour })));
    expect(windowsOf(hourly, 24 * hour)).toHaveLength(4);
    expect(windowsOf(cumulative(10, 5, { offset: 3 }), 2)).toEqual([{ start: -7, end: 3 }]);
  });

  test("a slide that does not divide the size makes two panes per slide, not one per common divisor", () => {
    const odd = sliding(61_001, 60_000);
    expect(panesOfWindow(odd, 61_001)).toEqual([0, 1_001, 60_000]);
    expect(panesOfWindow(sliding("10m", "5m"), 600_000)).toEqual([0, 300_000]);
  });

  test("processingTime keeps the windows and changes the clock", () => {
    const event = sliding("10s", "3s", { offset: "1s" });
    const { processingTime: _, ...plain } = event.processingTime();
    const { processingTime: __, ...original } = event;
    expect(plain).toEqual({ ...original, time: "processing" });
    expect(tumbling("1s", { time: "processing" }).time).toBe("processing");
  });

  test("refuses sizes, slides and options that make no windows", () => {
    expect(() => tumbling(0)).toThrow(InvalidDurationError);
    expect(() => tumbling("5 minutes" as "5m")).toThrow('tumbling window size: "5 minutes"');
    expect(() => sliding("5m", -1)).toThrow(InvalidDurationError);
    expect(() => sliding("5m", "10m")).toThrow(InvalidWindowError);
    expect(() => cumulative("5m", "2m")).toThrow(InvalidWindowError);
    expect(() => tumbling("36h", { timeZone: "Europe/Berlin" })).toThrow("whole days");
    expect(() => sliding("7d", "36h", { timeZone: "Europe/Berlin" })).toThrow("129600000 ms are none");
    expect(() => tumbling("1d", { timeZone: "Europe/Atlantis" })).toThrow('no time zone "Europe/Atlantis"');
    expect(() => tumbling("5m", { ofset: "1m" } as object)).toThrow(UnknownOptionError);
    expect(() => tumbling("5m", { time: "wall" as "event" })).toThrow(InvalidOptionError);
  });
});
