// CellState — the heap cache of one state of one operator instance: cells by namespace and key.
//
// Owns:      the cells, which of them are dirty, which are being fetched, what is known to be absent from storage.
// Does not:  know what a cell holds (value-state, map-state, list-state), or when an epoch closes (KeyedState).
//
// Hot: one Map lookup per record and state; the cell stays at hand for the rest of the record. A write is dirty when
// its epoch number is not the current one, so a repeated write costs one comparison. Guarded by bench/state.ts.
import { encodeAddress, type Namespace } from "../core/address.ts";
import type { Codec } from "../core/codec.ts";
import { InvariantError } from "../core/errors.ts";
import { keyGroupOf } from "../core/key-group.ts";
import { KeyMap } from "../core/key-map.ts";
import { fitsMessagePack } from "../core/plain-data.ts";
import type { StateLoad, StateShape } from "../core/ports/state-backend.ts";
import { copyValue } from "./codec-calls.ts";
import { type KeyScope, NO_KEY, StateOutsideRecordError } from "./key-scope.ts";
import { checkVersion, storesPlainData } from "./migrations.ts";
import type { WriteSet } from "./write-set.ts";

/** What the heap holds of one state under one address. */
export class Cell {
  readonly key: unknown;
  readonly namespace: Namespace;
  /** Storage field, made at the first write and kept: hot keys are written in every epoch. */
  field: string | undefined = undefined;
  keyGroup = -1;
  /** Last epoch that changed it. */
  dirtyEpoch = 0;
  /** Last prefetch round that used it. */
  usedInRound = 0;
  /** Its share of the cache bound, as of the last load or collect. */
  weight = 1;

  constructor(key: unknown, namespace: Namespace) {
    this.key = key;
    this.namespace = namespace;
  }
}

/** A load with the cells that wait for it. */
export class CellLoad<C extends Cell> implements StateLoad {
  readonly operator: string;
  readonly state: string;
  readonly shape: StateShape;
  readonly keyGroup: number;
  readonly codec: Codec<unknown>;
  readonly fields: string[] = [];
  readonly owner: CellState<C>;
  /** Parallel to `fields` until supplied; then empty. */
  readonly cells: C[] = [];
  results: unknown[] = [];
  outdated: readonly number[] = [];

  constructor(operator: string, state: CellState<C>, keyGroup: number) {
    this.operator = operator;
    this.owner = state;
    this.state = state.name;
    this.shape = state.shape;
    this.keyGroup = keyGroup;
    this.codec = state.codec;
  }
}

/** The first writes of a state are all checked for encodability, later ones now and then. */
const ALWAYS_CHECKED = 16;
const CHECKED_EVERY = 1_024;

export abstract class CellState<C extends Cell> {
  abstract readonly shape: StateShape;
  readonly name: string;
  readonly codec: Codec<unknown>;
  protected readonly scope: KeyScope;
  /** The cell of the current address, once it was looked up; undefined also when it is absent. */
  protected cell: C | undefined = undefined;
  #namespace: Namespace = undefined;
  #cells: KeyMap<C> | undefined;
  readonly #tables = new Map<Namespace, KeyMap<C>>();
  /** Addresses outside numbered namespaces: absent here means absent from storage. */
  #complete: boolean;
  /** The same holds in numbered namespaces above this one. */
  #completeAbove: number;
  #dirty: C[] = [];
  /** Map entries and list elements written since the last collect; a rollback does not lower it. */
  protected parts = 0;
  #dirtyMark = 0;
  /** Per unacknowledged epoch, the cells that it left absent. */
  readonly #emptied: C[][] = [];
  #outstanding: CellLoad<C>[] = [];
  #loads: CellLoad<C>[] = [];
  readonly #loadOfGroup: (CellLoad<C> | undefined)[] = [];
  readonly #checked: boolean;
  #untilCheck = 1;
  #checks = 0;

  /** @param startsEmpty nothing is stored for this state: absent keys need no fetch until something is evicted */
  constructor(
    scope: KeyScope,
    name: string,
    codec: Codec<unknown>,
    startsEmpty: boolean,
    checked: boolean = storesPlainData(codec),
  ) {
    checkVersion(
      `operator "${scope.operator}", state "${name}", codec "${codec.name}"`,
      "version",
      codec.version,
    );
    this.scope = scope;
    this.name = name;
    this.codec = codec;
    this.#checked = checked;
    this.#complete = startsEmpty;
    this.#completeAbove = startsEmpty ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }

  protected abstract createCell(key: unknown, namespace: Namespace): C;
  /** Nothing is stored for such a cell. */
  protected abstract isAbsent(cell: C): boolean;
  protected abstract weigh(cell: C): number;
  protected abstract fill(cell: C, result: unknown): void;
  /** All of it is to be stored anew, as if it had just been written; the caller marks it dirty. */
  protected abstract rewrite(cell: C): void;
  protected abstract write(cell: C, into: WriteSet): void;

  // The current address

  /** The key changed, or there is none any more. */
  forget(): void {
    this.cell = undefined;
  }

  /** Later reads and writes go to this namespace. */
  useNamespace(namespace: Namespace): void {
    if (namespace === this.#namespace && this.#cells !== undefined) return;
    this.#namespace = namespace;
    this.#cells = this.#tables.get(namespace);
    this.cell = undefined;
  }

  /** The cell of the current address, or undefined when nothing is stored there. */
  protected locate(): C | undefined {
    const { scope } = this;
    if (scope.key === NO_KEY) throw new StateOutsideRecordError(scope.operator, this.name);
    const cell = this.#cells?.get(scope.key);
    if (cell === undefined) {
      this.#checkAbsent(this.#namespace);
      return undefined;
    }
    cell.usedInRound = scope.round;
    this.cell = cell;
    return cell;
  }

  /** The same in any namespace, which does not become the current one. */
  protected lookUp(namespace: Namespace): C | undefined {
    const { scope } = this;
    if (scope.key === NO_KEY) throw new StateOutsideRecordError(scope.operator, this.name);
    const cell = this.#tables.get(namespace)?.get(scope.key);
    if (cell === undefined) this.#checkAbsent(namespace);
    else cell.usedInRound = scope.round;
    return cell;
  }

  #checkAbsent(namespace: Namespace): void {
    if (this.#isComplete(namespace)) return;
    throw new InvariantError("state is fetched before it is used", {
      operator: this.scope.operator,
      state: this.name,
      field: encodeAddress(namespace, this.scope.key),
    });
  }

  protected locateOrCreate(): C {
    return this.locate() ?? this.#create();
  }

  #create(): C {
    const cell = this.#insert(this.scope.key);
    this.cell = cell;
    this.scope.journal?.add({ undo: () => this.#remove(cell) });
    return cell;
  }

  #insert(key: unknown): C {
    if (this.#cells === undefined) {
      this.#cells = new KeyMap();
      this.#tables.set(this.#namespace, this.#cells);
    }
    const cell = this.createCell(key, this.#namespace);
    cell.usedInRound = this.scope.round;
    this.#cells.set(key, cell);
    this.scope.weight += cell.weight;
    return cell;
  }

  #remove(cell: C): void {
    const cells = this.#tables.get(cell.namespace);
    if (cells?.get(cell.key) !== cell) return;
    cells.delete(cell.key);
    this.scope.weight -= cell.weight;
    if (this.cell === cell) this.cell = undefined;
    if (cells.size > 0) return;
    this.#tables.delete(cell.namespace);
    if (this.#cells === cells) this.#cells = undefined;
  }

  // Dirty tracking

  /** Callers compare `dirtyEpoch` first, so that this is called once per cell and epoch. */
  protected markDirty(cell: C): void {
    cell.dirtyEpoch = this.scope.epoch;
    this.#dirty.push(cell);
  }

  /** Fields, entries and elements that a collect would write; an upper bound. */
  get pendingWrites(): number {
    return this.#dirty.length + this.parts;
  }

  markRecord(): void {
    this.#dirtyMark = this.#dirty.length;
  }

  /** After the journal has put the cells back. */
  rollbackRecord(): void {
    this.#dirty.length = this.#dirtyMark;
    this.cell = undefined;
  }

  collect(into: WriteSet): void {
    const emptied: C[] = [];
    for (const cell of this.#dirty) {
      cell.field ??= encodeAddress(cell.namespace, cell.key, this.scope.operator);
      if (cell.keyGroup < 0) cell.keyGroup = keyGroupOf(cell.key);
      this.write(cell, into);
      this.#reweigh(cell);
      if (this.isAbsent(cell)) emptied.push(cell);
    }
    if (this.#dirty.length > 0) this.#dirty = [];
    this.parts = 0;
    this.#emptied.push(emptied);
  }

  /** Cells that the epoch left absent need no place in the heap, unless a fetch would be needed to learn that again. */
  acknowledge(): void {
    for (const cell of this.#emptied.shift() ?? []) {
      const clean = cell.dirtyEpoch <= this.scope.acknowledged;
      const droppable = this.#isComplete(cell.namespace) || !this.scope.prepared;
      if (clean && droppable && this.isAbsent(cell)) this.#remove(cell);
    }
  }

  #reweigh(cell: C): void {
    const weight = this.weigh(cell);
    this.scope.weight += weight - cell.weight;
    cell.weight = weight;
  }

  // Prefetch

  /** Absent from the heap means absent from storage, in the current namespace. */
  get complete(): boolean {
    return this.#isComplete(this.#namespace);
  }

  #isComplete(namespace: Namespace): boolean {
    return typeof namespace === "number" ? namespace > this.#completeAbove : this.#complete;
  }

  /** No address of this state ever needs a fetch, for now. */
  get allComplete(): boolean {
    return this.#complete && this.#completeAbove === Number.NEGATIVE_INFINITY;
  }

  /** Nothing is stored in numbered namespaces above this one. The caller must know. */
  assumeCompleteAbove(namespace: number): void {
    this.#completeAbove = namespace;
  }

  /** The key can be used in the current namespace without a fetch. */
  knows(key: unknown): boolean {
    return this.complete || this.#cells?.has(key) === true;
  }

  /** Asks for the key in the current namespace, unless the heap knows it. */
  want(key: unknown): void {
    const present = this.#cells?.get(key);
    if (present !== undefined) {
      present.usedInRound = this.scope.round;
      return;
    }
    if (this.complete) return;
    // A placeholder in the table makes the next record of the same key find it: asked for once.
    const cell = this.#insert(key);
    cell.field = encodeAddress(cell.namespace, key, this.scope.operator);
    cell.keyGroup = keyGroupOf(key, this.scope.operator);
    let load = this.#loadOfGroup[cell.keyGroup];
    if (load === undefined) {
      load = new CellLoad(this.scope.operator, this, cell.keyGroup);
      this.#loadOfGroup[cell.keyGroup] = load;
      this.#loads.push(load);
      this.#outstanding.push(load);
    }
    load.fields.push(cell.field);
    load.cells.push(cell);
  }

  /** Loads asked for since the last call. */
  takeLoads(into: StateLoad[]): void {
    for (const load of this.#loads) {
      into.push(load);
      this.#loadOfGroup[load.keyGroup] = undefined;
    }
    this.#loads = [];
  }

  /** A load was given out and not supplied yet. */
  get waiting(): boolean {
    return this.#outstanding.some((load) => load.cells.length > 0);
  }

  /** A fetch was given up: its placeholders must not be taken for known absent. */
  abandonWaiting(): void {
    for (const load of this.#outstanding) {
      for (const cell of load.cells) this.#remove(cell);
      load.cells.length = 0;
    }
    this.#outstanding = [];
  }

  /**
   * Law H6: fills placeholders only; a load that is supplied twice, or was given up, changes nothing.
   *
   * Law S4: what an earlier version wrote becomes dirty. Loads are supplied between records only, so no rollback of a
   * record takes that back.
   */
  supply(load: CellLoad<C>): void {
    for (let i = 0; i < load.cells.length; i++) {
      const cell = load.cells[i] as C;
      this.fill(cell, load.results[i]);
      this.#reweigh(cell);
    }
    if (load.cells.length > 0)
      for (const i of load.outdated) {
        this.rewrite(load.cells[i] as C);
        this.markDirty(load.cells[i] as C);
      }
    load.cells.length = 0;
  }

  // Eviction

  /** All cells; some may be added, and evicted, while it runs. */
  *cells(): Generator<C> {
    for (const cells of this.#tables.values()) yield* cells.values();
  }

  /** Drops a clean cell from the heap. From now on absence here says nothing about storage. */
  evict(cell: C): void {
    this.#remove(cell);
    if (this.isAbsent(cell)) return;
    if (typeof cell.namespace !== "number") this.#complete = false;
    else if (cell.namespace > this.#completeAbove) this.#completeAbove = cell.namespace;
  }

  // Encodability

  /** @throws {NotSerialisableError} when the value is looked at and cannot be stored without loss */
  protected checkSample(value: unknown): void {
    if (--this.#untilCheck > 0) return;
    this.#untilCheck = this.#checks < ALWAYS_CHECKED ? 1 : CHECKED_EVERY;
    this.#checks++;
    if (this.#checked) fitsMessagePack([value], `operator "${this.scope.operator}", state "${this.name}"`);
  }

  /** A copy through the codec: what user code may change in place although the record may be taken back. */
  protected copy(value: unknown): unknown {
    return copyValue(this.codec, value, this.scope, this.name);
  }
}
