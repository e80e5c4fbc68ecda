// eventTimestamp — the user's `timestamp` option, as partitions want it: epoch ms, or a typed error.
import { shortJson } from "../core/short-json.ts";
import { InvalidTimestampError } from "../time/watermarks.ts";

/**
 * Takes a `Date` or a number from the user's function.
 *
 * @param owner whose option it is: `source "orders"`
 * @returns event time in epoch ms of a record. `before`: the one that it has already, if any
 * @throws {InvalidTimestampError} from the returned function; the owner's `onError` policy decides what follows
 */
export function eventTimestamp(
  owner: string,
  timestamp: (record: never, before: number | undefined) => Date | number,
): (record: never, before?: number) => number {
  // Hot: called once per record.
  return (record, before) => {
    const given: unknown = timestamp(record, before);
    const epochMs = typeof given === "number" ? given : given instanceof Date ? given.getTime() : Number.NaN;
    if (!Number.isFinite(epochMs)) throw new InvalidTimestampError(owner, given, shortJson(record));
    return epochMs;
  };
}
