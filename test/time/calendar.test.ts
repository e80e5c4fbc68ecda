import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Calendar, DAY_MS } from "../../src/time/calendar.ts";
import { cumulative, paneEnd, paneOf, sliding, tumbling, windowsOf } from "../../src/time/windows.ts";

const HOUR_MS = 3_600_000;

/** What a clock on the wall shows, by another way than the code under test. */
function wallClock(timeZone: string, instant: number): string {
  return new Date(instant).toLocaleString("sv-SE", { timeZone });
}

const zones = fc.constantFrom(
  "Europe/Berlin",
  "America/New_York",
  "America/St_Johns", // the clocks went back over midnight
  "America/Sao_Paulo", // midnight was skipped
  "Australia/Lord_Howe", // half an hour
  "Asia/Kathmandu",
  "UTC",
);
const instants = fc.integer({ min: Date.UTC(1975, 0), max: Date.UTC(2035, 0) });

describe("Calendar", () => {
  test("a day of Berlin is 23 hours long in March, 25 in October, and 24 otherwise", () => {
    const daily = tumbling("1d", { timeZone: "Europe/Berlin" });
    const hours = (iso: string): number => {
      const [window] = windowsOf(daily, Date.parse(iso));
      return window === undefined ? 0 : (window.end - window.start) / HOUR_MS;
    };
    expect(hours("2024-03-31T12:00:00Z")).toBe(23);
    expect(hours("2024-10-27T12:00:00Z")).toBe(25);
    expect(hours("2024-07-01T12:00:00Z")).toBe(24);
    const start = Date.parse("2024-03-30T23:00:00Z");
    expect(windowsOf(daily, start)[0]?.start).toBe(start);
    expect(windowsOf(daily, start - 1)[0]?.end).toBe(start);
  });

  test("an offset is on the wall clock: a day that begins at six begins at six in summer and winter", () => {
    const daily = tumbling("1d", { timeZone: "America/New_York", offset: "6h" });
    for (const iso of ["2024-01-15T15:00:00Z", "2024-07-15T15:00:00Z"])
      expect(wallClock("America/New_York", windowsOf(daily, Date.parse(iso))[0]?.start ?? 0)).toMatch(
        / 06:00:00$/,
      );
  });

  test("weeks and growing windows of days are cut at the beginnings of days", () => {
    const zone = { timeZone: "Europe/Berlin", offset: "4d" } as const;
    const weekly = tumbling("7d", zone);
    const monday = Date.parse("2024-03-24T23:00:00Z");
    expect(windowsOf(weekly, Date.parse("2024-03-31T12:00:00Z"))).toEqual([
      { start: monday, end: monday + 7 * DAY_MS - HOUR_MS },
    ]);
    const growing = windowsOf(cumulative("7d", "1d", zone), Date.parse("2024-03-30T12:00:00Z"));
    expect(growing.map(({ end }) => (end - monday) / HOUR_MS)).toEqual([6 * 24, 7 * 24 - 1]);
    const twoDays = windowsOf(
      sliding("2d", "1d", { timeZone: "Europe/Berlin" }),
      Date.parse("2024-03-31T12:00:00Z"),
    );
    expect(twoDays.map(({ start, end }) => (end - start) / HOUR_MS)).toEqual([47, 47]);
  });

  test("W7 days follow each other without gap or overlap, and begin when the wall clock says so", () => {
    fc.assert(
      fc.property(zones, fc.integer({ min: 0, max: 23 }), instants, (timeZone, hour, instant) => {
        const calendar = new Calendar(timeZone, hour * HOUR_MS);
        const nominal = calendar.nominal(instant);
        const start = calendar.instant(nominal);
        const end = calendar.instant(nominal + DAY_MS);
        expect(start <= instant && instant < end).toBe(true);
        expect(calendar.nominal(start)).toBe(nominal);
        expect(calendar.nominal(end - 1)).toBe(nominal);
        expect(calendar.nominal(end)).toBe(nominal + DAY_MS);
        expect((end - start) / HOUR_MS).toBeGreaterThanOrEqual(23);
        expect((end - start) / HOUR_MS).toBeLessThanOrEqual(25);
        // The wall clock shows the hour of the beginning, unless it was skipped; and before it another day.
        const shown = wallClock(timeZone, start);
        const wanted = new Date(nominal).toISOString().slice(0, 19).replace("T", " ");
        expect(shown >= wanted).toBe(true);
        if (shown !== wanted) expect(wallClock(timeZone, start - 1) < wanted).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("W4 panes of days in a time zone follow each other too", () => {
    fc.assert(
      fc.property(zones, fc.integer({ min: 1, max: 4 }), instants, (timeZone, days, instant) => {
        const assigner = sliding(`${days * 2 + 1}d`, `${days}d`, { timeZone });
        const pane = paneOf(assigner, instant);
        const end = paneEnd(assigner, pane);
        expect(pane <= instant && instant < end).toBe(true);
        expect(paneOf(assigner, end - 1)).toBe(pane);
        expect(paneOf(assigner, end)).toBe(end);
        for (const window of windowsOf(assigner, instant))
          expect(window.start <= instant && instant < window.end).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
