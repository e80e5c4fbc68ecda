// Event time of keyed operators: records need one where operators go by it, some come too late, and results stay ahead of
// the watermark.
import { MAX_WATERMARK } from "../core/batch.ts";
import { EngineError } from "../core/errors.ts";
import type { Timer } from "../time/timer-member.ts";

/** Tag of the side output that carries the records which came too late for the operator. */
export const LATE_TAG = "late";

/** A record without event time came to an operator that goes by event time. */
export class MissingTimestampError extends EngineError<"MISSING_TIMESTAMP"> {
  constructor(operator: string, timestamp: unknown) {
    super(
      "MISSING_TIMESTAMP",
      `operator "${operator}": a record has ${timestamp === undefined ? "no timestamp" : `the timestamp ${String(timestamp)}`}; ` +
        "give the source a `timestamp` option, or let the operator go by processing time",
      { details: { operator, timestamp: String(timestamp) } },
    );
  }
}

/** The event time at which a timer's function emits; undefined for processing time and for the end of the input. */
export function eventTimeOf(timer: Timer): number | undefined {
  return timer.kind === "event" && timer.time !== MAX_WATERMARK ? timer.time : undefined;
}

/** Nothing that is emitted may be behind a watermark that went out before it. */
export function afterWatermark(timestamp: number, watermark: number): number {
  return Math.max(timestamp, watermark + 1);
}
