// manualSource — a source whose splits a test feeds while the job runs. What was pushed is kept, so every attempt reads it
// again from its position.
import type { Json, Source, SourceBatch, SplitReader } from "../connectors/contract.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import { ManualSourceEndedError } from "./errors.ts";

/** One split of a {@link ManualSource}: its records come in order, and it has a watermark of its own. */
export interface ManualSplit<T> {
  /** @throws {ManualSourceEndedError} */
  push(...records: readonly T[]): void;
  /** No record of this split follows. */
  end(): void;
  /**
   * The next read behind all that was pushed throws `error`, once. An EngineError with `retry: "partition"` costs the
   * attempt, any other the job.
   */
  fail(error: Error): void;
}

/** A source that brings what a test pushes. Made by {@link manualSource}. */
export interface ManualSource<T> extends Source<T>, ManualSplit<T> {
  /** @param index of the split, from 0 on; {@link push} goes to split 0 */
  split(index: number): ManualSplit<T>;
  /** Ends all splits. */
  end(): void;
  /** Everything that was pushed has been read by the attempts that run now. */
  readonly isDrained: boolean;
}

export interface ManualSourceOptions {
  /** How many splits, whatever the parallelism. Default 1. */
  readonly splits?: number | undefined;
}

/**
 * Records by hand. Each push is read as one batch, so that steps of the job can be counted.
 *
 * A job that starts with a source that was fed before reads everything from the beginning.
 */
export function manualSource<T>(options: ManualSourceOptions = {}): ManualSource<T> {
  checkOptions("manualSource", options, ["splits"]);
  checkWholeNumber("manualSource", "splits", options.splits, 1);
  const splits = Array.from({ length: options.splits ?? 1 }, (_, index) => new FedSplit<T>(index));
  const at = (index: number): FedSplit<T> => {
    const split = splits[index];
    if (split === undefined)
      throw new InvalidOptionError(
        "manualSource",
        "split",
        index,
        `the index of a split, below ${splits.length}`,
      );
    return split;
  };
  return {
    description: "fed by a test",
    bounded: true,
    replayable: true,
    needs: "same-process",
    splits: () => splits.map((_, index) => ({ id: `split-${index}`, index })),
    open: (split, position) => at(Number(split["index"])).open(position),
    split: at,
    push: (...records) => at(0).push(...records),
    fail: (error) => at(0).fail(error),
    end() {
      for (const split of splits) split.end();
    },
    get isDrained() {
      return splits.every((split) => split.isDrained);
    },
  };
}

/** Whether a source can be ended by hand. */
export function isManualSource(source: Source<unknown>): source is ManualSource<unknown> {
  return "isDrained" in source;
}

class FedSplit<T> implements ManualSplit<T> {
  readonly #index: number;
  readonly #batches: (readonly T[])[] = [];
  readonly #failures: { readonly behind: number; readonly error: Error }[] = [];
  readonly #readers = new Set<FedReader<T>>();
  #ended = false;

  constructor(index: number) {
    this.#index = index;
  }

  push(...records: readonly T[]): void {
    if (this.#ended) throw new ManualSourceEndedError("push", this.#index);
    if (records.length === 0) return;
    this.#batches.push(records);
    this.#tell();
  }

  end(): void {
    this.#ended = true;
    this.#tell();
  }

  fail(error: Error): void {
    if (this.#ended) throw new ManualSourceEndedError("fail", this.#index);
    this.#failures.push({ behind: this.#batches.length, error });
    this.#tell();
  }

  open(position: Json | undefined): SplitReader<T> {
    const reader = new FedReader<T>(
      (next, maxRecords) => this.#read(next, maxRecords),
      position === undefined ? START : (position as unknown as Place),
      () => this.#readers.delete(reader),
    );
    this.#readers.add(reader);
    return reader;
  }

  get isDrained(): boolean {
    for (const reader of this.#readers) if (!reader.isWaiting) return false;
    return true;
  }

  #tell(): void {
    for (const reader of this.#readers) reader.wake();
  }

  /** @returns undefined when nothing is there */
  #read({ batch, record }: Place, maxRecords: number): Brought<T> | undefined {
    const failing = this.#failures[0];
    if (failing !== undefined && failing.behind === batch) {
      this.#failures.shift();
      throw failing.error;
    }
    const records = this.#batches[batch];
    if (records === undefined)
      return this.#ended ? { records: [], next: { batch, record }, end: true } : undefined;
    const part = records.slice(record, record + maxRecords);
    const isWhole = record + part.length === records.length;
    const next = isWhole ? { batch: batch + 1, record: 0 } : { batch, record: record + part.length };
    return {
      records: part,
      next,
      end: this.#ended && this.#failures.length === 0 && next.batch === this.#batches.length,
    };
  }
}

/** Where reading goes on: index of a push, and index of a record in it. */
type Place = { readonly batch: number; readonly record: number };

const START: Place = { batch: 0, record: 0 };

interface Brought<T> {
  readonly records: T[];
  readonly next: Place;
  readonly end: boolean;
}

class FedReader<T> implements SplitReader<T> {
  readonly #bring: (place: Place, maxRecords: number) => Brought<T> | undefined;
  readonly #onClose: () => void;
  #place: Place;
  #wake: (() => void) | undefined;
  #closed = false;
  #ended = false;

  constructor(
    bring: (place: Place, maxRecords: number) => Brought<T> | undefined,
    place: Place,
    onClose: () => void,
  ) {
    this.#bring = bring;
    this.#place = place;
    this.#onClose = onClose;
  }

  /** It has brought everything that is there. */
  get isWaiting(): boolean {
    return this.#wake !== undefined || this.#ended;
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  read(maxRecords: number): SourceBatch<T> | Promise<SourceBatch<T>> {
    const brought = this.#closed
      ? { records: [], next: this.#place, end: false }
      : this.#bring(this.#place, maxRecords);
    if (brought === undefined)
      return new Promise<void>((resolve) => {
        this.#wake = resolve;
      }).then(() => this.read(maxRecords));
    this.#place = brought.next;
    this.#ended = brought.end;
    return { records: brought.records, position: brought.next, end: brought.end };
  }

  close(): void {
    this.#closed = true;
    this.#onClose();
    this.wake();
  }
}
