// Run — a partial match of one key: the place where it stands, and the entry of its last record.
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import type { Place } from "./place.ts";

/** The place of a match that is complete, and waits for those that began earlier. */
export const HELD = -1;

export interface Run {
  readonly id: number;
  /** Number of a place, or {@link HELD}. */
  readonly place: number;
  /** A record has passed since the last one was taken; above that a bit for each guard that no longer holds. */
  readonly flags: number;
  /** Last entry in the buffer. */
  readonly entry: number;
  /** Number of its first record: the smaller, the earlier it began. */
  readonly start: number;
  /** Time of its first record, in epoch ms. */
  readonly startMs: number;
  /** Time of its last record, in epoch ms. */
  readonly lastMs: number;
}

/** As an array: names of fields would be most of the bytes. */
export const runCodec: Codec<Run> = {
  name: "pattern-run",
  version: 1,
  encode: ({ id, place, flags, entry, start, startMs, lastMs }) =>
    msgpackCodec.encode([id, place, flags, entry, start, startMs, lastMs]),
  decode(bytes) {
    const [id, place, flags, entry, start, startMs, lastMs] = msgpackCodec.decode(bytes) as number[];
    return { id, place, flags, entry, start, startMs, lastMs } as Run;
  },
};

/** When the run's time is over, in epoch ms; Infinity for never. */
export function deadlineOf(run: Run, place: Place | undefined, withinMs: number | undefined): number {
  if (place === undefined) return Number.POSITIVE_INFINITY;
  const whole = withinMs === undefined ? Number.POSITIVE_INFINITY : run.startMs + withinMs;
  return place.gapMs === undefined ? whole : Math.min(whole, run.lastMs + place.gapMs);
}
