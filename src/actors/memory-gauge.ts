// MemoryGauge — whether the store has room for new data. Sources stop reading while it has not; everything downstream
// goes on, or nobody could make room (H12).

/** Above this share of `maxmemory` sources stop; the rest is for what is already under way. */
const TIGHT_ABOVE = 0.7;
/** They go on below this, so that they do not flutter. */
const ROOMY_BELOW = 0.65;

export class MemoryGauge {
  readonly #waiting = new Set<() => void>();
  #tight = false;

  /** Sources must not bring in more. */
  get isTight(): boolean {
    return this.#tight;
  }

  /** @param memoryUse share of the store's limit in use, 0 when there is none */
  update(memoryUse: number): void {
    if (memoryUse > TIGHT_ABOVE) this.#tight = true;
    else if (memoryUse < ROOMY_BELOW && this.#tight) {
      this.#tight = false;
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const wake of waiting) wake();
    }
  }

  /** Calls `wake` once when there is room again. */
  whenRoomy(wake: () => void): void {
    this.#waiting.add(wake);
  }

  forget(wake: () => void): void {
    this.#waiting.delete(wake);
  }
}
