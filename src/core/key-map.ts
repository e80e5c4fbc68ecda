// KeyMap — a map by keys of records that grows and shrinks in small steps, whatever its size.
//
// A Map of the language moves all of its entries at once when it is full, or nearly empty: with a million of them the event
// loop stands still for about 100 ms. Here a map that has become large is spread over several by key group, a few entries with
// every new one.
//
// Hot: while there are not many entries, a call costs what it costs on a Map; later the hash of the key as well, and the
// caches of the processor serve many maps less well than one. So one map is left alone as long as its pauses are short.
import { keyGroupOf } from "./key-group.ts";

/** So many entries a Map takes without having moved more than half of them at once, which takes it about 10 ms. */
const MANY = 262_144;
/** So many entries move with every new one: all have moved long before the others are large. */
const STEP = 4;
/** Few enough to serve the caches of the processor. A partition may hold fewer key groups: then fewer are used. */
const SHARDS = 16;

/** Keys are those of records (PrimitiveKey); they are the same when they are the same for a Map. */
export class KeyMap<V extends object> {
  /** All entries while there are not many, then those that have not moved yet. */
  #first: Map<unknown, V> = new Map();
  #moving: Iterator<[unknown, V]> | undefined = undefined;
  /** Undefined while there are not many entries. */
  #shards: Map<unknown, V>[] | undefined = undefined;
  #spread = 0;

  get size(): number {
    return this.#first.size + this.#spread;
  }

  get(key: unknown): V | undefined {
    return this.#shards === undefined ? this.#first.get(key) : this.#getSpread(this.#shards, key);
  }

  has(key: unknown): boolean {
    return this.#shards === undefined
      ? this.#first.has(key)
      : this.#getSpread(this.#shards, key) !== undefined;
  }

  /** @throws {UnsupportedKeyError} when no record can have the key; only noticed when there are many entries */
  set(key: unknown, value: V): void {
    if (this.#shards !== undefined) {
      this.#setSpread(this.#shards, key, value);
      return;
    }
    this.#first.set(key, value);
    if (this.#first.size < MANY) return;
    this.#shards = Array.from({ length: SHARDS }, () => new Map<unknown, V>());
    this.#moving = this.#first.entries();
  }

  /** @returns whether it was there */
  delete(key: unknown): boolean {
    if (this.#shards === undefined) return this.#first.delete(key);
    if (this.#shardOf(this.#shards, key).delete(key)) this.#spread--;
    else if (!this.#first.delete(key)) return false;
    if (this.size === 0) {
      this.#shards = undefined;
      this.#moving = undefined;
    }
    return true;
  }

  /** In no particular order. What is added, moved or removed meanwhile may come, come twice, or not come. */
  *values(): Generator<V> {
    yield* this.#first.values();
    for (let shard = 0; this.#shards !== undefined && shard < SHARDS; shard++)
      yield* (this.#shards[shard] as Map<unknown, V>).values();
  }

  #shardOf(shards: Map<unknown, V>[], key: unknown): Map<unknown, V> {
    return shards[keyGroupOf(key) % SHARDS] as Map<unknown, V>;
  }

  #getSpread(shards: Map<unknown, V>[], key: unknown): V | undefined {
    const value = this.#shardOf(shards, key).get(key);
    return value === undefined && this.#moving !== undefined ? this.#first.get(key) : value;
  }

  #setSpread(shards: Map<unknown, V>[], key: unknown, value: V): void {
    if (this.#moving !== undefined) {
      this.#first.delete(key);
      this.#move(shards, this.#moving);
    }
    this.#put(shards, key, value);
  }

  #put(shards: Map<unknown, V>[], key: unknown, value: V): void {
    const shard = this.#shardOf(shards, key);
    const before = shard.size;
    shard.set(key, value);
    this.#spread += shard.size - before;
  }

  #move(shards: Map<unknown, V>[], moving: Iterator<[unknown, V]>): void {
    for (let i = 0; i < STEP; i++) {
      const next = moving.next();
      if (next.done === true) {
        this.#moving = undefined;
        return;
      }
      const [key, value] = next.value;
      this.#first.delete(key);
      this.#put(shards, key, value);
    }
  }
}
