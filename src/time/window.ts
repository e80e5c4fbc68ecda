// Window — a stretch of time, and what all assigners of windows have in common: their clock and their errors.
import { EngineError } from "../core/errors.ts";
import { InvalidOptionError } from "../core/options.ts";

/** Event time comes from the record, processing time from the clock. */
export type TimeDomain = "event" | "processing";

/** start <= timestamp < end; both in epoch ms. The global window and count windows are unbounded: from -Infinity to Infinity. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** All of time: the window of `globalWindow()` and `countWindow()`. */
export const ALL_OF_TIME: Window = Object.freeze({
  start: Number.NEGATIVE_INFINITY,
  end: Number.POSITIVE_INFINITY,
});

/** What was given makes no windows. */
export class InvalidWindowError extends EngineError<"INVALID_WINDOW"> {
  /** @param problem one sentence: what does not fit, and what to do */
  constructor(kind: string, problem: string, details: Readonly<Record<string, unknown>>) {
    super("INVALID_WINDOW", `${kind} window: ${problem}`, { details: { kind, ...details } });
  }
}

/** @throws {InvalidOptionError} */
export function readTimeDomain(kind: string, time: TimeDomain | undefined): TimeDomain {
  const chosen = time ?? "event";
  if (chosen !== "event" && chosen !== "processing")
    throw new InvalidOptionError(`${kind} window`, "time", chosen, '"event" or "processing"');
  return chosen;
}
