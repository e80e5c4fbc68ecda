import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Calendar, DAY_MS } from "../../src/time/calendar.ts";
import { cumulative, paneEnd, paneOf, sliding, tumbling, windowsOf } from "../../src/time/windows.ts";

const HOUR_MS = 3_600_000;

/** What a clock on the wall shows, by another way than the code under test. */
function wallClock(timeZone: string, instant: number): string {
  let format = wallClocks.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
    wallClocks.set(timeZone, format);
  }
  return format.format(instant);
}
const wallClocks = new Map<string, Intl.DateTimeFormat>();

const ZONES = [
  "Europe/Berlin",
  "America/New_York",
  "America/St_Johns", // the clocks went back over midnight, skipped one that began a minute after it, and once two hours
  "America/Sao_Paulo", // midnight was skipped
  "Australia/Lord_Howe", // half an hour
  "Asia/Kathmandu",
  "UTC",
];
const zones = fc.constantFrom(...ZONES);
const instants = fc.integer({ min: Date.UTC(1975, 0), max: Date.UTC(2035, 0) });

/** Law W7 for the day of the instant. */
function expectDay(calendar: Calendar, instant: number): void {
  const { timeZone } = calendar;
  const nominal = calendar.nominal(instant);
  const start = calendar.instant(nominal);
  const end = calendar.instant(nominal + DAY_MS);
  const shown = wallClock(timeZone, start);
  const wanted = new Date(nominal).toISOString().slice(0, 19).replace("T", " ");
  const told = `${timeZone} ${new Date(instant).toISOString()}, a day that begins at ${wanted}`;
  expect(start <= instant && instant < end, told).toBe(true);
  expect(calendar.nominal(start), told).toBe(nominal);
  expect(calendar.nominal(end - 1), told).toBe(nominal);
  expect(calendar.nominal(end), told).toBe(nominal + DAY_MS);
  expect((end - start) / HOUR_MS, told).toBeGreaterThanOrEqual(22);
  expect((end - start) / HOUR_MS, told).toBeLessThanOrEqual(26);
  // The wall clock shows the beginning, unless it was skipped; and a moment earlier it shows less.
  expect(shown >= wanted, told).toBe(true);
  if (shown !== wanted) expect(wallClock(timeZone, start - 1) < wanted, told).toBe(true);
}

/** The instants since 1975 at which the clocks of a zone were set, to the second. */
function clockChanges(timeZone: string): number[] {
  const aheadAt = (instant: number): number =>
    Date.parse(`${wallClock(timeZone, instant).replace(" ", "T")}Z`) - instant;
  const changes: number[] = [];
  const step = 14 * DAY_MS;
  for (let at = Date.UTC(1975, 0); at < Date.UTC(2035, 0); at += step) {
    const next = aheadAt(at + step);
    if (aheadAt(at) === next) continue;
    let before = at;
    let first = at + step;
    while (first - before > 1_000) {
      const middle = Math.floor((before + first) / 2_000) * 1_000;
      if (aheadAt(middle) === next) first = middle;
      else before = middle;
    }
    changes.push(first);
  }
  return changes;
}

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
      fc.property(
        zones,
        fc.integer({ min: 0, max: DAY_MS - 1 }),
        instants,
        (timeZone, dayStartMs, instant) => {
          expectDay(new Calendar(timeZone, dayStartMs), instant);
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each(ZONES)(
    "W7 days around every change of the clocks since 1975, whenever they begin: %s",
    (timeZone) => {
      const changes = clockChanges(timeZone);
      for (let minutes = 0; minutes < 24 * 60; minutes += minutes < 120 || minutes >= 1_380 ? 30 : 420) {
        const calendar = new Calendar(timeZone, minutes * 60_000);
        for (const change of changes)
          for (const instant of [change - 1, change, change + 3 * HOUR_MS, change + DAY_MS])
            expectDay(calendar, instant);
      }
    },
  );

  test("W7 a day that a zone left out has no length", () => {
    const calendar = new Calendar("Pacific/Apia", 0);
    const leftOut = Date.parse("2011-12-30T00:00:00Z");
    expect(calendar.instant(leftOut)).toBe(calendar.instant(leftOut + DAY_MS));
    expect(calendar.nominal(calendar.instant(leftOut))).toBe(leftOut + DAY_MS);
    expect(calendar.nominal(calendar.instant(leftOut) - 1)).toBe(leftOut - DAY_MS);
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
