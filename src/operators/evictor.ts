// Evictor — which records of a full window are taken out when it fires: before its function sees them, or afterwards.
//
// What is taken out is gone for later firings of the window too.
import type { Window } from "../time/window.ts";

/** A record in a window with list state. */
export interface WindowRecord<T> {
  readonly record: T;
  /** Event time in epoch ms; for records without, and in windows over processing time, when it came. */
  readonly timestamp: number;
}

export interface EvictorContext {
  readonly window: Window;
  /** Later records are strictly newer, in epoch ms. */
  readonly watermark: number;
  /** Wall clock in epoch ms. */
  readonly nowMs: number;
}

export interface Evictor<in T = unknown> {
  /** What explain and the plan's hash call it. */
  readonly label: string;
  /** Default `before`. */
  readonly when?: "before" | "after" | undefined;
  /**
   * @param records in the order of arrival
   * @returns whether the record with this position stays
   */
  select(records: readonly WindowRecord<T>[], context: EvictorContext): (position: number) => boolean;
}

/** Keeps the last `records` that came. */
export function lastRecords(records: number, when: "before" | "after"): Evictor<unknown> {
  return Object.freeze<Evictor<unknown>>({
    label: `the last ${records} records`,
    when,
    select: (all) => (position) => position >= all.length - records,
  });
}

/** Keeps the records that are newer than the newest one less `durationMs`. */
export function newestRecords(durationMs: number, when: "before" | "after"): Evictor<unknown> {
  return Object.freeze<Evictor<unknown>>({
    label: `the last ${durationMs} ms`,
    when,
    select(all) {
      let newest = Number.NEGATIVE_INFINITY;
      for (const { timestamp } of all) newest = Math.max(newest, timestamp);
      return (position) => (all[position] as WindowRecord<unknown>).timestamp > newest - durationMs;
    },
  });
}

/** Keeps the records whose `delta` to the last one that came is below the threshold. */
export function nearRecords<T>(
  threshold: number,
  delta: (record: T, last: T) => number,
  when: "before" | "after",
): Evictor<T> {
  return Object.freeze<Evictor<T>>({
    label: `less than ${threshold} from the last record`,
    when,
    select(all) {
      const last = all.at(-1) as WindowRecord<T>;
      return (position) => delta((all[position] as WindowRecord<T>).record, last.record) < threshold;
    },
  });
}
