// Alarm — wakes a partition once, at the earliest of the times it was set to.
import type { Clock } from "../core/clock.ts";

/** A timer of Node that is set further ahead drifts with the wall clock: it rings early then, and is set again. */
const LONGEST_MS = 60_000;
/** Timers of Node do not tell times apart that are closer than this. */
const RESOLUTION_MS = 1;

export class Alarm {
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #ring: () => void;
  #atMs = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  /** @param now the time that the alarm goes by, in ms: wall clock or monotonic */
  constructor(clock: Clock, now: () => number, ring: () => void) {
    this.#clock = clock;
    this.#now = now;
    this.#ring = ring;
  }

  /** Rings at `atMs` or earlier; +Infinity asks for nothing. */
  setAt(atMs: number): void {
    // Asked again in every turn, and the sum of a time and a rest differs in its last bits.
    if (atMs > this.#atMs - RESOLUTION_MS || atMs === Number.POSITIVE_INFINITY) return;
    this.clear();
    this.#atMs = atMs;
    const delayMs = Math.min(Math.max(RESOLUTION_MS, atMs - this.#now()), LONGEST_MS);
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#atMs = Number.POSITIVE_INFINITY;
      this.#cancel = undefined;
      this.#ring();
    });
  }

  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }
}
