// WindowTime — where time stands for the windows of one operator, in their own time, and when each of them goes.
//
// Owns:      the clock of windows in processing time, and the timers with which windows go.
// Does not:  know what goes with a window (general-window.ts), or the timers of triggers (trigger-scope.ts).
import type { Timer } from "../../time/timer-member.ts";
import type { TimerQueue } from "../../time/timer-queue.ts";
import type { TimeDomain, Window } from "../../time/window.ts";

export class WindowTime {
  readonly inProcessingTime: boolean;
  readonly #allowedLatenessMs: number;
  readonly #timers: TimerQueue;
  /** Of windows in processing time. Never goes back, or closed ones would open again. */
  #clockMs = Number.NEGATIVE_INFINITY;
  #watermark = Number.NEGATIVE_INFINITY;
  /** While a timer fires that is its time, however far the rest jumped. */
  #standsAt = Number.NEGATIVE_INFINITY;

  /** @param time undefined for the global window, which never goes */
  constructor(
    time: TimeDomain | undefined,
    allowedLatenessMs: number,
    eventTimers: TimerQueue,
    processingTimers: TimerQueue,
  ) {
    this.inProcessingTime = time === "processing";
    this.#allowedLatenessMs = allowedLatenessMs;
    this.#timers = this.inProcessingTime ? processingTimers : eventTimers;
  }

  /** A batch or slice of timers begins. */
  enter(nowMs: number, watermark: number): void {
    this.#clockMs = this.clockAt(nowMs);
    this.#watermark = watermark;
    this.#standsAt = this.inProcessingTime ? this.#clockMs : watermark;
  }

  /** A timer fires; at the end of the input those in processing time do so before their time. */
  standOn({ kind, time }: Timer): void {
    const isClock = kind === "processing";
    if (isClock && this.inProcessingTime) this.#clockMs = this.clockAt(time);
    if (isClock === this.inProcessingTime) this.#standsAt = time;
  }

  /** What the clock of the windows shows when the wall clock shows `nowMs`, in epoch ms. */
  clockAt(nowMs: number): number {
    return Math.max(this.#clockMs, nowMs);
  }

  /** Where records stand in processing time, in epoch ms. */
  get clockMs(): number {
    return this.#clockMs;
  }

  hasEnded({ end }: Window): boolean {
    return this.#standsAt >= (this.inProcessingTime ? end : end - 1);
  }

  /** When the window goes, in its own time; undefined when it never does. */
  goesAt({ end }: Window): number | undefined {
    if (this.inProcessingTime) return end;
    return end === Number.POSITIVE_INFINITY ? undefined : end - 1 + this.#allowedLatenessMs;
  }

  /** The window has an end in event time, and takes no record any more. */
  isLate(window: Window): boolean {
    return !this.inProcessingTime && (this.goesAt(window) as number) <= this.#watermark;
  }

  isGoing({ kind, time }: Timer, window: Window): boolean {
    // The end of the input ends the global window too.
    if (time === Number.POSITIVE_INFINITY) return true;
    return kind === (this.inProcessingTime ? "processing" : "event") && time === this.goesAt(window);
  }

  /** Sets the timer for the moment at which the window goes, if it does. */
  setGoing(id: number, key: unknown, window: Window): void {
    const at = this.goesAt(window);
    if (at !== undefined) this.#timers.register(id, key, at);
  }

  deleteGoing(id: number, key: unknown, window: Window): void {
    const at = this.goesAt(window);
    if (at !== undefined) this.#timers.delete(id, key, at);
  }
}
