// PartitionClock — processing time as the operators of one partition see it, whichever machine they run on.
//
// Owns:      the highest time that they have seen; each commit carries it, so that the next owner goes on from there.
// Does not:  turn monotonic time or waits into anything else: those are of this process and end with it.
//
// Law T4  The processing time of a partition never goes back, and never stands still for long.
//
// Without it, a window that has closed could open again on a machine whose clock is behind, and state that has expired
// come back to life.
import type { Clock } from "../core/clock.ts";

/** While the wall clock is behind, processing time goes on at this part of its pace, until the wall clock has caught up. */
const CATCH_UP_PACE = 0.5;

export class PartitionClock implements Clock {
  readonly #clock: Clock;
  #highestMs: number;
  #takenMs: number;
  /** The wall clock is behind. */
  #isAhead = false;
  /** Where processing time stood, and the monotonic time, when that was found. */
  #fromMs = 0;
  #sinceMs = 0;

  /** @param committedMs as the last commit carries it, in epoch ms; undefined before the first */
  constructor(clock: Clock, committedMs: number | undefined) {
    this.#clock = clock;
    this.#highestMs = committedMs ?? Number.NEGATIVE_INFINITY;
    this.#takenMs = this.#highestMs;
  }

  nowMs(): number {
    const wallMs = this.#clock.nowMs();
    const aheadMs = this.#isAhead ? this.#aheadMs() : this.#highestMs;
    if (wallMs < aheadMs && !this.#isAhead) {
      this.#fromMs = aheadMs;
      this.#sinceMs = this.#clock.monotonicMs();
    }
    this.#isAhead = wallMs < aheadMs;
    this.#highestMs = Math.max(wallMs, aheadMs);
    return this.#highestMs;
  }

  #aheadMs(): number {
    const passedMs = Math.max(0, this.#clock.monotonicMs() - this.#sinceMs);
    return Math.max(this.#highestMs, this.#fromMs + Math.floor(passedMs * CATCH_UP_PACE));
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, action: () => void): () => void {
    return this.#clock.after(delayMs, action);
  }

  /** @returns the highest time seen, for the commit; undefined when nobody has asked for a later one since the last call */
  takeHighest(): number | undefined {
    if (this.#highestMs === this.#takenMs) return undefined;
    this.#takenMs = this.#highestMs;
    return this.#highestMs;
  }
}
