// ListState — one list per key, stored by appending: a commit carries only what was appended, or the whole after a rewrite.
import type { Namespace } from "../core/address.ts";
import type { StateShape } from "../core/ports/state-backend.ts";
import { Cell, CellState } from "./cell-state.ts";
import type { WriteSet } from "./write-set.ts";

/** One list under the current key. */
export interface ListState<T> {
  /** In the order of appending; valid until the next write. Objects changed in place become durable with {@link update}. */
  get(): readonly T[];
  /** As {@link get} without copies: no element may be changed, see {@link ValueState.peek} (law S5). */
  peek(): readonly Readonly<T>[];
  readonly length: number;
  /** @throws {NotSerialisableError} when the element cannot be stored without loss (the first ones and a sample are checked) */
  append(element: T): void;
  appendAll(elements: Iterable<T>): void;
  /** Replaces the whole list. */
  update(elements: Iterable<T>): void;
  clear(): void;
}

export class ListCell extends Cell {
  items: unknown[] = [];
  /** How many elements at the end were appended since the last collect. */
  appended = 0;
  /** The list was replaced in the current epoch: all of it must be written. */
  rewritten = false;
  /** Storage holds the same elements. */
  shared = false;
}

/** Journal entry of a list whose elements were handed out in this record. */
const LENT = Symbol("lent");

const NO_ITEMS: readonly never[] = Object.freeze([]);

export class ListCells<T> extends CellState<ListCell> implements ListState<T> {
  readonly shape: StateShape = "list";

  get(): readonly T[] {
    const cell = this.cell ?? this.locate();
    if (cell === undefined) return NO_ITEMS;
    const { journal } = this.scope;
    if (journal !== undefined) {
      this.#remember(cell);
      // A new array of copies: the old one, with its objects, comes back with a rollback.
      if (journal.touchesEntry(cell, LENT)) this.#copyItems(cell);
    } else if (cell.shared) this.#copyItems(cell);
    return cell.items as T[];
  }

  peek(): readonly T[] {
    return ((this.cell ?? this.locate())?.items ?? NO_ITEMS) as readonly T[];
  }

  #copyItems(cell: ListCell): void {
    cell.items = cell.items.map((item) => this.copy(item));
    cell.shared = false;
  }

  get length(): number {
    return this.peek().length;
  }

  append(element: T): void {
    this.checkSample(element);
    const cell = this.cell ?? this.locateOrCreate();
    if (this.scope.journal !== undefined) this.#remember(cell);
    cell.items.push(element);
    cell.appended++;
    this.parts++;
    if (cell.dirtyEpoch !== this.scope.epoch) this.markDirty(cell);
  }

  appendAll(elements: Iterable<T>): void {
    for (const element of elements) this.append(element);
  }

  update(elements: Iterable<T>): void {
    const items = [...elements];
    for (const item of items) this.checkSample(item);
    this.#rewrite(this.cell ?? this.locateOrCreate(), items);
  }

  clear(): void {
    const cell = this.cell ?? this.locate();
    if (cell !== undefined && cell.items.length > 0) this.#rewrite(cell, []);
  }

  #rewrite(cell: ListCell, items: unknown[]): void {
    if (this.scope.journal !== undefined) this.#remember(cell);
    cell.items = items;
    cell.appended = 0;
    cell.rewritten = true;
    this.parts += items.length;
    if (cell.dirtyEpoch !== this.scope.epoch) this.markDirty(cell);
  }

  #remember(cell: ListCell): void {
    const { journal } = this.scope;
    if (journal === undefined || !journal.touches(cell)) return;
    const { items, appended, rewritten, shared, dirtyEpoch } = cell;
    const length = items.length;
    journal.add({
      undo() {
        items.length = length;
        cell.items = items;
        cell.appended = appended;
        cell.rewritten = rewritten;
        cell.shared = shared;
        cell.dirtyEpoch = dirtyEpoch;
      },
    });
  }

  protected createCell(key: unknown, namespace: Namespace): ListCell {
    return new ListCell(key, namespace);
  }

  protected isAbsent(cell: ListCell): boolean {
    return cell.items.length === 0;
  }

  protected weigh(cell: ListCell): number {
    return 1 + cell.items.length;
  }

  protected fill(cell: ListCell, result: unknown): void {
    if (result === undefined) return;
    cell.items = [...(result as readonly unknown[])];
    cell.shared = this.scope.sharesValues;
  }

  protected rewrite(cell: ListCell): void {
    cell.rewritten = true;
    this.parts += cell.items.length;
  }

  protected write(cell: ListCell, into: WriteSet): void {
    const { items } = cell;
    into.group(cell.keyGroup).lists.push({
      state: this.name,
      codec: this.codec,
      field: cell.field as string,
      clear: cell.rewritten,
      appends: cell.rewritten ? [...items] : items.slice(items.length - cell.appended),
    });
    cell.appended = 0;
    cell.rewritten = false;
    cell.shared = this.scope.sharesValues;
  }
}
