// ValueState and ReducingState — one value per key.
//
// Law S5  (docs/laws.md) `peek` gives what `get` gives, and changes nothing of what is stored or read later.

import type { Namespace } from "../core/address.ts";
import { NoAccumulatorError } from "../core/aggregate.ts";
import type { Codec } from "../core/codec.ts";
import type { StateShape } from "../core/ports/state-backend.ts";
import { Cell, CellState } from "./cell-state.ts";
import type { KeyScope } from "./key-scope.ts";
import type { WriteSet } from "./write-set.ts";

/** One value under the current key. `D` is what an absent one reads as. */
export interface ValueState<T, D = undefined> {
  /**
   * Objects may be changed in place; only {@link set} makes the change durable.
   *
   * @throws {StateOutsideRecordError}
   */
  get(): T | D;
  /**
   * As {@link get}, without the copy that lets a caller change an object (law S5). What it returns, and every part of it,
   * belongs to storage and must never be changed, not even after it was stored again: such a change may outlive a record or
   * an attempt that failed.
   *
   * @throws {StateOutsideRecordError}
   */
  peek(): Readonly<T> | D;
  /**
   * Whether something is stored, whatever an absent value reads as.
   *
   * @throws {StateOutsideRecordError}
   */
  has(): boolean;
  /**
   * Undefined clears.
   *
   * @throws {StateOutsideRecordError}
   * @throws {NotSerialisableError} when the value cannot be stored without loss (the first ones and a sample are checked)
   */
  set(value: T | undefined): void;
  clear(): void;
}

/** One value under the current key that is folded with what is added to it. */
export interface ReducingState<T> {
  get(): T | undefined;
  /**
   * The first value is stored as it is.
   *
   * @returns the new value
   * @throws {NoAccumulatorError} when the reduce function returns undefined
   */
  add(value: T): T;
  clear(): void;
}

export class ScalarCell extends Cell {
  value: unknown = undefined;
  /** Storage holds the same object. */
  shared = false;
}

export class ValueCells<T, D = undefined> extends CellState<ScalarCell> implements ValueState<T, D> {
  readonly shape: StateShape = "scalar";
  readonly #absent: D;

  constructor(
    scope: KeyScope,
    name: string,
    codec: Codec<unknown>,
    startsEmpty: boolean,
    absent: D,
    checked?: boolean,
  ) {
    super(scope, name, codec, startsEmpty, checked);
    this.#absent = absent;
  }

  get(): T | D {
    const cell = this.cell ?? this.locate();
    const value = cell?.value;
    if (value === undefined) return this.copy(this.#absent) as D;
    if (typeof value !== "object" || cell === undefined) return value as T;
    return this.#lend(cell) as T;
  }

  peek(): T | D {
    const value = (this.cell ?? this.locate())?.value;
    return value === undefined ? this.#absent : (value as T);
  }

  has(): boolean {
    return (this.cell ?? this.locate())?.value !== undefined;
  }

  /** As {@link peek} in another namespace, without going there; undefined when absent. */
  peekIn(namespace: Namespace): T | undefined {
    return this.lookUp(namespace)?.value as T | undefined;
  }

  set(value: T | undefined): void {
    this.checkSample(value);
    const cell = this.cell ?? this.locateOrCreate();
    if (this.scope.journal !== undefined) this.#remember(cell);
    cell.value = value;
    cell.shared = false;
    if (cell.dirtyEpoch !== this.scope.epoch) this.markDirty(cell);
  }

  clear(): void {
    if (this.has()) this.set(undefined);
  }

  /** The user may change what it reads in place: storage and a rollback need the original. */
  #lend(cell: ScalarCell): unknown {
    if (this.#remember(cell) || cell.shared) {
      cell.value = this.copy(cell.value);
      cell.shared = false;
    }
    return cell.value;
  }

  #remember(cell: ScalarCell): boolean {
    const journal = this.scope.journal;
    if (journal === undefined || !journal.touches(cell)) return false;
    const { value, shared, dirtyEpoch } = cell;
    journal.add({
      undo() {
        cell.value = value;
        cell.shared = shared;
        cell.dirtyEpoch = dirtyEpoch;
      },
    });
    return true;
  }

  protected createCell(key: unknown, namespace: Namespace): ScalarCell {
    return new ScalarCell(key, namespace);
  }

  protected isAbsent(cell: ScalarCell): boolean {
    return cell.value === undefined;
  }

  protected weigh(): number {
    return 1;
  }

  protected fill(cell: ScalarCell, result: unknown): void {
    cell.value = result;
    cell.shared = this.scope.sharesValues;
  }

  protected rewrite(): void {}

  protected write(cell: ScalarCell, into: WriteSet): void {
    const column = into.scalars(cell.keyGroup, this.name, this.codec);
    column.fields.push(cell.field as string);
    column.values.push(cell.value);
    cell.shared = this.scope.sharesValues;
  }
}

/** Folds into any value state, with or without a time to live. */
export class ReducingOverValue<T> implements ReducingState<T> {
  readonly #operator: string;
  readonly #value: ValueState<T, undefined>;
  readonly #reduce: (current: T, added: T) => T;

  constructor(operator: string, value: ValueState<T, undefined>, reduce: (current: T, added: T) => T) {
    this.#operator = operator;
    this.#value = value;
    this.#reduce = reduce;
  }

  get(): T | undefined {
    return this.#value.get();
  }

  add(value: T): T {
    const current = this.#value.get();
    const next = current === undefined ? value : this.#reduce(current, value);
    if (next === undefined) throw new NoAccumulatorError(this.#operator, "the reduce function");
    this.#value.set(next);
    return next;
  }

  clear(): void {
    this.#value.clear();
  }
}
