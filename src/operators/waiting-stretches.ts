// Stretches of event time in which records of a key wait: a list each, and a timer.
//
// Both functions rest on one invariant of the operator: a stretch that holds something has a timer without namespace, in
// the same commit.
import type { Batch } from "../core/batch.ts";
import type { ListCells } from "../state/list-state.ts";
import type { TimerQueue } from "../time/timer-queue.ts";

/** Asks for the stretches in which the records of the batch will wait. */
export function wantStretches<T>(
  waiting: ListCells<T>,
  { keys, timestamps }: Batch,
  watermark: number,
  stretchOf: (timestamp: number) => number,
): void {
  if (keys === undefined || timestamps === undefined) return; // refused when they are processed
  for (let i = 0; i < keys.length; i++) {
    const timestamp = timestamps[i];
    // The others are late, or refused.
    if (timestamp === undefined || !(timestamp > watermark)) continue;
    waiting.useNamespace(stretchOf(timestamp));
    waiting.want(keys[i]);
  }
}

/** Nothing waits behind the stretch of the last timer: what comes there needs no fetch. */
export function assumeLaterStretchesEmpty<T>(
  waiting: ListCells<T>,
  timers: TimerQueue,
  stretchOf: (timestamp: number) => number,
): void {
  let last = Number.NEGATIVE_INFINITY;
  timers.forEach(({ namespace, time }) => {
    if (namespace === undefined) last = Math.max(last, stretchOf(time));
  });
  waiting.assumeCompleteAbove(last);
}
