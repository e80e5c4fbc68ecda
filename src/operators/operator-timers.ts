// OperatorTimers — the timers of one keyed operator instance: those of its own two kinds, and those that clean up behind
// states with a time to live. A record changes all of them as one, and so does a commit.
import type { StoredTimer } from "../core/ports/state-backend.ts";
import { restoreTimers, type TimerDeltas, TimerQueue } from "../time/timer-queue.ts";

export class OperatorTimers {
  readonly event: TimerQueue;
  readonly processing: TimerQueue;
  /** On the clock, of states that grow old in processing time; the namespace of a timer is the name of its state. */
  readonly cleanup: TimerQueue;
  /** The same in event time. */
  readonly eventCleanup: TimerQueue;
  readonly #all: readonly TimerQueue[];

  /** @param journaling the changes of a record may be taken back */
  constructor(
    operator: string,
    journaling: boolean,
    stored: readonly (readonly [keyGroup: number, timers: readonly StoredTimer[]])[],
  ) {
    this.event = new TimerQueue("event", operator, journaling);
    this.processing = new TimerQueue("processing", operator, journaling);
    this.cleanup = new TimerQueue("cleanup", operator, journaling);
    this.eventCleanup = new TimerQueue("eventCleanup", operator, journaling);
    this.#all = [this.event, this.processing, this.cleanup, this.eventCleanup];
    restoreTimers(stored, this.#all);
  }

  /** Timers of the queue clean up behind states. */
  cleansUp(queue: TimerQueue): boolean {
    return queue === this.cleanup || queue === this.eventCleanup;
  }

  /** Law S1: from here on {@link rollback} takes back. */
  beginRecord(): void {
    for (const queue of this.#all) queue.beginRecord();
  }

  rollback(): void {
    for (const queue of this.#all) queue.rollback();
  }

  /** When the next timer on the clock is due, in epoch ms. */
  nextProcessingTime(): number | undefined {
    const own = this.processing.nextTime();
    const cleanup = this.cleanup.nextTime();
    if (own === undefined || cleanup === undefined) return own ?? cleanup;
    return Math.min(own, cleanup);
  }

  get pendingWrites(): number {
    let writes = 0;
    for (const queue of this.#all) writes += queue.pendingWrites;
    return writes;
  }

  collect(groupOf: (keyGroup: number) => TimerDeltas): void {
    for (const queue of this.#all) queue.collect(groupOf);
  }
}
