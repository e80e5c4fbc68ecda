// Expiring states — time to live, wrapped around the plain states.
//
// The expiry is stored with each value, so it survives a restart; nothing is ever expired by the server. Reads ignore what
// has expired. Storage is cleaned by one timer per address, in the time that counts: armed when the address gets its first
// value, it removes what has expired by then and arms itself again for the rest. Its time is rounded up to a sixteenth of
// the time to live, so that any number of writes needs few timers.
//
// In event time the clock is that of the record or timer at hand: its own time, or the watermark when that is later. What
// a record writes grows old from the record's time on, in whatever order records come.
//
// Law E1 (docs/laws.md): what is read is younger than its time to live, whatever is restarted and whenever timers fire;
// once the clock (the watermark) has passed the expiry of all that was written by a sixteenth, nothing is left in storage.
//
// Invariant: where something is stored, a cleanup timer is stored too, by the same commit.
import type { Codec } from "../core/codec.ts";
import { EngineError } from "../core/errors.ts";
import { bytesOf } from "./codec-calls.ts";
import type { Ttl, TtlTime } from "./descriptors.ts";
import type { KeyScope } from "./key-scope.ts";
import type { ListCells, ListState } from "./list-state.ts";
import type { MapCells, MapState } from "./map-state.ts";
import type { ValueCells, ValueState } from "./value-state.ts";

/** A value and the time in epoch ms from which on it is gone. */
export interface Stamped<T> {
  readonly value: T;
  readonly expiresMs: number;
}

/** Arms a timer in that time for the current key that calls {@link Expiring.expire}. */
export type ArmCleanup = (state: string, timeMs: number, time: TtlTime) => void;

/** State with a time to live in event time was used where there is no event time: nothing tells when it would expire. */
export class StateWithoutEventTimeError extends EngineError<"STATE_WITHOUT_EVENT_TIME"> {
  constructor(operator: string, state: string) {
    super(
      "STATE_WITHOUT_EVENT_TIME",
      `operator "${operator}": state "${state}" has a time to live in event time, but the record has no timestamp and no ` +
        "watermark has come yet; give every source above it a `timestamp` option, or count in processing time",
      { details: { operator, state } },
    );
  }
}

/** What a cleanup timer talks to. */
export interface Expiring {
  /** Removes what has expired under the current key. @returns when to look again; undefined when nothing is left */
  expire(): number | undefined;
}

const STEPS_PER_TTL = 16;

/** Expiry as eight bytes in front of the bytes of the inner codec. */
export function expiringCodec(inner: Codec<unknown>, time: TtlTime): Codec<unknown> {
  const { older } = inner;
  return {
    name: expiringName(inner.name, time),
    version: inner.version,
    older: older && {
      codecs: Object.fromEntries(
        Object.entries(older.codecs).map(([version, name]) => [version, expiringName(name, time)]),
      ),
      decode: (version, bytes) => ({
        value: older.decode(version, bytes.subarray(8)),
        expiresMs: expiryOf(bytes),
      }),
    },
    encode(stamped) {
      const { value, expiresMs } = stamped as Stamped<unknown>;
      const body = bytesOf(inner, value);
      const bytes = new Uint8Array(8 + body.length);
      new DataView(bytes.buffer).setFloat64(0, expiresMs);
      bytes.set(body, 8);
      return bytes;
    },
    decode(bytes) {
      return { value: inner.decode(bytes.subarray(8)), expiresMs: expiryOf(bytes) };
    },
  };
}

/** The expiry in front of each value is another layout of bytes, and expiries of the two times mean different things. */
function expiringName(codec: string, time: TtlTime): string {
  return time === "event" ? `expiring(${codec}, event time)` : `expiring(${codec})`;
}

function expiryOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0);
}

/** The clockwork that the three wrappers share. */
export class Lifetime {
  readonly #scope: KeyScope;
  readonly #state: string;
  readonly #ttlMs: number;
  readonly #time: TtlTime;
  readonly #stepMs: number;
  readonly #arm: ArmCleanup;
  readonly readsProlong: boolean;

  constructor(scope: KeyScope, state: string, ttl: Ttl, arm: ArmCleanup) {
    this.#scope = scope;
    this.#state = state;
    this.#ttlMs = ttl.ttlMs;
    this.#time = ttl.time;
    this.#stepMs = Math.max(1, Math.floor(ttl.ttlMs / STEPS_PER_TTL));
    this.#arm = arm;
    this.readsProlong = ttl.update === "onReadAndWrite";
  }

  get #nowMs(): number {
    if (this.#time === "processing") return this.#scope.nowMs;
    const { eventTime, operator } = this.#scope;
    if (eventTime === Number.NEGATIVE_INFINITY) throw new StateWithoutEventTimeError(operator, this.#state);
    return eventTime;
  }

  stamp<T>(value: T): Stamped<T> {
    return { value, expiresMs: this.#nowMs + this.#ttlMs };
  }

  lives(stamped: Stamped<unknown>): boolean {
    return stamped.expiresMs > this.#nowMs;
  }

  /** A read would change what is stored. */
  prolongs(stamped: Stamped<unknown>): boolean {
    return this.readsProlong && stamped.expiresMs < this.#nowMs + this.#ttlMs;
  }

  /** What a read leaves stored: never shorter-lived than before. */
  prolonged<T>(stamped: Stamped<T>): Stamped<T> {
    return this.prolongs(stamped) ? this.stamp(stamped.value) : stamped;
  }

  armFirst(): void {
    this.#arm(this.#state, this.cleanupTime(this.#nowMs + this.#ttlMs), this.#time);
  }

  cleanupTime(expiresMs: number): number {
    return Math.ceil(expiresMs / this.#stepMs) * this.#stepMs;
  }
}

export class ExpiringValue<T, D = undefined> implements ValueState<T, D>, Expiring {
  readonly #inner: ValueCells<Stamped<T>>;
  readonly #lifetime: Lifetime;
  readonly #absent: D;
  readonly #copyAbsent: () => D;

  /** @param copyAbsent a copy of `absent` that may be changed */
  constructor(inner: ValueCells<Stamped<T>>, lifetime: Lifetime, absent: D, copyAbsent: () => D) {
    this.#inner = inner;
    this.#lifetime = lifetime;
    this.#absent = absent;
    this.#copyAbsent = copyAbsent;
  }

  get(): T | D {
    const stamped = this.#inner.get();
    if (stamped === undefined || !this.#lifetime.lives(stamped)) return this.#copyAbsent();
    if (this.#lifetime.prolongs(stamped)) this.#inner.set(this.#lifetime.stamp(stamped.value));
    return stamped.value;
  }

  /** Where reading prolongs the life, what is stored anew must be a value of its own: then it is copied. */
  peek(): T | D {
    if (this.#lifetime.readsProlong) return this.get();
    const stamped = this.#inner.peek();
    return stamped !== undefined && this.#lifetime.lives(stamped) ? stamped.value : this.#absent;
  }

  has(): boolean {
    const stamped = this.#inner.peek();
    return stamped !== undefined && this.#lifetime.lives(stamped);
  }

  set(value: T | undefined): void {
    if (value === undefined) {
      this.#inner.clear();
      return;
    }
    if (!this.#inner.has()) this.#lifetime.armFirst();
    this.#inner.set(this.#lifetime.stamp(value));
  }

  clear(): void {
    this.#inner.clear();
  }

  expire(): number | undefined {
    const stamped = this.#inner.peek();
    if (stamped === undefined) return undefined;
    if (this.#lifetime.lives(stamped)) return this.#lifetime.cleanupTime(stamped.expiresMs);
    this.#inner.clear();
    return undefined;
  }
}

export class ExpiringMap<K, V> implements MapState<K, V>, Expiring {
  readonly #inner: MapCells<K, Stamped<V>>;
  readonly #lifetime: Lifetime;

  constructor(inner: MapCells<K, Stamped<V>>, lifetime: Lifetime) {
    this.#inner = inner;
    this.#lifetime = lifetime;
  }

  get(key: K): V | undefined {
    const stamped = this.#inner.get(key);
    if (stamped === undefined || !this.#lifetime.lives(stamped)) return undefined;
    if (this.#lifetime.prolongs(stamped)) this.#inner.set(key, this.#lifetime.stamp(stamped.value));
    return stamped.value;
  }

  /** See {@link ExpiringValue.peek}. */
  peek(key: K): V | undefined {
    if (this.#lifetime.readsProlong) return this.get(key);
    const stamped = this.#inner.peek(key);
    return stamped !== undefined && this.#lifetime.lives(stamped) ? stamped.value : undefined;
  }

  has(key: K): boolean {
    const stamped = this.#inner.peek(key);
    return stamped !== undefined && this.#lifetime.lives(stamped);
  }

  set(key: K, value: V | undefined): void {
    if (value === undefined) {
      this.#inner.delete(key);
      return;
    }
    const first = this.#inner.size === 0;
    this.#inner.set(key, this.#lifetime.stamp(value));
    if (first) this.#lifetime.armFirst();
  }

  delete(key: K): boolean {
    const had = this.has(key);
    this.#inner.delete(key);
    return had;
  }

  clear(): void {
    this.#inner.clear();
  }

  get size(): number {
    let size = 0;
    for (const stamped of this.#inner.peekAll().values()) if (this.#lifetime.lives(stamped)) size++;
    return size;
  }

  keys(): IterableIterator<K> {
    const living: K[] = [];
    for (const [key, stamped] of this.#inner.peekAll()) if (this.#lifetime.lives(stamped)) living.push(key);
    return living.values();
  }

  values(): IterableIterator<V> {
    return this.#read()
      .map(([, value]) => value)
      .values();
  }

  entries(): IterableIterator<[K, V]> {
    return this.#read().values();
  }

  peekEntries(): IterableIterator<[K, V]> {
    if (this.#lifetime.readsProlong) return this.entries();
    const living: [K, V][] = [];
    for (const [key, stamped] of this.#inner.peekAll())
      if (this.#lifetime.lives(stamped)) living.push([key, stamped.value]);
    return living.values();
  }

  #read(): [K, V][] {
    const living: [K, V][] = [];
    for (const [key, stamped] of this.#inner.entries()) {
      if (!this.#lifetime.lives(stamped)) continue;
      if (this.#lifetime.prolongs(stamped)) this.#inner.set(key, this.#lifetime.stamp(stamped.value));
      living.push([key, stamped.value]);
    }
    return living;
  }

  expire(): number | undefined {
    let earliest = Number.POSITIVE_INFINITY;
    for (const [key, stamped] of this.#inner.peekAll()) {
      if (this.#lifetime.lives(stamped)) earliest = Math.min(earliest, stamped.expiresMs);
      else this.#inner.delete(key);
    }
    return earliest === Number.POSITIVE_INFINITY ? undefined : this.#lifetime.cleanupTime(earliest);
  }
}

export class ExpiringList<T> implements ListState<T>, Expiring {
  readonly #inner: ListCells<Stamped<T>>;
  readonly #lifetime: Lifetime;

  constructor(inner: ListCells<Stamped<T>>, lifetime: Lifetime) {
    this.#inner = inner;
    this.#lifetime = lifetime;
  }

  get(): readonly T[] {
    const living = this.#living(this.#inner.get());
    const values = living.map((stamped) => stamped.value);
    if (living.some((stamped) => this.#lifetime.prolongs(stamped)))
      this.#inner.update(living.map((stamped) => this.#lifetime.prolonged(stamped)));
    return values;
  }

  peek(): readonly T[] {
    if (this.#lifetime.readsProlong) return this.get();
    return this.#living(this.#inner.peek()).map((stamped) => stamped.value);
  }

  get length(): number {
    return this.#living(this.#inner.peek()).length;
  }

  append(element: T): void {
    const first = this.#inner.length === 0;
    this.#inner.append(this.#lifetime.stamp(element));
    if (first) this.#lifetime.armFirst();
  }

  appendAll(elements: Iterable<T>): void {
    for (const element of elements) this.append(element);
  }

  update(elements: Iterable<T>): void {
    const first = this.#inner.length === 0;
    const stamped = [...elements].map((element) => this.#lifetime.stamp(element));
    this.#inner.update(stamped);
    if (first && stamped.length > 0) this.#lifetime.armFirst();
  }

  clear(): void {
    this.#inner.clear();
  }

  #living(all: readonly Stamped<T>[]): Stamped<T>[] {
    return all.filter((stamped) => this.#lifetime.lives(stamped));
  }

  expire(): number | undefined {
    const living = this.#living(this.#inner.peek());
    if (living.length < this.#inner.length) this.#inner.update(living);
    if (living.length === 0) return undefined;
    let earliest = Number.POSITIVE_INFINITY;
    for (const { expiresMs } of living) earliest = Math.min(earliest, expiresMs);
    return this.#lifetime.cleanupTime(earliest);
  }
}
