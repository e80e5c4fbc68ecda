// Calendar — where the days of a time zone begin, so that a window of days is 23 or 25 hours long when the clocks change.
//
// Owns:      the first instant of each day, found with Intl once per day and kept.
// Does not:  know windows. A day that begins at another hour than midnight is a day all the same.
//
// A day begins at the first instant whose wall clock shows its beginning; where the clocks skip that moment, at the
// instant of the skip. A day that a zone left out altogether (Samoa, 30 December 2011) has no length.
//
// Law W7  (docs/laws.md) Days follow each other without gap or overlap, and each begins when the zone's wall clock says so.
import { InvalidWindowError } from "./window.ts";

export const DAY_MS = 86_400_000;

/** The dates that a wall clock can show; no zone changed its clocks before the year 2. */
const FIRST_DATE_MS = -62_104_060_800_000;
const LAST_DATE_MS = 8_640_000_000_000_000;
/** Days kept; records of one stream lie near each other. */
const KEPT_DAYS = 4_096;

export class Calendar {
  readonly timeZone: string;
  /** Wall-clock time at which a day begins: 0 <= dayStartMs < DAY_MS. */
  readonly dayStartMs: number;
  readonly #format: Intl.DateTimeFormat;
  /** First instant per day, days counted from 1970-01-01. */
  readonly #starts = new Map<number, number>();

  /**
   * @param timeZone a name of the IANA database: `Europe/Berlin`
   * @throws {InvalidWindowError} when there is no such zone
   */
  constructor(timeZone: string, dayStartMs: number) {
    this.timeZone = timeZone;
    this.dayStartMs = dayStartMs;
    this.#format = formatOf(timeZone);
  }

  /** What the wall clock showed when the day of the instant began, as if it were UTC: whole days later is days later. */
  nominal(timestamp: number): number {
    return this.#dayOf(timestamp) * DAY_MS + this.dayStartMs;
  }

  /** The instant at which the day with this {@link nominal} beginning begins. */
  instant(nominal: number): number {
    return this.#startOf((nominal - this.dayStartMs) / DAY_MS);
  }

  /** The last day that has begun. */
  #dayOf(timestamp: number): number {
    let day = Math.floor((timestamp - this.dayStartMs) / DAY_MS);
    while (this.#startOf(day) > timestamp) day--;
    while (this.#startOf(day + 1) <= timestamp) day++;
    return day;
  }

  #startOf(day: number): number {
    const known = this.#starts.get(day);
    if (known !== undefined) return known;
    const start = this.#findStart(day);
    if (this.#starts.size >= KEPT_DAYS) this.#starts.clear();
    this.#starts.set(day, start);
    return start;
  }

  #findStart(day: number): number {
    const wallClock = day * DAY_MS + this.dayStartMs;
    const before = this.#offsetAt(wallClock - DAY_MS);
    const after = this.#offsetAt(wallClock + DAY_MS);
    const early = wallClock - before;
    if (before === after || this.#offsetAt(early) === before) return early;
    const late = wallClock - after;
    return this.#offsetAt(late) === after ? late : this.#changeBetween(late, early);
  }

  /** The instant at which the clocks are first ahead of UTC by what they are at `to`; they change once in between. */
  #changeBetween(from: number, to: number): number {
    const offset = this.#offsetAt(to);
    let before = from;
    let first = to;
    while (first - before > 1) {
      const middle = Math.floor((before + first) / 2);
      if (this.#offsetAt(middle) === offset) first = middle;
      else before = middle;
    }
    return first;
  }

  /** What the wall clock is ahead of UTC, in ms. */
  #offsetAt(instant: number): number {
    const shown = Math.max(FIRST_DATE_MS, Math.min(LAST_DATE_MS, instant));
    const seconds = Math.floor(shown / 1_000) * 1_000;
    const fields: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(seconds)) fields[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = fields;
    const wallClock = new Date(0);
    wallClock.setUTCFullYear(year, month - 1, day);
    wallClock.setUTCHours(hour, minute, second);
    return wallClock.getTime() - seconds;
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US-u-ca-iso8601-nu-latn", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    throw new InvalidWindowError(
      "day",
      `there is no time zone ${JSON.stringify(timeZone) ?? String(timeZone)}; give a name such as "Europe/Berlin" or "UTC"`,
      { timeZone: String(timeZone) },
    );
  }
}
