// eventTimestamp — the user's `timestamp` option, as the source actor wants it: epoch ms, or a typed error.
import { shortJson } from "../core/short-json.ts";
import { InvalidTimestampError } from "../time/watermarks.ts";

/**
 * Takes a `Date` or a number from the user's function.
 *
 * @returns event time in epoch ms of a record
 * @throws {InvalidTimestampError} from the returned function; the source's `onError` policy decides what follows
 */
export function eventTimestamp(
  source: string,
  timestamp: (record: never) => Date | number,
): (record: never) => number {
  // Hot: called once per record that enters the job.
  return (record) => {
    const given: unknown = timestamp(record);
    const epochMs = typeof given === "number" ? given : given instanceof Date ? given.getTime() : Number.NaN;
    if (!Number.isFinite(epochMs)) throw new InvalidTimestampError(source, given, shortJson(record));
    return epochMs;
  };
}
