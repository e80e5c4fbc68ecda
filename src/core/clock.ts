// Clock — the only way into wall time, so that tests and replays own it.

export interface Clock {
  /** Wall clock in epoch ms. */
  nowMs(): number;
  /** Monotonic time in ms with an arbitrary zero; for intervals and failure detection. */
  monotonicMs(): number;
  /** Runs `action` once after `delayMs`; returns a function that cancels it. */
  after(delayMs: number, action: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A clock that moves only when told: for tests and for the operator harness. */
export class ManualClock implements Clock {
  #nowMs: number;
  #scheduled: { atMs: number; order: number; action: () => void }[] = [];
  #order = 0;

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, order: this.#order++, action };
    this.#scheduled.push(entry);
    return () => {
      this.#scheduled = this.#scheduled.filter((other) => other !== entry);
    };
  }

  /** Moves time forward and runs what became due, in order of time and then of registration. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const due = this.#scheduled
        .filter((entry) => entry.atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (due === undefined) break;
      this.#scheduled = this.#scheduled.filter((entry) => entry !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.action();
    }
    this.#nowMs = untilMs;
  }
}
