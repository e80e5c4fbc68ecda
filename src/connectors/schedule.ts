// Schedule — when made records are due: record n at start + n / rate, which does not drift.
//
// Absolute: after a pause everything that became due comes at once, and the time at which a record was due can be told.
import type { Clock } from "../core/clock.ts";
import { InvalidOptionError } from "../core/options.ts";

/** setTimeout cannot wait longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** @throws {InvalidOptionError} */
export function checkRate(owner: string, ratePerSecond: number | undefined): void {
  if (ratePerSecond !== undefined && !(ratePerSecond > 0 && Number.isFinite(ratePerSecond)))
    throw new InvalidOptionError(owner, "ratePerSecond", ratePerSecond, "a number above 0");
}

export class Schedule {
  /** Epoch ms; part of a reader's position, so that a restart catches up. */
  readonly startMs: number;
  readonly #msPerRecord: number;
  readonly #clock: Clock;
  #wake: (() => void) | undefined;

  /**
   * @param ratePerSecond undefined: everything is due from the start on
   * @param startMs of an earlier reader; undefined: now
   */
  constructor(clock: Clock, ratePerSecond: number | undefined, startMs: number | undefined) {
    this.startMs = startMs ?? clock.nowMs();
    this.#msPerRecord = ratePerSecond === undefined ? 0 : 1_000 / ratePerSecond;
    this.#clock = clock;
  }

  /** There is a rate. */
  get isPaced(): boolean {
    return this.#msPerRecord > 0;
  }

  /** Epoch ms at which record n is due. */
  dueMs(n: number): number {
    return this.startMs + n * this.#msPerRecord;
  }

  /** The smallest number that is not due yet. */
  firstNotDue(): number {
    if (!this.isPaced) return Number.POSITIVE_INFINITY;
    return Math.floor((this.#clock.nowMs() - this.startMs) / this.#msPerRecord) + 1;
  }

  /** Resolves when record n is due, or when {@link release} is called. One wait at a time. */
  whenDue(n: number): Promise<void> {
    // Timers fire up to a millisecond early: waking before the record is due would only wait again.
    const delayMs = Math.max(1, Math.ceil(this.dueMs(n) - this.#clock.nowMs()));
    return new Promise((resolve) => {
      const cancel = this.#clock.after(Math.min(delayMs, LONGEST_TIMER_MS), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Ends a wait. */
  release(): void {
    this.#wake?.();
  }
}
