// SortedRows — the items of one key in order, as keyed state: what ranking and retractable extremes stand on.
//
// The items are cut into chunks, each an entry of a map state, with the order of the chunks in one more entry. So an
// insertion writes one chunk and that list, whatever the number of items; nothing is held outside of state that a rollback, an eviction
// or a restart would have to rebuild. Chunks are replaced, never changed in place.
//
// Law R1 (docs/laws.md): any sequence of insertions and removals leaves what it leaves in a sorted array.
import type { MapCells } from "../../state/map-state.ts";

/** Items in a chunk before it is split: an insertion copies one chunk. */
const CHUNK_ITEMS = 64;

/** Entry that lists the chunks; absent while there is only {@link FIRST_CHUNK}. */
const DIRECTORY = 0;
const FIRST_CHUNK = 1;

/** Number of the next new chunk, then for each chunk, in order, its number and its length. */
type Directory = readonly number[];

export type SortedEntries = MapCells<number, readonly unknown[]>;

const NO_ITEMS: readonly never[] = Object.freeze([]);

export class SortedRows<I> {
  readonly #entries: SortedEntries;
  readonly #compare: (a: I, b: I) => number;
  /** Result of {@link #find}: index in the directory, and position in the chunk. Reused. */
  #place = 1;
  #offset = 0;

  /** @param entries a state of its own */
  constructor(entries: SortedEntries, compare: (a: I, b: I) => number) {
    this.#entries = entries;
    this.#compare = compare;
  }

  get size(): number {
    const directory = this.#entries.peek(DIRECTORY) as Directory | undefined;
    if (directory === undefined) return this.#chunk(FIRST_CHUNK).length;
    return sizeBefore(directory, directory.length);
  }

  /** @param position 0 <= position < size */
  at(position: number): I {
    const directory = this.#directory();
    this.#find(directory, position);
    return this.#chunk(directory[this.#place] as number)[this.#offset] as I;
  }

  /** The position of the first item that is not before `item`. */
  lower(item: I): number {
    return this.#search(item, 0);
  }

  /** The position of the first item that is after `item`. */
  upper(item: I): number {
    return this.#search(item, 1);
  }

  /** How many items are before `item`, where those that compare below `bound` count as before. */
  #search(item: I, bound: number): number {
    const directory = this.#directory();
    const compare = this.#compare;
    // The last chunk that begins before the item holds the place, or its end is the place.
    let low = 0;
    let high = (directory.length >> 1) - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (compare(this.#chunk(directory[2 * middle + 1] as number)[0] as I, item) < bound) low = middle;
      else high = middle - 1;
    }
    const chunk = this.#chunk(directory[2 * low + 1] as number);
    let from = 0;
    let to = chunk.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compare(chunk[middle] as I, item) < bound) from = middle + 1;
      else to = middle;
    }
    return sizeBefore(directory, 2 * low + 1) + from;
  }

  /** @param position where the item belongs: 0 <= position <= size */
  insert(position: number, item: I): void {
    const directory = this.#directory();
    this.#find(directory, position);
    const number = directory[this.#place] as number;
    const chunk = this.#chunk(number);
    const grown = [...chunk.slice(0, this.#offset), item, ...chunk.slice(this.#offset)];
    if (grown.length <= CHUNK_ITEMS) {
      this.#write(directory, number, grown);
      return;
    }
    const middle = grown.length >> 1;
    const next = directory[0] as number;
    const [left, right] = [grown.slice(0, middle), grown.slice(middle)];
    this.#entries.set(number, left);
    this.#entries.set(next, right);
    const changed = [...directory];
    changed.splice(this.#place, 2, number, left.length, next, right.length);
    changed[0] = next + 1;
    this.#entries.set(DIRECTORY, changed);
  }

  /** Puts an item of the same order in the place of another. */
  replace(position: number, item: I): void {
    const directory = this.#directory();
    this.#find(directory, position);
    const number = directory[this.#place] as number;
    const chunk = [...this.#chunk(number)];
    chunk[this.#offset] = item;
    this.#entries.set(number, chunk);
  }

  remove(position: number): void {
    const directory = this.#directory();
    this.#find(directory, position);
    const number = directory[this.#place] as number;
    const chunk = this.#chunk(number);
    if (chunk.length > 1) {
      this.#write(directory, number, [...chunk.slice(0, this.#offset), ...chunk.slice(this.#offset + 1)]);
      return;
    }
    this.#entries.delete(number);
    if (!this.#entries.has(DIRECTORY)) return;
    const changed = [...directory];
    changed.splice(this.#place, 2);
    if (changed.length === 1) this.#entries.delete(DIRECTORY);
    else this.#entries.set(DIRECTORY, changed);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** A chunk that keeps its place, with another length. */
  #write(directory: Directory, number: number, chunk: readonly unknown[]): void {
    this.#entries.set(number, chunk);
    if (!this.#entries.has(DIRECTORY)) return;
    const changed = [...directory];
    changed[this.#place + 1] = chunk.length;
    this.#entries.set(DIRECTORY, changed);
  }

  #directory(): Directory {
    const directory = this.#entries.peek(DIRECTORY) as Directory | undefined;
    return directory ?? [FIRST_CHUNK + 1, FIRST_CHUNK, this.#chunk(FIRST_CHUNK).length];
  }

  #chunk(number: number): readonly unknown[] {
    return this.#entries.peek(number) ?? NO_ITEMS;
  }

  /** Behind the last item of all is the end of the last chunk. */
  #find(directory: Directory, position: number): void {
    let offset = position;
    let place = 1;
    for (; place < directory.length - 2; place += 2) {
      const length = directory[place + 1] as number;
      if (offset < length) break;
      offset -= length;
    }
    this.#place = place;
    this.#offset = offset;
  }
}

/** Items in the chunks that stand in front of index `place` of the directory. */
function sizeBefore(directory: Directory, place: number): number {
  let size = 0;
  for (let i = 2; i < place; i += 2) size += directory[i] as number;
  return size;
}
