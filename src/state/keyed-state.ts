// KeyedState — step 5 of the walk: synchronous reads and writes under the current key, and memory of what is dirty.
//
// One per keyed operator instance. A batch goes through it like this:
//
//   prepare -> want... -> takeLoads -> (fetch) -> supply -> enter -> (setKey, user code)... -> leave
//   ... and when an epoch closes: collect, later acknowledge, in the same order.
//
// Owns:      the heap cache of all states of the operator, the dirty set per epoch, the undo log of a record.
// Does not:  fetch or commit (the partition does), know timers (KeyedOperatorBase), or know what a window is.
//
// Laws (docs/laws.md)
//   S1  After a throwing record, state and timers equal those before it (policies `skip` and `deadLetter`).
//   S2  What collect gives, applied to storage epoch by epoch, equals the heap.
//   S3  The size of the cache, evictions and fetches never change what is read.
//   H6  A fetch fills only what the heap does not have; only clean, acknowledged cells are evicted.
import type { Codec } from "../core/codec.ts";
import { InvariantError, invariant } from "../core/errors.ts";
import { NAME_PATTERN } from "../core/ids.ts";
import { InvalidOptionError } from "../core/options.ts";
import type { StateLoad } from "../core/ports/state-backend.ts";
import type { AggregatingState } from "./aggregating-state.ts";
import { type Cell, CellLoad, type CellState } from "./cell-state.ts";
import { createState } from "./create-state.ts";
import type {
  AggregatingDescriptor,
  ListDescriptor,
  MapDescriptor,
  ReducingDescriptor,
  StateDescriptor,
  StateDescriptors,
  ValueDescriptor,
} from "./descriptors.ts";
import { EvictionHand } from "./eviction.ts";
import type { ArmCleanup, Expiring } from "./expiring.ts";
import { Journal } from "./journal.ts";
import { KeyScope, NO_KEY } from "./key-scope.ts";
import type { ListState } from "./list-state.ts";
import { MapCells, type MapState } from "./map-state.ts";
import { type ReducingState, ValueCells, type ValueState } from "./value-state.ts";
import type { WriteSet } from "./write-set.ts";

/** The handle that belongs to a descriptor. */
export type StateHandle<D> =
  D extends ValueDescriptor<infer T, infer A>
    ? ValueState<T, A>
    : D extends ListDescriptor<infer T>
      ? ListState<T>
      : D extends MapDescriptor<infer K, infer V>
        ? MapState<K, V>
        : D extends ReducingDescriptor<infer T>
          ? ReducingState<T>
          : D extends AggregatingDescriptor<infer T, infer _A, infer R>
            ? AggregatingState<T, R>
            : never;

/** Handles by the names of their descriptors. */
export type StateHandles<S> = { readonly [Name in keyof S]: StateHandle<S[Name]> };

export interface KeyedStateOptions {
  /** Names the operator in errors and in storage. */
  readonly operator: string;
  /** Nothing is stored yet: absent keys need no fetch as long as none was evicted. */
  readonly startsEmpty: boolean;
  /** Values, map entries and list elements that may stay in the heap. */
  readonly cacheEntries: number;
  /** Whether a commit encodes what it is given, or keeps references to it (embedded jobs). */
  readonly encodesOnCommit: boolean;
  /** Keep an undo log per record (policies other than `fail`). */
  readonly journaling: boolean;
  /** Arms cleanup timers; needed by states with a time to live. */
  readonly armCleanup: ArmCleanup;
}

export class KeyedState {
  readonly #scope: KeyScope;
  readonly #options: KeyedStateOptions;
  readonly #states: CellState<Cell>[] = [];
  readonly #names = new Set<string>();
  readonly #expiring = new Map<string, { cells: CellState<Cell>; expiring: Expiring }>();
  readonly #hand: EvictionHand;

  constructor(options: KeyedStateOptions) {
    this.#options = options;
    this.#scope = new KeyScope(
      options.operator,
      options.journaling ? new Journal() : undefined,
      !options.encodesOnCommit,
    );
    this.#hand = new EvictionHand(this.#scope, this.#states, options.cacheEntries);
  }

  // States

  /**
   * Makes the handle of one state.
   *
   * @throws {InvalidOptionError} when the name is taken or cannot stand in storage
   */
  add<D extends StateDescriptor>(name: string, descriptor: D): StateHandle<D> {
    const { startsEmpty, armCleanup } = this.#options;
    const { cells, handle, expiring } = createState(this.#scope, name, descriptor, startsEmpty, armCleanup);
    this.#register(name, cells);
    if (expiring !== undefined) this.#expiring.set(name, { cells, expiring });
    return handle as StateHandle<D>;
  }

  addAll<S extends StateDescriptors>(states: S): StateHandles<S> {
    const handles: Record<string, unknown> = {};
    for (const name of Object.keys(states)) handles[name] = this.add(name, states[name] as StateDescriptor);
    return Object.freeze(handles) as StateHandles<S>;
  }

  /** A plain value state for operators that address it themselves: by namespace, with their own prefetch. */
  addCells<T>(name: string, codec: Codec<T>): ValueCells<T> {
    const cells = new ValueCells<T>(
      this.#scope,
      name,
      codec as Codec<unknown>,
      this.#options.startsEmpty,
      undefined,
    );
    this.#register(name, cells as unknown as CellState<Cell>);
    return cells;
  }

  /** As {@link addCells}, for a map. */
  addMapCells<K, V>(name: string, codec: Codec<V>): MapCells<K, V> {
    const cells = new MapCells<K, V>(this.#scope, name, codec as Codec<unknown>, this.#options.startsEmpty);
    this.#register(name, cells as unknown as CellState<Cell>);
    return cells;
  }

  /** As {@link addCells}, for cells of any shape; they are made with what all states of the operator share. */
  addCellsOf<C extends { readonly name: string }>(create: (scope: KeyScope, startsEmpty: boolean) => C): C {
    const cells = create(this.#scope, this.#options.startsEmpty);
    this.#register(cells.name, cells as unknown as CellState<Cell>);
    return cells;
  }

  #register(name: string, cells: CellState<Cell>): void {
    const owner = `operator "${this.#options.operator}"`;
    if (!NAME_PATTERN.test(name))
      throw new InvalidOptionError(owner, "state", name, "a name of letters, digits, _ and -");
    if (this.#names.has(name)) throw new InvalidOptionError(owner, "state", name, "a name that is not taken");
    this.#names.add(name);
    this.#states.push(cells);
  }

  // Prefetch

  /** Starts a prefetch round: forgets an unfinished one, and evicts what is over the bound. */
  prepare(): void {
    this.#scope.round++;
    for (const state of this.#states) state.abandonWaiting();
    this.#hand.evict();
    this.#scope.prepared = true;
  }

  /** No state needs a fetch, whatever the key. */
  get complete(): boolean {
    for (const state of this.#states) if (!state.allComplete) return false;
    return true;
  }

  /** Asks for all states of the keys, outside of namespaces. */
  wantKeys(keys: readonly unknown[]): void {
    for (const state of this.#states) {
      if (state.complete) continue;
      for (let i = 0; i < keys.length; i++) state.want(keys[i]);
    }
  }

  wantKey(key: unknown): void {
    for (const state of this.#states) state.want(key);
  }

  /** All states of the key can be used without a fetch. */
  knows(key: unknown): boolean {
    for (const state of this.#states) if (!state.knows(key)) return false;
    return true;
  }

  wantExpiring(state: string, key: unknown): void {
    this.#expiring.get(state)?.cells.want(key);
  }

  knowsExpiring(state: string, key: unknown): boolean {
    return this.#expiring.get(state)?.cells.knows(key) ?? true;
  }

  /** What was asked for since {@link prepare}, one load per state and key group. */
  takeLoads(): StateLoad[] {
    const loads: StateLoad[] = [];
    for (const state of this.#states) state.takeLoads(loads);
    return loads;
  }

  /** Takes filled loads; those of other operators are left alone. */
  supply(loads: readonly StateLoad[]): void {
    for (const load of loads)
      if (load instanceof CellLoad && this.#states.includes(load.owner)) load.owner.supply(load);
  }

  // The current record

  /** @param nowMs wall clock in epoch ms that times to live go by until {@link leave} */
  enter(nowMs: number): void {
    for (const state of this.#states)
      invariant(!state.waiting, "what was fetched is supplied before it is used", {
        operator: this.#options.operator,
        state: state.name,
      });
    this.#scope.nowMs = nowMs;
  }

  /** Hot: called once per record. */
  setKey(key: unknown): void {
    if (key === this.#scope.key) return;
    this.#scope.key = key;
    const states = this.#states;
    for (let i = 0; i < states.length; i++) (states[i] as CellState<Cell>).forget();
  }

  /** A state has a time to live in event time: {@link standAt} is called for every record and timer. */
  get tracksEventTime(): boolean {
    return this.#scope.tracksEventTime;
  }

  /** @param eventTime epoch ms that times to live in event time go by; -Infinity when there is none */
  standAt(eventTime: number): void {
    this.#scope.eventTime = eventTime;
  }

  leave(): void {
    this.setKey(NO_KEY);
    this.#scope.prepared = false;
  }

  get key(): unknown {
    return this.#scope.key;
  }

  /** Start of a record whose changes may be taken back. */
  beginRecord(): void {
    this.#journal().begin();
    for (const state of this.#states) state.markRecord();
  }

  /** Takes back everything since {@link beginRecord}. */
  rollback(): void {
    this.#journal().rollback();
    for (const state of this.#states) state.rollbackRecord();
  }

  #journal(): Journal {
    if (this.#scope.journal === undefined) throw new InvariantError("only a journaling state is rolled back");
    return this.#scope.journal;
  }

  /** Removes what has expired of one state under the current key. @returns when to look again */
  expire(state: string): number | undefined {
    return this.#expiring.get(state)?.expiring.expire();
  }

  // Epochs

  /** Fields, entries and elements changed since the last {@link collect}; an upper bound. */
  get pendingWrites(): number {
    let writes = 0;
    for (const state of this.#states) writes += state.pendingWrites;
    return writes;
  }

  /** Moves everything changed since the last call into `into`; the next writes belong to the next epoch. */
  collect(into: WriteSet): void {
    for (const state of this.#states) state.collect(into);
    this.#scope.epoch++;
  }

  /** The oldest collected epoch is durable. */
  acknowledge(): void {
    this.#scope.acknowledged++;
    invariant(this.#scope.acknowledged < this.#scope.epoch, "only a collected epoch is acknowledged", {
      operator: this.#options.operator,
    });
    for (const state of this.#states) state.acknowledge();
  }

  /** Values, map entries and list elements in the heap. */
  get cached(): number {
    return this.#scope.weight;
  }
}
