// CommitProtocolModel — the exactly-once commit protocol on one Redis shard, small enough to try everything.
//
//   input 0,1,..  ──►  P  ── entries 1,2,.. ──►  C  ──►  consumed 0,1,..
//
// P reads an input that can be replayed, cuts it into entries of one or two records (differently each time) and
// commits {source position, entry}. C reads the channel and commits {cursor, what it has consumed so far, trim}.
// Both live in sessions that may be replaced while they still run; their commits travel in a network that delays,
// loses and (with client resends) doubles them; the server may be replaced by a replica that knows only a prefix.
//
// Owns:      the states, the steps between them, and what is wrong with a state.
// Does not:  search (breadth-first-search.ts), know Redis, know more than one shard or channel.
//
// Steps that are deliberately not there, because other steps already cover them:
//   crash of a session     a session that takes no further step; its commit in flight lives on by itself
//   drop of a connection   a reply that is lost: the session ends, or the client resends
//   reply that arrives late  only the session that waits for it could tell the difference
//
// docs/protocols/model.md explains the model and lists its results.

import { type Emit, type Model, type SearchResult, search } from "./breadth-first-search.ts";
import {
  AHEAD_CONSUMED,
  AHEAD_POSITION,
  ALARM,
  append,
  BOUND_TO,
  type Bound,
  BROKEN,
  CONSUMED,
  CONSUMER,
  COPIES,
  COUNT,
  DATABASE,
  ENDED,
  ENTRIES,
  entryOf,
  firstOf,
  HEAP_CONSUMED,
  HEAP_POSITION,
  HEAP_SEQ,
  HELD_COUNT,
  HISTORY,
  LAGGING,
  LIVE,
  META,
  NEXT_CONSUMED,
  NEXT_POSITION,
  OWNER,
  POSITION,
  PRODUCER,
  RESENDS,
  RESTORE_WANTED,
  SEQ,
  SESSION,
  STATUS,
  STRANGER_COMMITTED,
  STRAY_CONSUMED,
  STRAY_FROM,
  STRAY_POSITION,
  STRAY_SEQ,
  StateLayout,
  sizeOf,
} from "./protocol-state.ts";
import {
  actionCode,
  DUP,
  describe,
  FENCED,
  OK,
  REPLY_ARRIVES,
  ROLLBACK,
  STALE_HISTORY,
  STRAY_COPY,
  type Step,
  VERDICTS,
  type Verdict,
} from "./protocol-trace.ts";

/** Which protections are switched on. */
export interface Variant {
  /**
   * - `random`: every attach writes a token that was never used before and never will be
   * - `counter`: every attach adds one to a counter in the server, which a rollback takes back
   * - `none`: all sessions of an actor are equal
   */
  readonly fence: "random" | "counter" | "none";
  /** A commit carries the sequence number it expects; one less is answered DUP, anything else ROLLBACK. */
  readonly sequence: boolean;
  /** A commit carries the server history (`master_replid`) seen at attach. */
  readonly historyBinding: boolean;
  /** The consumer asks for a restore when entries are missing behind its cursor and it is still the owner. */
  readonly gapCheck: boolean;
  /** The client library sends a commit again while no reply has come. */
  readonly clientResends: boolean;
}

export const protocolAsBuilt: Variant = {
  fence: "random",
  sequence: true,
  historyBinding: true,
  gapCheck: true,
  clientResends: false,
};

export interface Judges {
  /** Also wrong: a commit is accepted from a session that was not the last to attach. */
  readonly ownership?: boolean;
  /** Also wrong: a moment from which new sessions, left undisturbed, would not consume the whole input. */
  readonly resumable?: boolean;
}

export interface Exploration extends Omit<SearchResult, "violation"> {
  /** How often the server gave each answer to a commit (counted per step of the search, not per state). */
  readonly answers: Readonly<Record<Verdict, number>>;
  /** Commits that failovers took back, likewise. */
  readonly lostCommits: number;
  /** States with nothing left to do, in which all input was consumed. */
  readonly finished: number;
  /** States in which the consumer asked for a restore. */
  readonly restores: number;
  readonly violation: { readonly reason: string; readonly trace: readonly Step[] } | undefined;
}

/** Tries every interleaving of the variant within the bound; stops at the first violation. */
export function explore(variant: Variant, bound: Bound, judges: Judges = {}): Exploration {
  const model = new CommitProtocolModel(variant, bound, judges);
  const { violation, ...numbers } = search(model);
  const [ok, dup, fenced, history, rollback] = model.answers as [number, number, number, number, number];
  return {
    ...numbers,
    answers: { OK: ok, DUP: dup, FENCED: fenced, HISTORY: history, ROLLBACK: rollback },
    lostCommits: model.lostCommits,
    finished: model.finished,
    restores: model.restores,
    violation: violation && {
      reason: violation.reason,
      trace: violation.path.map(({ before, action, after }) => describe(model.layout, before, action, after)),
    },
  };
}

class CommitProtocolModel implements Model {
  readonly layout: StateLayout;
  readonly width: number;
  readonly answers: number[] = VERDICTS.map(() => 0);
  lostCommits = 0;
  finished = 0;
  restores = 0;

  readonly #variant: Variant;
  readonly #bound: Bound;
  readonly #judges: Judges;
  readonly #next: Uint8Array;

  constructor(variant: Variant, bound: Bound, judges: Judges) {
    this.#variant = variant;
    this.#bound = bound;
    this.#judges = judges;
    this.layout = new StateLayout(bound);
    this.width = this.layout.width;
    this.#next = new Uint8Array(this.width);
  }

  /** Empty databases, replica following, nobody attached. */
  start(_cells: Uint8Array): void {}

  successors(cells: Uint8Array, emit: Emit): void {
    if (cells[ALARM] === RESTORE_WANTED) return;
    this.#failServer(cells, emit);
    for (let slot = 0; slot < this.layout.slots; slot++) {
      const at = this.layout.sessionAt(slot);
      if (cells[at + STATUS] === 0) {
        // Sessions attach in order: the first unused slot of an actor is the only one that may.
        if (this.layout.isFirst(slot) || cells[at - SESSION + STATUS] !== 0) this.#attach(cells, slot, emit);
        continue;
      }
      if (cells[at + STATUS] === LIVE) {
        if (this.layout.actorOf(slot) === PRODUCER) this.#produce(cells, slot, emit);
        else this.#consume(cells, slot, emit);
        this.#resend(cells, slot, emit);
      }
      this.#deliver(cells, slot, emit);
    }
  }

  violation(cells: Uint8Array): string | undefined {
    const meta = DATABASE + META;
    const consumed = cells[meta + CONSUMED]!;
    if (consumed === BROKEN) return "C has consumed a record twice, or one too early";
    if (cells[ALARM] === STRANGER_COMMITTED)
      return "a commit of a session that is not the owner was accepted";
    if (cells[ALARM] === RESTORE_WANTED) this.restores++;
    else if (this.#isQuiet(cells)) {
      if (consumed < this.#bound.positions)
        return `nothing is left to do, but record ${consumed} was never consumed`;
      this.finished++;
    }
    if (this.#judges.resumable && !this.#isResumable(cells))
      return "new sessions could not consume the whole input";
    return undefined;
  }

  // ---- steps ---------------------------------------------------------------------------------------------------

  #failServer(cells: Uint8Array, emit: Emit): void {
    if (cells[HISTORY] === this.#bound.failovers) return;
    const size = this.layout.database;
    const next = this.#copy(cells);
    if (cells[LAGGING] === 0) {
      next[LAGGING] = 1;
      next.copyWithin(this.layout.replica, DATABASE, DATABASE + size);
      emit(next, actionCode("lag"));
      return;
    }
    next[LAGGING] = 0;
    next.copyWithin(DATABASE, this.layout.replica, this.layout.replica + size);
    next.fill(0, this.layout.replica, this.layout.replica + size);
    next[HISTORY]!++;
    for (const meta of [DATABASE, DATABASE + META])
      this.lostCommits += cells[meta + SEQ]! - next[meta + SEQ]!;
    emit(next, actionCode("failover"));
  }

  #attach(cells: Uint8Array, slot: number, emit: Emit): void {
    const next = this.#copy(cells);
    const meta = this.layout.metaOf(slot);
    const at = this.layout.sessionAt(slot);
    next[meta + OWNER] = this.layout.numberOf(slot);
    if (this.#variant.fence === "counter") next[at + HELD_COUNT] = ++next[meta + COUNT]!;
    next[at + STATUS] = LIVE;
    if (this.#variant.historyBinding) next[at + BOUND_TO] = next[HISTORY]! + 1;
    if (this.#variant.sequence) next[at + HEAP_SEQ] = next[meta + SEQ]!;
    next[at + HEAP_POSITION] = next[meta + POSITION]!;
    next[at + HEAP_CONSUMED] = next[meta + CONSUMED]!;
    emit(next, actionCode("attach", slot));
  }

  #produce(cells: Uint8Array, slot: number, emit: Emit): void {
    const at = this.layout.sessionAt(slot);
    if (cells[at + NEXT_POSITION] !== 0) return;
    for (let size = 1; size <= 2; size++) {
      const position = cells[at + HEAP_POSITION]! + size;
      if (position > this.#bound.positions) return;
      const next = this.#copy(cells);
      next[at + NEXT_POSITION] = position;
      next[at + COPIES] = 1;
      emit(next, actionCode("send", slot));
    }
  }

  /** Reads one entry and sends its commit; or, with a commit in flight, reads the next entry ahead. */
  #consume(cells: Uint8Array, slot: number, emit: Emit): void {
    const at = this.layout.sessionAt(slot);
    const isAhead = cells[at + NEXT_POSITION] !== 0;
    if (cells[at + AHEAD_POSITION] !== 0) return;
    const cursor = cells[at + (isAhead ? NEXT_POSITION : HEAP_POSITION)]!;
    const id = this.#firstEntryAfter(cells, cursor);
    if (id === 0) return;
    const next = this.#copy(cells);
    if (id !== cursor + 1 && this.#variant.gapCheck) {
      if (isAhead) return; // discarded; read again once the commit is answered
      if (this.#refusal(cells, slot) === OK) next[ALARM] = RESTORE_WANTED;
      else this.#end(next, at);
      emit(next, actionCode("gap", slot, id));
      return;
    }
    const consumed = cells[at + (isAhead ? NEXT_CONSUMED : HEAP_CONSUMED)]!;
    next[at + (isAhead ? AHEAD_POSITION : NEXT_POSITION)] = id;
    next[at + (isAhead ? AHEAD_CONSUMED : NEXT_CONSUMED)] = append(
      consumed,
      cells[DATABASE + ENTRIES + id - 1]!,
    );
    if (!isAhead) next[at + COPIES] = 1;
    emit(next, actionCode("read", slot, id));
  }

  #resend(cells: Uint8Array, slot: number, emit: Emit): void {
    const at = this.layout.sessionAt(slot);
    if (cells[at + NEXT_POSITION] === 0 || !this.#mayResend(cells, at)) return;
    const next = this.#copy(cells);
    next[at + COPIES]!++;
    next[RESENDS]!++;
    emit(next, actionCode("resend", slot));
  }

  /** The network hands a commit to the server, whose reply arrives or not; or it loses the commit. */
  #deliver(cells: Uint8Array, slot: number, emit: Emit): void {
    const at = this.layout.sessionAt(slot);
    if (cells[at + COPIES]! > 0) {
      const reply = (arrives: boolean): void => {
        const next = this.#copy(cells);
        const verdict = this.#commit(next, slot, HEAP_SEQ, HEAP_POSITION, NEXT_POSITION, NEXT_CONSUMED);
        this.answers[verdict]!++;
        next[at + COPIES]!--;
        if (!arrives) this.#settle(next, at);
        else if (verdict === OK || verdict === DUP) this.#acknowledge(next, at);
        else this.#end(next, at);
        emit(next, actionCode("commit", slot, verdict + (arrives ? REPLY_ARRIVES : 0)));
      };
      if (cells[at + STATUS] === LIVE) reply(true);
      reply(false);
      const next = this.#copy(cells);
      next[at + COPIES]!--;
      this.#settle(next, at);
      emit(next, actionCode("lose", slot));
    }
    if (cells[at + STRAY_POSITION]! > 0) {
      for (const isLost of [false, true]) {
        const next = this.#copy(cells);
        let action = actionCode("lose", slot, STRAY_COPY);
        if (!isLost) {
          const verdict = this.#commit(next, slot, STRAY_SEQ, STRAY_FROM, STRAY_POSITION, STRAY_CONSUMED);
          this.answers[verdict]!++;
          action = actionCode("commit", slot, verdict + STRAY_COPY);
        }
        next.fill(0, at + STRAY_SEQ, at + SESSION);
        this.#settle(next, at);
        emit(next, action);
      }
    }
  }

  // ---- the server ----------------------------------------------------------------------------------------------

  /** The commit script. The four cells say where the message keeps its content. */
  #commit(
    next: Uint8Array,
    slot: number,
    seqCell: number,
    fromCell: number,
    positionCell: number,
    consumedCell: number,
  ): number {
    const at = this.layout.sessionAt(slot);
    const meta = this.layout.metaOf(slot);
    const refusal = this.#refusal(next, slot);
    if (refusal !== OK) return refusal;
    const expected = next[at + seqCell]!;
    const seq = next[meta + SEQ]!;
    if (this.#variant.sequence && seq === expected + 1) return DUP;
    if (this.#variant.sequence && seq !== expected) return ROLLBACK;

    if (this.#judges.ownership && next[meta + OWNER] !== this.layout.numberOf(slot)) {
      next[ALARM] = STRANGER_COMMITTED;
    }
    const position = next[at + positionCell]!;
    const entries = DATABASE + ENTRIES;
    if (this.layout.actorOf(slot) === PRODUCER) {
      if (seq === this.layout.entries) throw new RangeError(`no room for entry ${seq + 1}`);
      const from = next[at + fromCell]!;
      next[entries + seq] = entryOf(from, position - from);
    } else {
      next.fill(0, entries, entries + position);
      next[meta + CONSUMED] = next[at + consumedCell]!;
    }
    next[meta + POSITION] = position;
    next[meta + SEQ] = seq + 1;
    return OK;
  }

  /** What history and fence say to this session, before any sequence is compared. */
  #refusal(cells: Uint8Array, slot: number): number {
    const at = this.layout.sessionAt(slot);
    const meta = this.layout.metaOf(slot);
    if (this.#variant.historyBinding && cells[at + BOUND_TO] !== cells[HISTORY]! + 1) return STALE_HISTORY;
    if (this.#variant.fence === "random" && cells[meta + OWNER] !== this.layout.numberOf(slot)) return FENCED;
    if (this.#variant.fence === "counter" && cells[meta + COUNT] !== cells[at + HELD_COUNT]) return FENCED;
    return OK;
  }

  #firstEntryAfter(cells: Uint8Array, cursor: number): number {
    for (let id = cursor + 1; id <= this.layout.entries; id++)
      if (cells[DATABASE + ENTRIES + id - 1] !== 0) return id;
    return 0;
  }

  // ---- the session ---------------------------------------------------------------------------------------------

  /** OK has arrived: the heap moves on, a second copy in the network becomes a stray, what was read ahead is sent. */
  #acknowledge(next: Uint8Array, at: number): void {
    if (next[at + COPIES]! > 0) {
      next[at + STRAY_SEQ] = next[at + HEAP_SEQ]!;
      next[at + STRAY_FROM] = next[at + HEAP_POSITION]!;
      next[at + STRAY_POSITION] = next[at + NEXT_POSITION]!;
      next[at + STRAY_CONSUMED] = next[at + NEXT_CONSUMED]!;
    }
    if (this.#variant.sequence) next[at + HEAP_SEQ]!++;
    next[at + HEAP_POSITION] = next[at + NEXT_POSITION]!;
    next[at + HEAP_CONSUMED] = next[at + NEXT_CONSUMED]!;
    next[at + NEXT_POSITION] = next[at + AHEAD_POSITION]!;
    next[at + NEXT_CONSUMED] = next[at + AHEAD_CONSUMED]!;
    next[at + COPIES] = next[at + AHEAD_POSITION] === 0 ? 0 : 1;
    next[at + AHEAD_POSITION] = 0;
    next[at + AHEAD_CONSUMED] = 0;
  }

  #mayResend(cells: Uint8Array, at: number): boolean {
    if (!this.#variant.clientResends || cells[RESENDS] === this.#bound.resends) return false;
    return cells[at + COPIES]! < 2 && cells[at + STRAY_POSITION] === 0;
  }

  /** A session whose commit can no longer be answered ends; of an ended one only what is in the network remains. */
  #settle(next: Uint8Array, at: number): void {
    const isWaiting = next[at + NEXT_POSITION] !== 0;
    if (next[at + STATUS] === ENDED || (isWaiting && next[at + COPIES] === 0 && !this.#mayResend(next, at))) {
      this.#end(next, at);
    }
  }

  #end(next: Uint8Array, at: number): void {
    next[at + STATUS] = ENDED;
    next[at + AHEAD_POSITION] = 0;
    next[at + AHEAD_CONSUMED] = 0;
    if (next[at + COPIES] === 0) next.fill(0, at + HEAP_SEQ, at + COPIES);
    if (next[at + COPIES] === 0 && next[at + STRAY_POSITION] === 0)
      next.fill(0, at + BOUND_TO, at + HEAP_SEQ);
  }

  // ---- judging -------------------------------------------------------------------------------------------------

  /**
   * Nothing is in flight, the newest sessions are valid as far as their heartbeat can tell, and both are idle: without
   * another fault nothing will ever happen again.
   */
  #isQuiet(cells: Uint8Array): boolean {
    for (let slot = 0; slot < this.layout.slots; slot++) {
      const at = this.layout.sessionAt(slot);
      if (cells[at + COPIES] !== 0 || cells[at + STRAY_POSITION] !== 0) return false;
      if (cells[at + STATUS] === 0 && !this.layout.isFirst(slot)) continue;
      const isNewest = this.layout.isLast(slot) || cells[at + SESSION + STATUS] === 0;
      if (!isNewest) continue;
      if (cells[at + STATUS] !== LIVE || cells[at + NEXT_POSITION] !== 0) return false;
      if (this.#refusal(cells, slot) !== OK) return false;
      if (this.#variant.sequence && cells[at + HEAP_SEQ] !== cells[this.layout.metaOf(slot) + SEQ])
        return false;
      if (this.layout.actorOf(slot) === PRODUCER && cells[at + HEAP_POSITION] !== this.#bound.positions)
        return false;
      if (
        this.layout.actorOf(slot) === CONSUMER &&
        this.#firstEntryAfter(cells, cells[at + HEAP_POSITION]!) !== 0
      )
        return false;
    }
    return true;
  }

  /** What C has consumed, then the entries above its cursor, then the input from P's position on: no gap, no repeat. */
  #isResumable(cells: Uint8Array): boolean {
    const consumer = DATABASE + META;
    let reached = cells[consumer + CONSUMED]!;
    const cursor = cells[consumer + POSITION]!;
    const last = cells[DATABASE + SEQ]!;
    if (cursor > last) return false;
    for (let id = cursor + 1; id <= last; id++) {
      const entry = cells[DATABASE + ENTRIES + id - 1]!;
      if (entry === 0 || firstOf(entry) !== reached) return false;
      reached += sizeOf(entry);
    }
    return reached === cells[DATABASE + POSITION];
  }

  #copy(cells: Uint8Array): Uint8Array {
    this.#next.set(cells);
    return this.#next;
  }
}
