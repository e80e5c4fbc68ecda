// MapState — one map per key, stored entry by entry: a commit carries only the entries that changed.
import type { Namespace } from "../core/address.ts";
import { decodeKey, encodeKey } from "../core/key-group.ts";
import type { StateShape } from "../core/ports/state-backend.ts";
import { Cell, CellState } from "./cell-state.ts";
import type { Journal } from "./journal.ts";
import type { WriteSet } from "./write-set.ts";

/** One map under the current key. Entry keys are strings, numbers, booleans, bigints or null. */
export interface MapState<K, V> {
  /** Objects may be changed in place; only {@link set} makes the change durable. */
  get(key: K): V | undefined;
  /** As {@link get} without a copy: what it returns must not be changed, see {@link ValueState.peek} (law S5). */
  peek(key: K): Readonly<V> | undefined;
  has(key: K): boolean;
  /**
   * Undefined deletes the entry.
   *
   * @throws {UnsupportedKeyError} when the entry key is an object, a function, a symbol, undefined or NaN
   * @throws {NotSerialisableError} when the value cannot be stored without loss (the first ones and a sample are checked)
   */
  set(key: K, value: V | undefined): void;
  /** @returns whether there was one */
  delete(key: K): boolean;
  clear(): void;
  readonly size: number;
  /** In no particular order, as all iterations of a map state. */
  keys(): IterableIterator<K>;
  values(): IterableIterator<V>;
  entries(): IterableIterator<[K, V]>;
  /** As {@link entries} without copies: no value may be changed, and nothing written until the iteration is over. */
  peekEntries(): IterableIterator<[K, Readonly<V>]>;
}

export class MapCell extends Cell {
  entries: Map<unknown, unknown> = new Map();
  /** Entry keys whose value differs from what was last collected; undefined for none. */
  changed: Set<unknown> | undefined = undefined;
  /** All entries were dropped in the current epoch, before those in `changed` were written. */
  cleared = false;
  /** Entry keys whose value was copied since the last collect: storage holds another object; undefined for none. */
  own: Set<unknown> | undefined = undefined;
}

const NO_ENTRIES: ReadonlyMap<never, never> = new Map<never, never>();
const NO_KEYS: readonly never[] = Object.freeze([]);

export class MapCells<K, V> extends CellState<MapCell> implements MapState<K, V> {
  readonly shape: StateShape = "map";

  get(key: K): V | undefined {
    const cell = this.cell ?? this.locate();
    if (cell === undefined) return undefined;
    const value = cell.entries.get(key);
    return (typeof value === "object" ? this.#lend(cell, key, value) : value) as V | undefined;
  }

  peek(key: K): V | undefined {
    return (this.cell ?? this.locate())?.entries.get(key) as V | undefined;
  }

  /** As {@link peekEntries}. */
  peekAll(): ReadonlyMap<K, V> {
    return ((this.cell ?? this.locate())?.entries ?? NO_ENTRIES) as ReadonlyMap<K, V>;
  }

  has(key: K): boolean {
    const cell = this.cell ?? this.locate();
    return cell?.entries.has(key) === true;
  }

  set(key: K, value: V | undefined): void {
    if (value === undefined) {
      this.delete(key);
      return;
    }
    this.checkSample(value);
    const cell = this.cell ?? this.locateOrCreate();
    if (!cell.entries.has(key)) encodeKey(key, this.scope.operator); // refuses what is no entry key
    this.#change(cell, key);
    cell.entries.set(key, value);
  }

  delete(key: K): boolean {
    const cell = this.cell ?? this.locate();
    if (cell === undefined || !cell.entries.has(key)) return false;
    this.#change(cell, key);
    return cell.entries.delete(key);
  }

  clear(): void {
    const cell = this.cell ?? this.locate();
    if (cell === undefined || cell.entries.size === 0) return;
    this.#rememberCell(cell);
    // New objects, because a rollback brings the old ones back as they are.
    cell.entries = new Map();
    cell.changed = undefined;
    cell.cleared = true;
    if (cell.dirtyEpoch !== this.scope.epoch) this.markDirty(cell);
  }

  get size(): number {
    const cell = this.cell ?? this.locate();
    return cell === undefined ? 0 : cell.entries.size;
  }

  keys(): IterableIterator<K> {
    return this.peekAll().keys() as IterableIterator<K>;
  }

  values(): IterableIterator<V> {
    return this.#lendAll().values() as IterableIterator<V>;
  }

  entries(): IterableIterator<[K, V]> {
    return this.#lendAll().entries() as IterableIterator<[K, V]>;
  }

  peekEntries(): IterableIterator<[K, V]> {
    return this.peekAll().entries() as IterableIterator<[K, V]>;
  }

  #change(cell: MapCell, key: unknown): void {
    if (this.scope.journal !== undefined) this.#rememberEntry(this.scope.journal, cell, key);
    cell.changed ??= new Set();
    cell.changed.add(key);
    this.parts++;
    if (cell.dirtyEpoch !== this.scope.epoch) this.markDirty(cell);
  }

  #lendAll(): ReadonlyMap<K, V> {
    const cell = this.cell ?? this.locate();
    if (cell !== undefined)
      for (const [key, value] of cell.entries) if (typeof value === "object") this.#lend(cell, key, value);
    return this.peekAll();
  }

  /** The user may change what it reads in place: storage and a rollback need the original. */
  #lend(cell: MapCell, key: unknown, value: unknown): unknown {
    const { journal, sharesValues } = this.scope;
    const shared = sharesValues && cell.changed?.has(key) !== true && cell.own?.has(key) !== true;
    if (!(journal !== undefined && this.#rememberEntry(journal, cell, key)) && !shared) return value;
    const copy = this.copy(value);
    cell.entries.set(key, copy);
    if (sharesValues) {
      cell.own ??= new Set();
      cell.own.add(key);
    }
    return copy;
  }

  #rememberEntry(journal: Journal, cell: MapCell, key: unknown): boolean {
    this.#rememberCell(cell);
    // An entry written after a clear is saved again: the two belong to different maps.
    if (!journal.touchesEntry(cell.entries, key)) return false;
    const { entries, changed } = cell;
    const wasPresent = entries.has(key);
    const value = entries.get(key);
    const wasChanged = changed?.has(key) === true;
    const wasOwn = cell.own?.has(key) === true;
    journal.add({
      undo() {
        if (wasPresent) entries.set(key, value);
        else entries.delete(key);
        // A set that came later goes with the cell's own undo.
        if (!wasChanged) changed?.delete(key);
        if (!wasOwn) cell.own?.delete(key);
      },
    });
    return true;
  }

  #rememberCell(cell: MapCell): void {
    const { journal } = this.scope;
    if (journal === undefined || !journal.touches(cell)) return;
    const { entries, changed, cleared, dirtyEpoch } = cell;
    journal.add({
      undo() {
        cell.entries = entries;
        cell.changed = changed;
        cell.cleared = cleared;
        cell.dirtyEpoch = dirtyEpoch;
      },
    });
  }

  protected createCell(key: unknown, namespace: Namespace): MapCell {
    return new MapCell(key, namespace);
  }

  protected isAbsent(cell: MapCell): boolean {
    return cell.entries.size === 0;
  }

  protected weigh(cell: MapCell): number {
    return 1 + cell.entries.size;
  }

  protected fill(cell: MapCell, result: unknown): void {
    if (result === undefined) return;
    for (const [text, value] of result as ReadonlyMap<string, unknown>)
      cell.entries.set(decodeKey(text), value);
  }

  protected rewrite(cell: MapCell): void {
    cell.changed = new Set(cell.entries.keys());
    this.parts += cell.entries.size;
  }

  protected write(cell: MapCell, into: WriteSet): void {
    const entries = new Map<string, unknown>();
    for (const key of cell.changed ?? NO_KEYS)
      entries.set(encodeKey(key, this.scope.operator), cell.entries.get(key));
    into.group(cell.keyGroup).maps.push({
      state: this.name,
      codec: this.codec,
      field: cell.field as string,
      clear: cell.cleared,
      entries,
    });
    cell.changed = undefined;
    cell.cleared = false;
    cell.own = undefined;
  }
}
