// Window assigners — which windows a timestamp belongs to, as plain data and pure arithmetic.
//
// Owns:      the boundaries of tumbling and sliding windows, and their panes.
// Does not:  hold records, watch the clock, know keys.
//
// A pane is the longest stretch of time without a window boundary inside: all its records are in the same windows, so
// a window operator folds a record once, into its pane, and combines panes when a window closes. Boundaries stand at
// offset + k * slide (windows start) and offset + k * slide + (size mod slide) (windows end), so there are at most two
// panes per slide, whatever size and slide are.
//
// Laws (docs/laws.md)
//   W3  Every timestamp is in exactly the windows whose start <= timestamp < end: size / slide of them when slide
//       divides size, else one of the two whole numbers beside that quotient.
//   W4  Panes cover time without gap or overlap, and a window is exactly the union of its panes.
//
// Source: Krishnamurthy, Wu, Franklin, "On-the-fly Sharing for Streamed Aggregation", 2006 (paired windows).

import { EngineError } from "../core/errors.ts";
import { checkOptions, InvalidOptionError } from "../core/options.ts";
import { type Duration, parseDuration } from "./duration.ts";

/** Event time comes from the record, processing time from the clock. */
export type TimeDomain = "event" | "processing";

/** start <= timestamp < end; both in epoch ms. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** How time is cut into windows. Plain data: part of the plan and of its hash. */
export interface WindowAssigner {
  readonly kind: "tumbling" | "sliding";
  readonly time: TimeDomain;
  readonly sizeMs: number;
  /** Distance between two window starts; equals `sizeMs` for tumbling windows. 0 < slideMs <= sizeMs. */
  readonly slideMs: number;
  /** Windows start at `offsetMs + k * slideMs`; 0 <= offsetMs < slideMs. */
  readonly offsetMs: number;
  /** Length of the first pane of each slide; the second one, if any, has the rest. 0 < firstPaneMs <= slideMs. */
  readonly firstPaneMs: number;
  /** The same windows over processing time. */
  processingTime(): WindowAssigner;
}

export interface WindowOptions {
  /** Shifts all window starts; for days of another time zone, for example `"-8h"`. May be negative. Default 0. */
  readonly offset?: Duration;
  /** Default `event`. */
  readonly time?: TimeDomain;
}

/** Size and slide do not make windows. */
export class InvalidWindowError extends EngineError<"INVALID_WINDOW"> {
  constructor(sizeMs: number, slideMs: number) {
    super(
      "INVALID_WINDOW",
      `sliding window: the slide of ${slideMs} ms is longer than the size of ${sizeMs} ms, so records between two windows ` +
        "would be lost; make the slide at most as long as the size, or filter the records first",
      { details: { sizeMs, slideMs } },
    );
  }
}

/**
 * Windows that follow each other: every record is in exactly one.
 *
 * @param size length of a window, longer than zero
 * @throws {InvalidDurationError}
 * @throws {UnknownOptionError}
 */
export function tumbling(size: Duration, options: WindowOptions = {}): WindowAssigner {
  const sizeMs = parseDuration(size, "tumbling window size", "positive");
  return createAssigner("tumbling", sizeMs, sizeMs, options);
}

/**
 * Windows that overlap: a new one of length `size` starts every `slide`.
 *
 * @param size length of a window, longer than zero
 * @param slide distance between window starts, longer than zero and at most `size`; need not divide it
 * @throws {InvalidDurationError}
 * @throws {InvalidWindowError} when the slide is longer than the size
 * @throws {UnknownOptionError}
 */
export function sliding(size: Duration, slide: Duration, options: WindowOptions = {}): WindowAssigner {
  const sizeMs = parseDuration(size, "sliding window size", "positive");
  const slideMs = parseDuration(slide, "sliding window slide", "positive");
  if (slideMs > sizeMs) throw new InvalidWindowError(sizeMs, slideMs);
  return createAssigner("sliding", sizeMs, slideMs, options);
}

function createAssigner(
  kind: WindowAssigner["kind"],
  sizeMs: number,
  slideMs: number,
  options: WindowOptions,
): WindowAssigner {
  checkOptions(`${kind} window`, options, ["offset", "time"]);
  const time = options.time ?? "event";
  if (time !== "event" && time !== "processing")
    throw new InvalidOptionError(`${kind} window`, "time", time, '"event" or "processing"');
  const offset = parseDuration(options.offset ?? 0, `${kind} window offset`, "any");
  const remainder = sizeMs % slideMs;
  const assigner: Omit<WindowAssigner, "processingTime"> = {
    kind,
    time,
    sizeMs,
    slideMs,
    offsetMs: phase(offset, slideMs),
    firstPaneMs: remainder === 0 ? slideMs : remainder,
  };
  return Object.freeze({
    ...assigner,
    processingTime: () => createAssigner(kind, sizeMs, slideMs, { ...options, time: "processing" }),
  });
}

/** 0 <= result < period, also for negative values. Exact for all whole numbers, unlike floor of a quotient. */
function phase(value: number, period: number): number {
  const remainder = value % period;
  return remainder < 0 ? remainder + period : remainder + 0;
}

/** Start of the pane that holds the timestamp: the pane's identity. Hot: called once per record. */
export function paneOf(assigner: WindowAssigner, timestamp: number): number {
  const inSlide = phase(timestamp - assigner.offsetMs, assigner.slideMs);
  return inSlide < assigner.firstPaneMs ? timestamp - inSlide : timestamp - inSlide + assigner.firstPaneMs;
}

/** End (exclusive) of the pane that starts at `pane`; also the start of the next pane. */
export function paneEnd(assigner: WindowAssigner, pane: number): number {
  const inSlide = phase(pane - assigner.offsetMs, assigner.slideMs);
  return inSlide < assigner.firstPaneMs ? pane + assigner.firstPaneMs : pane - inSlide + assigner.slideMs;
}

/** End of the earliest window that contains the pane. */
export function firstWindowEnd(assigner: WindowAssigner, pane: number): number {
  // The earliest window that ends at or after the pane's end.
  const end = paneEnd(assigner, pane);
  const past = phase(end - assigner.offsetMs - assigner.sizeMs, assigner.slideMs);
  return past === 0 ? end : end - past + assigner.slideMs;
}

/** End of the latest window that contains the pane: the pane may be dropped once that window has closed. */
export function lastWindowEnd(assigner: WindowAssigner, pane: number): number {
  return pane - phase(pane - assigner.offsetMs, assigner.slideMs) + assigner.sizeMs;
}

/** The windows that contain the pane, earliest first. */
export function windowsOfPane(assigner: WindowAssigner, pane: number): Window[] {
  const windows: Window[] = [];
  const last = lastWindowEnd(assigner, pane);
  for (let end = firstWindowEnd(assigner, pane); end <= last; end += assigner.slideMs)
    windows.push({ start: end - assigner.sizeMs, end });
  return windows;
}

/** The window whose last pane is this one, or undefined when no window ends there. */
export function windowEndingWithPane(assigner: WindowAssigner, pane: number): Window | undefined {
  const end = paneEnd(assigner, pane);
  return firstWindowEnd(assigner, pane) === end ? { start: end - assigner.sizeMs, end } : undefined;
}

/** Starts of the panes that make up the window ending at `windowEnd`, ascending. */
export function panesOfWindow(assigner: WindowAssigner, windowEnd: number): number[] {
  const panes: number[] = [];
  for (let pane = windowEnd - assigner.sizeMs; pane < windowEnd; pane = paneEnd(assigner, pane))
    panes.push(pane);
  return panes;
}

/** The windows that contain the timestamp, earliest first (law W3). */
export function windowsOf(assigner: WindowAssigner, timestamp: number): Window[] {
  return windowsOfPane(assigner, paneOf(assigner, timestamp));
}

/** The next window to close when everything up to and including `timestamp` has been seen. */
export function nextWindowEndAfter(assigner: WindowAssigner, timestamp: number): number {
  return firstWindowEnd(assigner, paneOf(assigner, timestamp));
}
