// Sessions — windows that last as long as their records follow each other closely: one per key and burst of records.
//
// Owns:      the gap, and which windows become one.
// Does not:  hold records or state; the window operator merges what it keeps for the windows that become one.
//
// A record opens [timestamp, timestamp + gap). Windows that overlap or touch become one, so records that are exactly a
// gap apart are in one session.
//
// Law W8  (docs/laws.md) Whatever the order and grouping in which windows are merged, the same disjoint windows remain:
//         merging is associative and commutative, and the result covers exactly what its parts covered.
import { checkOptions } from "../core/options.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { InvalidWindowError, readTimeDomain, type TimeDomain, type Window } from "./window.ts";

/** Sessions of records of type T. */
export interface SessionAssigner<in T = never> {
  readonly kind: "session";
  readonly time: TimeDomain;
  /** The gap of every record; undefined when each record has its own. */
  readonly gapMs: number | undefined;
  /** Gap after this record, in ms, longer than zero. */
  gapOf(record: T): number;
  /** The same sessions over processing time. */
  processingTime(): SessionAssigner<T>;
}

export interface SessionOptions {
  /** Default `event`. */
  readonly time?: TimeDomain;
}

/**
 * Windows that end when a key has had no record for `gap`.
 *
 * @param gap longer than zero; or a function that says how long after this record the session goes on
 * @throws {InvalidDurationError}
 * @throws {UnknownOptionError}
 */
export function session<T>(
  gap: Duration | ((record: T) => Duration),
  options: SessionOptions = {},
): SessionAssigner<T> {
  checkOptions("session window", options, ["time"]);
  const time = readTimeDomain("session", options.time);
  const isDynamic = typeof gap === "function";
  if (isDynamic && gap.constructor.name !== "Function")
    throw new InvalidWindowError("session", "the gap must be known at once; give a plain function", {});
  const gapMs = isDynamic ? undefined : parseDuration(gap, "session window gap", "positive");
  return Object.freeze({
    kind: "session",
    time,
    gapMs,
    gapOf: isDynamic
      ? (record: T) => parseDuration(gap(record), "gap of a record's session window", "positive")
      : () => gapMs as number,
    processingTime: () => session(gap, { ...options, time: "processing" }),
  });
}

/** Whether two windows become one: they overlap or touch. */
export function belongTogether(a: Window, b: Window): boolean {
  return a.start <= b.end && b.start <= a.end;
}

/** The smallest window that covers both. */
export function cover(a: Window, b: Window): Window {
  return { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}
