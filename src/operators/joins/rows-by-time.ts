// RowsByTime — the rows that one side of a join keeps under a key, in the order of arrival for each event time.
//
// Any number of rows may have the same time, and all of them are at hand when one more comes. So they stand in chunks:
// a new row copies the last chunk, and a commit carries what changed of them, however many there are.
//
// Entries: time -> head, and `<time>/<n>` -> the n-th further chunk.
import type { Namespace } from "../../core/address.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import type { KeyedState } from "../../state/keyed-state.ts";
import type { MapCells } from "../../state/map-state.ts";

type Chunk = readonly unknown[];

/** The first rows of a time, and what belongs to all of them. */
interface Head {
  /** They have met a partner. */
  readonly matched: boolean;
  readonly rows: Chunk;
  /** How many further chunks there are. */
  readonly further: number;
}

/** Longer ones cost more per row, shorter ones more entries. */
const CHUNK_ROWS = 32;

export class RowsByTime {
  readonly #cells: MapCells<number | string, Head | Chunk>;
  /** What {@link timesBetween} gave; reused. */
  readonly #times: number[] = [];

  constructor(state: KeyedState, name: string) {
    this.#cells = state.addMapCells(name, msgpackCodec as Codec<Head | Chunk>);
  }

  // Prefetch and namespaces: as of cells

  useNamespace(namespace: Namespace): void {
    this.#cells.useNamespace(namespace);
  }

  want(key: unknown): void {
    this.#cells.want(key);
  }

  knows(key: unknown): boolean {
    return this.#cells.knows(key);
  }

  assumeCompleteAbove(namespace: number): void {
    this.#cells.assumeCompleteAbove(namespace);
  }

  // Rows under the current key

  get isEmpty(): boolean {
    return this.#cells.size === 0;
  }

  has(time: number): boolean {
    return this.#cells.has(time);
  }

  /** All rows of the time, in the order of arrival. */
  at(time: number): readonly unknown[] {
    const head = this.#head(time);
    if (head === undefined) return [];
    if (head.further === 0) return head.rows;
    const chunks = [head.rows];
    for (let n = 1; n <= head.further; n++) chunks.push(this.#cells.peek(`${time}/${n}`) as Chunk);
    return chunks.flat(1);
  }

  isMatched(time: number): boolean {
    return this.#head(time)?.matched === true;
  }

  /** Of a time that has rows: these have met a partner. */
  setMatched(time: number): void {
    this.#cells.set(time, { ...(this.#head(time) as Head), matched: true });
  }

  add(time: number, row: unknown): void {
    const head = this.#head(time) ?? { matched: false, rows: [], further: 0 };
    if (head.further === 0 && head.rows.length < CHUNK_ROWS) {
      this.#cells.set(time, { ...head, rows: [...head.rows, row] });
      return;
    }
    const last = head.further === 0 ? undefined : (this.#cells.peek(`${time}/${head.further}`) as Chunk);
    if (last !== undefined && last.length < CHUNK_ROWS) {
      this.#cells.set(`${time}/${head.further}`, [...last, row]);
    } else {
      this.#cells.set(`${time}/${head.further + 1}`, [row]);
      this.#cells.set(time, { ...head, further: head.further + 1 });
    }
  }

  delete(time: number): void {
    const head = this.#head(time);
    if (head === undefined) return;
    for (let n = 1; n <= head.further; n++) this.#cells.delete(`${time}/${n}`);
    this.#cells.delete(time);
  }

  clear(): void {
    this.#cells.clear();
  }

  /**
   * The times with rows, from `first` to `last`. Valid until the next call.
   *
   * Ascending: what comes out of a join must not depend on the order in which storage gave the entries back.
   */
  timesBetween(first: number, last: number): readonly number[] {
    const times = this.#times;
    times.length = 0;
    const stored = this.#cells.peekAll();
    if (last - first < stored.size) {
      for (let time = first; time <= last; time++) if (stored.has(time)) times.push(time);
      return times;
    }
    let ascending = true;
    for (const time of stored.keys()) {
      if (typeof time !== "number" || time < first || time > last) continue;
      ascending &&= times.length === 0 || (times[times.length - 1] as number) < time;
      times.push(time);
    }
    return ascending ? times : times.sort((a, b) => a - b);
  }

  #head(time: number): Head | undefined {
    return this.#cells.peek(time) as Head | undefined;
  }
}
