// StopSignals — SIGINT and SIGTERM: the first one drains, a second one ends the process at once.
import { FORCED_EXIT, type StopSignal } from "./exit-codes.ts";

/**
 * One Ctrl-C may arrive twice: from the terminal, and passed on by npm or another parent. What comes so soon after the
 * first is the same wish.
 */
const SAME_WISH_MS = 500;

export interface StopHandlers {
  onDrain(signal: StopSignal): void;
  onForce(signal: StopSignal): void;
}

export class StopSignals {
  readonly #handlers: StopHandlers;
  readonly #listeners = new Map<StopSignal, () => void>();
  #firstMs: number | undefined;

  constructor(handlers: StopHandlers) {
    this.#handlers = handlers;
    for (const signal of Object.keys(FORCED_EXIT) as StopSignal[]) {
      const listener = (): void => this.receive(signal);
      this.#listeners.set(signal, listener);
      process.on(signal, listener);
    }
  }

  /** Drains, unless that has begun. */
  drain(signal: StopSignal, nowMs: number = performance.now()): void {
    if (this.#firstMs !== undefined) return;
    this.#firstMs = nowMs;
    this.#handlers.onDrain(signal);
  }

  /** As if the signal had come. */
  receive(signal: StopSignal, nowMs: number = performance.now()): void {
    if (this.#firstMs === undefined) {
      this.drain(signal, nowMs);
    } else if (nowMs - this.#firstMs >= SAME_WISH_MS) {
      this.#handlers.onForce(signal);
    }
  }

  /** Signals do again what they do by default. */
  close(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
    this.#listeners.clear();
  }
}
