// What windows emit, and what they leave aside.
import { EngineError } from "../../core/errors.ts";
import type { Window } from "../../time/window.ts";

/** Tag of the side output that carries the records which came too late for all of their windows. */
export const LATE_TAG = "late";

/** Which of several results of one window this is. */
export interface Pane {
  /** Before the end of the window, at its end, or afterwards. Results of windows without an end are all early. */
  readonly timing: "early" | "onTime" | "late";
  /** 0 for the first result of the window, then 1, 2, ... */
  readonly index: number;
}

/** The result of one window of one key. */
export interface WindowResult<K, R> {
  readonly key: K;
  readonly value: R;
  /** start <= timestamp of its records < end, in epoch ms. */
  readonly window: Window;
  /** Set where a window may have more than one result; windows that close with their only result have none. */
  readonly pane?: Pane;
}

/** A record without event time came to a window in event time. */
export class MissingTimestampError extends EngineError<"MISSING_TIMESTAMP"> {
  constructor(operator: string, timestamp: unknown) {
    super(
      "MISSING_TIMESTAMP",
      `window "${operator}": a record has ${timestamp === undefined ? "no timestamp" : `the timestamp ${String(timestamp)}`}; ` +
        "give the source a `timestamp` option, or use a window in processing time",
      { details: { operator, timestamp: String(timestamp) } },
    );
  }
}
