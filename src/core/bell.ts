// Bell — wakes those who wait for a change. A ring that nobody waits for is kept for the next who does.
import type { Clock } from "./clock.ts";

export class Bell {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #rung = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung = this.#waiting.size === 0;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves when it rings, or after `timeoutMs`; at once, without a promise, when it rang since the last wait. */
  wait(timeoutMs: number): void | Promise<void> {
    if (this.#rung) {
      this.#rung = false;
      return;
    }
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = this.#clock.after(timeoutMs, wake);
      this.#waiting.add(wake);
    });
  }
}
