// joinTime — event time as joins compare it: whole milliseconds, and never behind a watermark that the record is ahead of.
import { EngineError } from "../../core/errors.ts";

/** Farthest from 1970 that joins compare, about 71,000 years: with any bound added, a time is still exact. */
const FARTHEST_MS = 2 ** 51;

/** The longest bound of a join, about 35,000 years. */
export const LONGEST_BOUND_MS: number = 2 ** 50;

/** A record without a usable event time came to a join that compares event times. */
export class MissingJoinTimestampError extends EngineError<"MISSING_JOIN_TIMESTAMP"> {
  constructor(operator: string, timestamp: unknown) {
    super(
      "MISSING_JOIN_TIMESTAMP",
      `join "${operator}": ` +
        (timestamp === undefined
          ? "a record has no timestamp; give the source a `timestamp` option, and emit with a timestamp where a timer in " +
            "processing time emits"
          : `a record has the timestamp ${String(timestamp)}, which joins cannot compare; give milliseconds since ` +
            "1970-01-01 UTC, not micro- or nanoseconds"),
      { details: { operator, timestamp: String(timestamp) } },
    );
  }
}

/**
 * Fractions are rounded up: a record that is newer than the watermark stays so.
 *
 * @returns undefined when {@link joinTime} refuses it
 */
export function comparableTime(timestamp: number | undefined): number | undefined {
  if (timestamp === undefined || !(Math.abs(timestamp) <= FARTHEST_MS)) return undefined;
  return Math.ceil(timestamp) + 0; // -0 and 0 are the same time
}

/** @throws {MissingJoinTimestampError} */
export function joinTime(operator: string, timestamp: number | undefined): number {
  const time = comparableTime(timestamp);
  if (time === undefined) throw new MissingJoinTimestampError(operator, timestamp);
  return time;
}
