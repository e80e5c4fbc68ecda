// News — what ends a worker's wait: a change of the control plane, or something that happened in this process.
//
// Neither is lost while nobody waits: the wait for a change outlives the look that it was begun for, since a second one
// beside it would leave the first to take a ring that nobody sees.
import type { Coordination } from "../core/ports/coordination.ts";

export class News {
  readonly #coordination: Pick<Coordination, "waitForChange">;
  #isTold = false;
  #wake: () => void = () => {};
  /** Under way, or over and not yet seen. */
  #change: Promise<void> | undefined;

  constructor(coordination: Pick<Coordination, "waitForChange">) {
    this.#coordination = coordination;
  }

  /** Something happened in this process. */
  tell(): void {
    this.#isTold = true;
    this.#wake();
  }

  /** Resolves with the first news since the last wait, at the latest after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    this.#change ??= Promise.resolve(this.#coordination.waitForChange(timeoutMs));
    if (!this.#isTold) {
      const told = new Promise<false>((resolve) => {
        this.#wake = () => resolve(false);
      });
      const changed = this.#change.then(() => true);
      if (await Promise.race([told, changed])) this.#change = undefined;
    }
    this.#isTold = false;
  }
}
