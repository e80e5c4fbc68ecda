// TestClock — processing time that stands still until a test moves it.
import { type Clock, ManualClock } from "../core/clock.ts";
import { type Duration, parseDuration } from "../time/duration.ts";

/** Processing time of a test. */
export interface TestTime {
  /** Epoch ms. */
  nowMs(): number;
  /**
   * Moves time forward.
   * @param duration whole milliseconds, or text such as `"5m"`
   * @throws {InvalidDurationError}
   */
  advance(duration: Duration): void;
}

/** What is due at once runs at once: only waits of some length wait for the test. */
export class TestClock implements Clock, TestTime {
  readonly #manual: ManualClock;

  constructor(startMs: number) {
    this.#manual = new ManualClock(startMs);
  }

  nowMs(): number {
    return this.#manual.nowMs();
  }

  monotonicMs(): number {
    return this.#manual.monotonicMs();
  }

  after(delayMs: number, action: () => void): () => void {
    if (delayMs > 0) return this.#manual.after(delayMs, action);
    const immediate = setImmediate(action);
    return () => clearImmediate(immediate);
  }

  advance(duration: Duration): void {
    this.#manual.advance(parseDuration(duration, "clock.advance"));
  }
}
