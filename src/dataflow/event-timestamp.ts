// eventTimestamp — the user's `timestamp` option, as the source actor wants it: epoch ms, or a typed error.
import { EngineError } from "../core/errors.ts";

/** A source's `timestamp` function returned something that is no point in time. Handled by the source's `onError`. */
export class InvalidTimestampError extends EngineError<"INVALID_TIMESTAMP"> {
  constructor(source: string, value: unknown) {
    const shown = value instanceof Date ? "an invalid Date" : `${String(value)} (${typeof value})`;
    super(
      "INVALID_TIMESTAMP",
      `source "${source}": the timestamp of a record is ${shown}; return a valid Date, or epoch milliseconds as a number`,
      { details: { source, value: String(value), type: typeof value } },
    );
  }
}

/**
 * @returns event time in epoch ms of a record
 * @throws {InvalidTimestampError} from the returned function
 */
export function eventTimestamp(
  source: string,
  timestamp: (record: never) => Date | number,
): (record: never) => number {
  // Hot: called once per record that enters the job.
  return (record) => {
    const given: unknown = timestamp(record);
    const epochMs = typeof given === "number" ? given : given instanceof Date ? given.getTime() : Number.NaN;
    if (!Number.isFinite(epochMs)) throw new InvalidTimestampError(source, given);
    return epochMs;
  };
}
