// MachineClock — a machine's clocks: real time passes for both, and the wall clock is set now and then.
import { type Clock, systemClock } from "../../src/core/clock.ts";

export class MachineClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;

  constructor(wallMs: number) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** In real time: what waits for this clock is not what a test with it is about. */
  after(delayMs: number, action: () => void): () => void {
    return systemClock.after(delayMs, action);
  }

  pass(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }

  /** The wall clock is set, or the partition is on another machine. */
  jump(byMs: number): void {
    this.#wallMs += byMs;
  }
}
