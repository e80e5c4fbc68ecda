// RunSet — the runs of the key at hand, as they are stored and as they have become.
//
// Runs stand in the order of their numbers, which do not depend on what was stored or fetched in between.
import type { MapCells } from "../../state/map-state.ts";
import type { MatchBuffer } from "./match-buffer.ts";
import type { Run } from "./run.ts";

export class RunSet {
  readonly #cells: MapCells<number, Run>;
  readonly #buffer: MatchBuffer;
  /** As they were when the key was opened, ascending. */
  #stored: readonly Run[] = [];
  /** Ascending by id; runs that moved on keep theirs. */
  all: readonly Run[] = [];
  #nextId = 1;

  constructor(cells: MapCells<number, Run>, buffer: MatchBuffer) {
    this.#cells = cells;
    this.#buffer = buffer;
  }

  /** Takes the runs of the current key up. */
  open(): void {
    const stored: Run[] = [];
    let sorted = true;
    let last = 0;
    let highest = 0;
    for (const run of this.#cells.peekAll().values()) {
      stored.push(run);
      if (run.id < last) sorted = false;
      last = run.id;
      highest = Math.max(highest, run.id, run.entry);
    }
    if (!sorted) stored.sort((a, b) => a.id - b.id);
    this.#stored = stored;
    this.all = stored;
    // Records have numbers below those of their entries, so runs know every number in use.
    this.#nextId = highest + 1;
  }

  /** Writes what has changed since {@link open}. */
  close(): void {
    const cells = this.#cells;
    let i = 0;
    for (const run of this.all) {
      for (; i < this.#stored.length && (this.#stored[i] as Run).id < run.id; i++)
        cells.delete((this.#stored[i] as Run).id);
      if (this.#stored[i]?.id !== run.id) cells.set(run.id, run);
      else if (this.#stored[i++] !== run) cells.set(run.id, run);
    }
    for (; i < this.#stored.length; i++) cells.delete((this.#stored[i] as Run).id);
  }

  /** A new number, for a run, a record or an entry of the key. */
  takeId(): number {
    return this.#nextId++;
  }

  /** What {@link takeId} would give. */
  get nextId(): number {
    return this.#nextId;
  }

  /** @param added with higher numbers than all that are there */
  add(added: readonly Run[]): void {
    this.all = this.all.length === 0 ? added : this.all.concat(added);
  }

  /** Ends the others. */
  keep(stays: (run: Run) => boolean): void {
    this.all = this.all.filter((run) => {
      const isKept = stays(run);
      if (!isKept) this.#buffer.release(run.entry);
      return isKept;
    });
  }
}
