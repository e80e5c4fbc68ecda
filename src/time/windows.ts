// Windows of time — which tumbling, sliding and cumulative windows a timestamp belongs to: plain data and arithmetic.
//
// Owns:      the boundaries of aligned windows (the same for all keys), and their panes.
// Does not:  hold records, watch the clock, know keys. Windows that depend on the records are in sessions.ts.
//
// A pane is the longest stretch of time without a window boundary inside: all its records are in the same windows, so
// a window operator folds a record once, into its pane, and combines panes when a window closes. Sliding windows have
// boundaries at offset + k * slide (they start) and offset + k * slide + (size mod slide) (they end), so there are at
// most two panes per slide, whatever size and slide are. Cumulative windows have one pane per step.
//
// Windows of days in a time zone are cut on the wall clock: the arithmetic runs on what the wall clock shows when a day
// begins, and a Calendar turns that into instants.
//
// Laws (docs/laws.md)
//   W3  Every timestamp is in exactly the windows whose start <= timestamp < end: size / slide of them when slide
//       divides size, else one of the two whole numbers beside that quotient.
//   W4  Panes cover time without gap or overlap, and a window is exactly the union of its panes.
//
// Source: Krishnamurthy, Wu, Franklin, "On-the-fly Sharing for Streamed Aggregation", 2006 (paired windows).

import { checkOptions } from "../core/options.ts";
import { Calendar, DAY_MS } from "./calendar.ts";
import type { CountAssigner } from "./count-windows.ts";
import { type Duration, parseDuration } from "./duration.ts";
import type { GlobalAssigner } from "./global-window.ts";
import type { SessionAssigner } from "./sessions.ts";
import { InvalidWindowError, readTimeDomain, type TimeDomain, type Window } from "./window.ts";

/** How the records of a key are cut into windows. */
export type WindowAssigner<T = never> = AlignedAssigner | SessionAssigner<T> | GlobalAssigner | CountAssigner;

/** Windows whose boundaries are the same for all keys. Plain data. */
export interface AlignedAssigner {
  readonly kind: "tumbling" | "sliding" | "cumulative";
  readonly time: TimeDomain;
  /** Length of a window; of the longest one for cumulative windows. */
  readonly sizeMs: number;
  /** Distance between two window ends; equals `sizeMs` for tumbling windows. 0 < slideMs <= sizeMs. */
  readonly slideMs: number;
  /** Distance between two window starts: `slideMs`, or `sizeMs` for cumulative windows. */
  readonly periodMs: number;
  /** Windows start at `offsetMs + k * periodMs`; 0 <= offsetMs < periodMs. */
  readonly offsetMs: number;
  /** Length of the first pane of each slide; the second one, if any, has the rest. 0 < firstPaneMs <= slideMs. */
  readonly firstPaneMs: number;
  /** Where the days of the time zone begin; undefined: all lengths are those of UTC. */
  readonly calendar: Calendar | undefined;
  /** The same windows over processing time. */
  processingTime(): AlignedAssigner;
}

export function isAligned(assigner: WindowAssigner): assigner is AlignedAssigner {
  return assigner.kind === "tumbling" || assigner.kind === "sliding" || assigner.kind === "cumulative";
}

export interface WindowOptions {
  /** Shifts all window starts, for example `"8h"`. May be negative. With a time zone: on the wall clock. Default 0. */
  readonly offset?: Duration;
  /** Default `event`. */
  readonly time?: TimeDomain;
  /**
   * Cuts windows of whole days where days begin in this zone, for example `"Europe/Berlin"`: they are an hour shorter or
   * longer when the clocks change. Default: days of UTC.
   */
  readonly timeZone?: string;
}

/**
 * Windows that follow each other: every record is in exactly one.
 *
 * @param size length of a window, longer than zero
 * @throws {InvalidDurationError}
 * @throws {InvalidWindowError} when there is a time zone and the size is not whole days
 * @throws {UnknownOptionError}
 */
export function tumbling(size: Duration, options: WindowOptions = {}): AlignedAssigner {
  const sizeMs = parseDuration(size, "tumbling window size", "positive");
  return createAssigner("tumbling", sizeMs, sizeMs, options);
}

/**
 * Windows that overlap: a new one of length `size` starts every `slide`.
 *
 * @param size length of a window, longer than zero
 * @param slide distance between window starts, longer than zero and at most `size`; need not divide it
 * @throws {InvalidDurationError}
 * @throws {InvalidWindowError} when the slide is longer than the size, or there is a time zone and they are not whole days
 * @throws {UnknownOptionError}
 */
export function sliding(size: Duration, slide: Duration, options: WindowOptions = {}): AlignedAssigner {
  const sizeMs = parseDuration(size, "sliding window size", "positive");
  const slideMs = parseDuration(slide, "sliding window slide", "positive");
  if (slideMs > sizeMs)
    throw new InvalidWindowError(
      "sliding",
      `the slide of ${slideMs} ms is longer than the size of ${sizeMs} ms, so records between two windows ` +
        "would be lost; make the slide at most as long as the size, or filter the records first",
      { sizeMs, slideMs },
    );
  return createAssigner("sliding", sizeMs, slideMs, options);
}

/**
 * Windows that grow: they start together every `maxSize` and end one `step` after the other, so that each holds the
 * records of those before it. For running totals of a day, told every hour: `cumulative("1d", "1h")`.
 *
 * @param maxSize length of the longest window, longer than zero
 * @param step distance between window ends; must divide `maxSize`
 * @throws {InvalidDurationError}
 * @throws {InvalidWindowError} when the step does not divide the size, or there is a time zone and they are not whole days
 * @throws {UnknownOptionError}
 */
export function cumulative(maxSize: Duration, step: Duration, options: WindowOptions = {}): AlignedAssigner {
  const sizeMs = parseDuration(maxSize, "cumulative window size", "positive");
  const stepMs = parseDuration(step, "cumulative window step", "positive");
  if (sizeMs % stepMs !== 0)
    throw new InvalidWindowError(
      "cumulative",
      `the step of ${stepMs} ms does not divide the size of ${sizeMs} ms; give a step that goes into the size a whole number of times`,
      { sizeMs, stepMs },
    );
  return createAssigner("cumulative", sizeMs, stepMs, options);
}

function createAssigner(
  kind: AlignedAssigner["kind"],
  sizeMs: number,
  slideMs: number,
  options: WindowOptions,
): AlignedAssigner {
  checkOptions(`${kind} window`, options, ["offset", "time", "timeZone"]);
  const time = readTimeDomain(kind, options.time);
  const periodMs = kind === "cumulative" ? sizeMs : slideMs;
  const offsetMs = phase(parseDuration(options.offset ?? 0, `${kind} window offset`, "any"), periodMs);
  const remainder = sizeMs % slideMs;
  return Object.freeze({
    kind,
    time,
    sizeMs,
    slideMs,
    periodMs,
    offsetMs,
    firstPaneMs: remainder === 0 ? slideMs : remainder,
    calendar: readCalendar(kind, sizeMs, slideMs, offsetMs, options.timeZone),
    processingTime: () => createAssigner(kind, sizeMs, slideMs, { ...options, time: "processing" }),
  });
}

function readCalendar(
  kind: string,
  sizeMs: number,
  slideMs: number,
  offsetMs: number,
  timeZone: string | undefined,
): Calendar | undefined {
  if (timeZone === undefined) return undefined;
  if (sizeMs % DAY_MS === 0 && slideMs % DAY_MS === 0) return new Calendar(timeZone, offsetMs % DAY_MS);
  throw new InvalidWindowError(
    kind,
    `a time zone needs lengths of whole days, but ${sizeMs % DAY_MS === 0 ? slideMs : sizeMs} ms are none; ` +
      'use "1d", "7d" and the like, or leave timeZone out',
    { sizeMs, slideMs, timeZone },
  );
}

/** 0 <= result < period, also for negative values. Exact for all whole numbers, unlike floor of a quotient. */
function phase(value: number, period: number): number {
  const remainder = value % period;
  return remainder < 0 ? remainder + period : remainder + 0;
}

// On the wall clock: UTC where there is no calendar.

function nominalOf({ calendar }: AlignedAssigner, timestamp: number): number {
  return calendar === undefined ? timestamp : calendar.nominal(timestamp);
}

function instantOf({ calendar }: AlignedAssigner, nominal: number): number {
  return calendar === undefined ? nominal : calendar.instant(nominal);
}

function nominalPane(assigner: AlignedAssigner, nominal: number): number {
  const inSlide = phase(nominal - assigner.offsetMs, assigner.slideMs);
  return inSlide < assigner.firstPaneMs ? nominal - inSlide : nominal - inSlide + assigner.firstPaneMs;
}

function nominalPaneEnd(assigner: AlignedAssigner, pane: number): number {
  const inSlide = phase(pane - assigner.offsetMs, assigner.slideMs);
  return inSlide < assigner.firstPaneMs ? pane + assigner.firstPaneMs : pane - inSlide + assigner.slideMs;
}

function nominalFirstEnd(assigner: AlignedAssigner, pane: number): number {
  // The earliest window that ends at or after the pane's end.
  const end = nominalPaneEnd(assigner, pane);
  const past = phase(end - assigner.offsetMs - assigner.sizeMs, assigner.slideMs);
  return past === 0 ? end : end - past + assigner.slideMs;
}

function nominalLastEnd(assigner: AlignedAssigner, pane: number): number {
  return pane - phase(pane - assigner.offsetMs, assigner.periodMs) + assigner.sizeMs;
}

function nominalStart(assigner: AlignedAssigner, end: number): number {
  if (assigner.kind !== "cumulative") return end - assigner.sizeMs;
  return end - 1 - phase(end - 1 - assigner.offsetMs, assigner.periodMs);
}

// In epoch ms

/** Start of the pane that holds the timestamp: the pane's identity. Hot: called once per record, at worst. */
export function paneOf(assigner: AlignedAssigner, timestamp: number): number {
  return instantOf(assigner, nominalPane(assigner, nominalOf(assigner, timestamp)));
}

/** End (exclusive) of the pane that starts at `pane`; also the start of the next pane. */
export function paneEnd(assigner: AlignedAssigner, pane: number): number {
  return instantOf(assigner, nominalPaneEnd(assigner, nominalOf(assigner, pane)));
}

/** End of the earliest window that contains the pane. */
export function firstWindowEnd(assigner: AlignedAssigner, pane: number): number {
  return instantOf(assigner, nominalFirstEnd(assigner, nominalOf(assigner, pane)));
}

/** End of the latest window that contains the pane: the pane may be dropped once that window has closed. */
export function lastWindowEnd(assigner: AlignedAssigner, pane: number): number {
  return instantOf(assigner, nominalLastEnd(assigner, nominalOf(assigner, pane)));
}

/** Start of the window that ends at `windowEnd`. */
export function windowStart(assigner: AlignedAssigner, windowEnd: number): number {
  return instantOf(assigner, nominalStart(assigner, nominalOf(assigner, windowEnd)));
}

/** End of the next window behind the one that ends at `windowEnd`. */
export function nextWindowEnd(assigner: AlignedAssigner, windowEnd: number): number {
  return instantOf(assigner, nominalOf(assigner, windowEnd) + assigner.slideMs);
}

/** The windows that contain the pane, earliest first. */
export function windowsOfPane(assigner: AlignedAssigner, pane: number): Window[] {
  const windows: Window[] = [];
  const nominal = nominalOf(assigner, pane);
  const last = nominalLastEnd(assigner, nominal);
  for (let end = nominalFirstEnd(assigner, nominal); end <= last; end += assigner.slideMs)
    windows.push({ start: instantOf(assigner, nominalStart(assigner, end)), end: instantOf(assigner, end) });
  return windows;
}

/** Starts of the panes that make up the window ending at `windowEnd`, ascending. */
export function panesOfWindow(assigner: AlignedAssigner, windowEnd: number): number[] {
  const panes: number[] = [];
  const end = nominalOf(assigner, windowEnd);
  for (let pane = nominalStart(assigner, end); pane < end; pane = nominalPaneEnd(assigner, pane))
    panes.push(instantOf(assigner, pane));
  return panes;
}

/** The windows that contain the timestamp, earliest first (law W3). */
export function windowsOf(assigner: AlignedAssigner, timestamp: number): Window[] {
  return windowsOfPane(assigner, paneOf(assigner, timestamp));
}
