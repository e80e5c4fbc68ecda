// ScriptedSource — a source that does exactly what a test wrote down: batches, waits, failures, in a fixed order.
//
// The position of a split is the number of the next step, so that a replay repeats the same batches.
import type { Json, ReadFailure, Source, SourceBatch, SplitReader } from "../../src/index.ts";

/** What one read of a split does. */
export type Step<T> =
  /** Brings these records at once. */
  | readonly T[]
  /** Stays pending until the promise settles, then brings nothing, or rejects as the promise does. */
  | { readonly wait: () => Promise<unknown> }
  /** Brings input that could not be decoded. */
  | { readonly failures: readonly ReadFailure[] }
  /** Throws instead of bringing anything, as long as the function returns an error. */
  | { readonly fail: () => Error | undefined };

export interface ScriptOptions {
  /** Stays open after the last step instead of ending. */
  readonly unbounded?: boolean;
}

/** @param scripts the steps of every split; the source has as many splits on any parallelism */
export function scripted<T>(
  scripts: readonly (readonly Step<T>[])[],
  options: ScriptOptions = {},
): Source<T> {
  return {
    description: `script of ${scripts.length} splits`,
    bounded: options.unbounded !== true,
    replayable: true,
    splits: () => scripts.map((_, split) => ({ id: `s${split}`, split })),
    open: (split, position) =>
      new ScriptReader(scripts[Number(split["split"])] ?? [], position, options.unbounded === true),
  };
}

class ScriptReader<T> implements SplitReader<T> {
  readonly #steps: readonly Step<T>[];
  readonly #unbounded: boolean;
  readonly #closed: Promise<void>;
  #close: () => void = () => {};
  #next: number;

  constructor(steps: readonly Step<T>[], position: Json | undefined, unbounded: boolean) {
    this.#steps = steps;
    this.#unbounded = unbounded;
    this.#next = position === undefined ? 0 : Number(position);
    this.#closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  read(): SourceBatch<T> | Promise<SourceBatch<T>> {
    const step = this.#steps[this.#next];
    if (step === undefined) return this.#end();
    if (isBatch(step)) return this.#advance([...step]);
    if ("failures" in step) return this.#advance([], step.failures);
    if ("wait" in step) return this.#wait(step.wait());
    const error = step.fail();
    if (error !== undefined) throw error;
    return this.#advance([]);
  }

  close(): void {
    this.#close();
  }

  #end(): SourceBatch<T> | Promise<SourceBatch<T>> {
    const batch = this.#batch([], undefined);
    return this.#unbounded ? this.#closed.then(() => batch) : batch;
  }

  async #wait(step: Promise<unknown>): Promise<SourceBatch<T>> {
    const outcome = await Promise.race([step.then(() => "done"), this.#closed.then(() => "closed")]);
    return outcome === "done" ? this.#advance([]) : this.#batch([], undefined);
  }

  #advance(records: T[], failures?: readonly ReadFailure[]): SourceBatch<T> {
    this.#next++;
    return this.#batch(records, failures);
  }

  #batch(records: T[], failures: readonly ReadFailure[] | undefined): SourceBatch<T> {
    const end = !this.#unbounded && this.#next >= this.#steps.length;
    return { records, failures, position: this.#next, end };
  }
}

function isBatch<T>(step: Step<T>): step is readonly T[] {
  return Array.isArray(step);
}
