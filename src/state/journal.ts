// Journal — undo log of one record: what its user function changed before it threw is taken back.
//
// Only used under the policies `skip` and `deadLetter`; under `fail` the whole heap is dropped instead.
//
// Law S1 (docs/laws.md): after a throwing record, state and timers equal those before it.

/** Takes one change back. */
export interface Undo {
  undo(): void;
}

/** A record touches few cells and entries as a rule: up to so many are searched one by one. */
const SEARCHED = 16;

export class Journal {
  #log: Undo[] = [];
  /** What was touched in this record, beside the entry of it or the cell itself. The arrays are reused: see `#touches`. */
  readonly #owners: unknown[] = [];
  readonly #entries: unknown[] = [];
  #touches = 0;
  /** The same as sets, once there are many. */
  #index: Map<unknown, Set<unknown>> | undefined = undefined;

  /** Forgets the record before. */
  begin(): void {
    if (this.#log.length > 0) this.#log = [];
    this.#touches = 0;
    this.#index = undefined;
  }

  /** True the first time a record touches this cell: then its facts must be saved. */
  touches(cell: object): boolean {
    return this.touchesEntry(cell, cell);
  }

  /** The same for one entry of a map. */
  touchesEntry(owner: object, entry: unknown): boolean {
    if (this.#index !== undefined) return this.#addToIndex(owner, entry);
    for (let i = 0; i < this.#touches; i++)
      if (this.#owners[i] === owner && this.#entries[i] === entry) return false;
    this.#owners[this.#touches] = owner;
    this.#entries[this.#touches] = entry;
    this.#touches++;
    if (this.#touches > SEARCHED) {
      this.#index = new Map();
      for (let i = 0; i < this.#touches; i++) this.#addToIndex(this.#owners[i], this.#entries[i]);
    }
    return true;
  }

  #addToIndex(owner: unknown, entry: unknown): boolean {
    const index = this.#index as Map<unknown, Set<unknown>>;
    let entries = index.get(owner);
    if (entries === undefined) {
      entries = new Set();
      index.set(owner, entries);
    }
    if (entries.has(entry)) return false;
    entries.add(entry);
    return true;
  }

  add(undo: Undo): void {
    this.#log.push(undo);
  }

  rollback(): void {
    for (let i = this.#log.length - 1; i >= 0; i--) this.#log[i]?.undo();
    this.begin();
  }
}
