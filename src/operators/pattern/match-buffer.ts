// MatchBuffer — the records of all partial matches of a key, shared between them, and how they hang together.
//
// An entry says: this stage took this record after that entry. So a partial match is its last entry, and all that grew
// out of one beginning share it. This is the versioned buffer of the paper below with one edge per entry: there an entry
// is shared by several predecessors, and a version on each edge tells the ways apart. Here the number of the entry is
// that version; there are as many entries as there would be edges, and a way back has no choices to make.
//
// Owns:      entries, how many runs and entries refer to each, and the records with the number of entries that hold them.
// Does not:  know runs or places (Matcher). Nobody refers to an entry any more: it is gone, and so is a record without
//            entries; both by counting, never by a scan.
//
// Between `open` and `close` all is done on objects in the heap; `close` writes what has changed, entry by entry.
//
// Source: Agrawal et al., "Efficient Pattern Matching over Event Streams", SIGMOD 2008, section 4.
import type { Codec } from "../../core/codec.ts";
import { msgpackCodec } from "../../core/codec.ts";
import { invariant } from "../../core/errors.ts";
import type { MapCells } from "../../state/map-state.ts";
import type { Taken } from "./skip-strategy.ts";
import type { CapturesByName } from "./stage.ts";

/** An entry as it is stored. */
export interface StoredEntry {
  /** 0 for the first record of a match. */
  readonly previous: number;
  readonly event: number;
  /** Of the stage, among the pattern's names. */
  readonly name: number;
  /** Runs and entries that refer to it. */
  readonly references: number;
}

/** As an array: names of fields would be most of the bytes. */
export const entryCodec: Codec<StoredEntry> = {
  name: "pattern-entry",
  version: 1,
  encode: ({ previous, event, name, references }) => msgpackCodec.encode([previous, event, name, references]),
  decode(bytes) {
    const [previous, event, name, references] = msgpackCodec.decode(bytes) as number[];
    return { previous, event, name, references } as StoredEntry;
  },
};

interface OpenEntry {
  readonly id: number;
  readonly previous: number;
  readonly event: number;
  readonly name: number;
  references: number;
  /** As stored; 0 when it is new. */
  readonly stored: number;
}

export interface BufferStates {
  readonly entries: MapCells<number, StoredEntry>;
  readonly events: MapCells<number, unknown>;
  /** How many entries hold a record, where it is more than one. */
  readonly uses: MapCells<number, number>;
}

export class MatchBuffer {
  readonly #states: BufferStates;
  readonly #names: readonly string[];
  readonly #open = new Map<number, OpenEntry>();
  readonly #uses = new Map<number, number>();
  /** Entries of the current record, by what they follow and their stage. */
  readonly #ofRecord = new Map<number, OpenEntry>();
  /** Records that were taken since {@link open}. */
  readonly #fresh = new Map<number, unknown>();
  #record: unknown = undefined;
  #event = 0;
  #capturesOf = -1;
  #captures: CapturesByName = {};

  constructor(states: BufferStates, names: readonly string[]) {
    this.#states = states;
    this.#names = names;
  }

  /** Starts on another key, or on the same one again; forgets what was not closed. */
  open(): void {
    // Clearing an empty map costs an allocation, and most records touch none.
    if (this.#open.size > 0) this.#open.clear();
    if (this.#uses.size > 0) this.#uses.clear();
    if (this.#fresh.size > 0) this.#fresh.clear();
    this.endRecord();
  }

  /** @param event number of the record; larger than those of all records before it */
  beginRecord(event: number, record: unknown): void {
    this.#event = event;
    this.#record = record;
    if (this.#ofRecord.size > 0) this.#ofRecord.clear();
  }

  endRecord(): void {
    if (this.#ofRecord.size > 0) this.#ofRecord.clear();
    this.#capturesOf = -1;
    this.#record = undefined;
    this.#event = 0;
  }

  /**
   * The entry of the current record after `previous`, under a stage; the same one when it is asked for again. It holds
   * on to the entry before it, and counts no reference of its own yet.
   */
  append(id: number, previous: number, name: number): OpenEntry {
    const key = previous * this.#names.length + name;
    let entry = this.#ofRecord.get(key);
    if (entry === undefined) {
      entry = { id, previous, event: this.#event, name, references: 0, stored: 0 };
      this.#ofRecord.set(key, entry);
      this.#open.set(id, entry);
      this.#fresh.set(this.#event, this.#record);
      this.#addUse(this.#event, 1);
      this.retain(previous);
    }
    return entry;
  }

  retain(id: number): void {
    if (id !== 0) this.#entry(id).references++;
  }

  release(id: number): void {
    for (let at = id; at !== 0; ) {
      const entry = this.#entry(at);
      if (--entry.references > 0) return;
      this.#addUse(entry.event, -1);
      at = entry.previous;
    }
  }

  /** What {@link match} gives, for callers that only look: the same object for the same entry, while a record is offered. */
  captures(id: number): CapturesByName {
    if (id !== this.#capturesOf) {
      this.#captures = this.match(id);
      this.#capturesOf = id;
    }
    return this.#captures;
  }

  /** The records up to an entry, by stage; a name for every stage. */
  match(id: number): CapturesByName {
    const captures: Record<string, unknown[]> = {};
    for (const name of this.#names) captures[name] = [];
    for (let at = id; at !== 0; ) {
      const { event, name, previous } = this.#look(at);
      (captures[this.#names[name] as string] as unknown[]).push(this.#recordOf(event));
      at = previous;
    }
    for (const name of this.#names) (captures[name] as unknown[]).reverse();
    return captures;
  }

  /** The records up to an entry, in order. */
  taken(id: number): Taken[] {
    const taken: Taken[] = [];
    for (let at = id; at !== 0; ) {
      const { event, name, previous } = this.#look(at);
      taken.push({ event, name: this.#names[name] as string });
      at = previous;
    }
    return taken.reverse();
  }

  /** Writes what has changed since {@link open}. */
  close(): void {
    const { entries, events, uses } = this.#states;
    for (const { id, previous, event, name, references, stored } of this.#open.values()) {
      if (references === stored) continue;
      if (references === 0) entries.delete(id);
      else entries.set(id, { previous, event, name, references });
    }
    for (const [event, count] of this.#uses) {
      if (count === 0) {
        events.delete(event);
        uses.delete(event);
      } else {
        if (this.#fresh.has(event)) events.set(event, this.#fresh.get(event));
        const stored = uses.peek(event) ?? 1;
        if (count === 1 && stored > 1) uses.delete(event);
        else if (count !== stored) uses.set(event, count);
      }
    }
    this.open();
  }

  #entry(id: number): OpenEntry {
    let entry = this.#open.get(id);
    if (entry === undefined) {
      const stored = this.#stored(id);
      entry = { id, ...stored, stored: stored.references };
      this.#open.set(id, entry);
    }
    return entry;
  }

  #look(id: number): StoredEntry {
    return this.#open.get(id) ?? this.#stored(id);
  }

  #stored(id: number): StoredEntry {
    const stored = this.#states.entries.peek(id);
    invariant(stored !== undefined, "an entry that is referred to is stored", { entry: id });
    return stored;
  }

  #recordOf(event: number): unknown {
    return this.#fresh.has(event) ? this.#fresh.get(event) : this.#states.events.peek(event);
  }

  #addUse(event: number, by: number): void {
    const before =
      this.#uses.get(event) ?? (event === this.#event ? 0 : (this.#states.uses.peek(event) ?? 1));
    this.#uses.set(event, before + by);
  }
}
