// Journal — undo log of one record: what its user function changed before it threw is taken back.
//
// Only used under the policies `skip` and `deadLetter`; under `fail` the whole heap is dropped instead.
//
// Law S1 (docs/laws.md): after a throwing record, state and timers equal those before it.

/** Takes one change back. */
export interface Undo {
  undo(): void;
}

export class Journal {
  #log: Undo[] = [];
  readonly #touched = new Map<object, Set<unknown>>();

  /** Forgets the record before. */
  begin(): void {
    if (this.#log.length === 0 && this.#touched.size === 0) return;
    this.#log = [];
    this.#touched.clear();
  }

  /** True the first time a record touches this cell: then its facts must be saved. */
  touches(cell: object): boolean {
    if (this.#touched.has(cell)) return false;
    this.#touched.set(cell, new Set());
    return true;
  }

  /** The same for one entry of a map. */
  touchesEntry(cell: object, entry: unknown): boolean {
    let entries = this.#touched.get(cell);
    if (entries === undefined) {
      entries = new Set();
      this.#touched.set(cell, entries);
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
    this.#log = [];
    this.#touched.clear();
  }
}
