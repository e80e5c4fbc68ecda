// collection — an array as a source: for tests, examples and small reference data.
import { InvalidOptionError } from "../core/options.ts";
import type { Json, Source, SourceBatch, SourceSplit, SplitReader } from "./contract.ts";

/**
 * The items of an array, in order. With several partitions, partition i of n reads items i, i + n, i + 2n, ...
 *
 * The array must be the same on every worker and after a restart; it must not change while the job runs.
 */
export function collection<T>(items: readonly T[]): Source<T> {
  if (!Array.isArray(items)) throw new InvalidOptionError("collection", "items", items, "an array");
  return {
    description: `collection of ${items.length} items`,
    bounded: true,
    replayable: true,
    maxParallelism: Math.max(1, items.length),
    splits: (parallelism) => strideSplits(parallelism, items.length),
    open: (split, position) => new CollectionReader(items, split, position),
  };
}

/** Where a stride starts and how wide its steps are: `first`, `first + step`, ... */
export interface Stride {
  readonly first: number;
  readonly step: number;
}

/** One split per partition, none of them empty unless there is nothing at all. */
export function strideSplits(parallelism: number, count: number): SourceSplit[] {
  const step = Math.max(1, Math.min(parallelism, count));
  return Array.from({ length: step }, (_, first) => ({ id: `${first}-of-${step}`, first, step }));
}

export function strideOf(split: SourceSplit): Stride {
  return { first: Number(split["first"]), step: Number(split["step"]) };
}

class CollectionReader<T> implements SplitReader<T> {
  readonly #items: readonly T[];
  readonly #step: number;
  #next: number;

  constructor(items: readonly T[], split: SourceSplit, position: Json | undefined) {
    const { first, step } = strideOf(split);
    this.#items = items;
    this.#step = step;
    this.#next = position === undefined ? first : Number(position);
  }

  read(maxRecords: number): SourceBatch<T> {
    const items = this.#items;
    const records: T[] = [];
    let next = this.#next;
    for (; next < items.length && records.length < maxRecords; next += this.#step)
      records.push(items[next] as T);
    this.#next = next;
    return { records, position: next, end: next >= items.length };
  }

  close(): void {}
}
