// LookupCache — rows of an outside table by key: a bounded number, the least recently used one goes first.
//
// Owns:      the rows of one partition, and since when. That a key has no row is kept too, where asked for.
// Does not:  load anything. It is no state: a restarted partition begins with an empty one.
//
// Law Y8  The cache never holds more than `maxEntries`, gives no row that is `ttlMs` old, and lets the least recently
//         used one go first.

export interface CacheLimits {
  readonly maxEntries: number;
  /** A row is loaded again after so long. */
  readonly ttlMs: number;
  /** Whether it is remembered that a key has no row. */
  readonly cacheMissing: boolean;
}

/** What is known of one key. */
class CachedRow {
  readonly key: unknown;
  /** Undefined: there is none. */
  row: unknown;
  untilMs: number;
  newer: CachedRow | undefined = undefined;
  older: CachedRow | undefined = undefined;

  constructor(key: unknown, row: unknown, untilMs: number) {
    this.key = key;
    this.row = row;
    this.untilMs = untilMs;
  }
}

export class LookupCache {
  readonly #limits: CacheLimits;
  readonly #rows = new Map<unknown, CachedRow>();
  /** By last use. */
  #newest: CachedRow | undefined;
  #oldest: CachedRow | undefined;

  constructor(limits: CacheLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Hot: called once per record. @param monotonicMs now */
  find(key: unknown, monotonicMs: number): CachedRow | undefined {
    const cached = this.#rows.get(key);
    if (cached === undefined) return undefined;
    if (cached.untilMs <= monotonicMs) {
      this.#remove(cached);
      return undefined;
    }
    if (cached !== this.#newest) {
      this.#unlink(cached);
      this.#link(cached);
    }
    return cached;
  }

  /** @param row undefined for a key that has none */
  put(key: unknown, row: unknown, monotonicMs: number): void {
    const known = this.#rows.get(key);
    if (known !== undefined) this.#remove(known);
    if (row === undefined && !this.#limits.cacheMissing) return;
    if (this.#rows.size >= this.#limits.maxEntries && this.#oldest !== undefined) this.#remove(this.#oldest);
    const cached = new CachedRow(key, row, monotonicMs + this.#limits.ttlMs);
    this.#rows.set(key, cached);
    this.#link(cached);
  }

  #remove(cached: CachedRow): void {
    this.#rows.delete(cached.key);
    this.#unlink(cached);
  }

  #link(cached: CachedRow): void {
    cached.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = cached;
    else this.#newest.newer = cached;
    this.#newest = cached;
  }

  #unlink(cached: CachedRow): void {
    const { newer, older } = cached;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    cached.newer = undefined;
    cached.older = undefined;
  }
}
