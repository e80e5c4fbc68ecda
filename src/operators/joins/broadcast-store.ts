// BroadcastStore — the state that every partition keeps of a broadcast stream: the same everywhere, under no user's key.
//
// It is stored as everything else is: under a key. That key is the smallest whole number whose key group is the first one
// of the partition's range, so that an attempt of the same partition finds it again, on whatever worker. The states have
// names of their own, so no user's key can meet it.
//
// Owns:      the broadcast states of one partition; they stay in the heap once they were fetched.
// Does not:  hand out writing handles: who may write is the operator's business.
import { invariant } from "../../core/errors.ts";
import { keyGroupOf } from "../../core/key-group.ts";
import type { StateLoad, StateWrites } from "../../core/ports/state-backend.ts";
import type { MapDescriptor, ValueDescriptor } from "../../state/descriptors.ts";
import { NO_KEY, StateOutsideRecordError } from "../../state/key-scope.ts";
import { KeyedState, type StateHandles } from "../../state/keyed-state.ts";
import type { MapState } from "../../state/map-state.ts";
import type { ValueState } from "../../state/value-state.ts";
import { WriteSet } from "../../state/write-set.ts";
import type { KeyedOperatorContext } from "../operator.ts";

/** Broadcast states by name: maps and values without a time to live. */
export type BroadcastDescriptors = Readonly<
  Record<string, MapDescriptor<unknown, unknown> | ValueDescriptor<unknown, unknown>>
>;

/** A map that may only be read. Do not change what it gives. */
export type ReadonlyMapState<K, V> = Pick<
  MapState<K, V>,
  "get" | "has" | "size" | "keys" | "values" | "entries"
>;

/** The reading side of broadcast states. */
export type ReadonlyStates<M> = {
  readonly [Name in keyof M]: M[Name] extends MapDescriptor<infer K, infer V>
    ? ReadonlyMapState<K, V>
    : M[Name] extends ValueDescriptor<infer T, infer D>
      ? Pick<ValueState<T, D>, "get">
      : never;
};

export class BroadcastStore<M extends BroadcastDescriptors> {
  readonly writable: StateHandles<M>;
  readonly readable: ReadonlyStates<M>;
  readonly #operator: string;
  readonly #state: KeyedState;
  readonly #key: number;
  readonly #writes: WriteSet;

  constructor(
    { operator, startsEmpty, encodesOnCommit, onError, keyGroups }: KeyedOperatorContext,
    states: M,
  ) {
    this.#key = smallestKeyOf(keyGroups.first);
    this.#operator = operator;
    this.#writes = new WriteSet(operator);
    this.#state = new KeyedState({
      operator,
      startsEmpty,
      // Every record may look at it.
      cacheEntries: Number.MAX_SAFE_INTEGER,
      encodesOnCommit,
      journaling: onError !== "fail",
      armCleanup: () => invariant(false, "broadcast state has no time to live", { operator }),
    });
    this.writable = this.#state.addAll(states);
    const readable = Object.entries(states).map(([name, { kind }]) => {
      const handle = this.writable[name];
      return [name, kind === "map" ? new MapReader(handle as never) : new ValueReader(handle as never)];
    });
    this.readable = Object.freeze(Object.fromEntries(readable)) as ReadonlyStates<M>;
  }

  /** What must be fetched before the next batch or timers; starts a prefetch round. */
  missing(): StateLoad[] {
    this.#state.prepare();
    if (this.#state.complete) return [];
    this.#state.wantKey(this.#key);
    return this.#state.takeLoads();
  }

  supply(loads: readonly StateLoad[]): void {
    this.#state.supply(loads);
  }

  enter(nowMs: number): void {
    this.#state.enter(nowMs);
    this.#state.setKey(this.#key);
  }

  leave(): void {
    this.#state.leave();
  }

  /** Start of a record whose writes may be taken back. */
  beginRecord(): void {
    this.#state.beginRecord();
  }

  rollback(): void {
    this.#state.rollback();
  }

  get pendingWrites(): number {
    return this.#state.pendingWrites;
  }

  collect(into: StateWrites[]): void {
    this.#state.collect(this.#writes);
    this.#writes.drainInto(into);
  }

  acknowledge(): void {
    this.#state.acknowledge();
  }

  /** @throws {StateOutsideRecordError} when no record and no timer is being processed */
  checkInside(what: string): void {
    if (this.#state.key === NO_KEY) throw new StateOutsideRecordError(this.#operator, what);
  }
}

function smallestKeyOf(keyGroup: number): number {
  let key = 0;
  while (keyGroupOf(key) !== keyGroup) key++;
  return key;
}

class MapReader<K, V> implements ReadonlyMapState<K, V> {
  readonly #map: MapState<K, V>;

  constructor(map: MapState<K, V>) {
    this.#map = map;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  get size(): number {
    return this.#map.size;
  }

  keys(): IterableIterator<K> {
    return this.#map.keys();
  }

  values(): IterableIterator<V> {
    return this.#map.values();
  }

  entries(): IterableIterator<[K, V]> {
    return this.#map.entries();
  }
}

class ValueReader<T, D> {
  readonly #value: ValueState<T, D>;

  constructor(value: ValueState<T, D>) {
    this.#value = value;
  }

  get(): T | D {
    return this.#value.get();
  }
}
