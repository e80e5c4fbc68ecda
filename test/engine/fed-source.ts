// FedSource — a source whose splits a test feeds while the job runs; every reader of the same process sees the same.
//
// The position of a split is the number of its next batch, so that a reader after a restart goes on where it stood.
import type { Json, Source, SourceBatch, SplitReader } from "../../src/index.ts";

export class FedSource<T> implements Source<T> {
  readonly description = "fed by hand";
  readonly bounded = true;
  readonly replayable = true;
  readonly #batches: Readonly<Record<string, T[][]>>;
  readonly #listeners = new Set<() => void>();
  readonly #onRead: (batch: readonly T[]) => void;
  #ended = false;

  /** @param onRead sees every batch when it is read */
  constructor(splits: readonly string[], onRead: (batch: readonly T[]) => void = () => {}) {
    this.#batches = Object.fromEntries(splits.map((id) => [id, []]));
    this.#onRead = onRead;
  }

  feed(split: string, ...records: readonly T[]): void {
    this.#batches[split]!.push([...records]);
    this.#tell();
  }

  /** No split brings more than it has. */
  end(): void {
    this.#ended = true;
    this.#tell();
  }

  splits(): { id: string }[] {
    return Object.keys(this.#batches).map((id) => ({ id }));
  }

  open({ id }: { readonly id: string }, position: Json | undefined): SplitReader<T> {
    const batches = this.#batches[id]!;
    let next = position === undefined ? 0 : Number(position);
    let isClosed = false;
    let wake = (): void => {};
    const listener = (): void => wake();
    this.#listeners.add(listener);
    const read = (): SourceBatch<T> | Promise<SourceBatch<T>> => {
      const batch = batches[next];
      const isOver = isClosed || this.#ended;
      if (batch === undefined && !isOver)
        return new Promise<void>((resolve) => {
          wake = resolve;
        }).then(read);
      if (batch !== undefined && !isClosed) {
        next++;
        this.#onRead(batch);
        return { records: [...batch], position: next, end: this.#ended && next === batches.length };
      }
      return { records: [], position: next, end: !isClosed };
    };
    return {
      read,
      close: () => {
        isClosed = true;
        this.#listeners.delete(listener);
        wake();
      },
    };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
