// The state of the protocol model, as one row of cells.
//
//   server     HISTORY LAGGING ALARM RESENDS
//   database   meta of P, meta of C, one cell per channel entry
//   replica    the same, zero unless LAGGING
//   sessions   P1 P2 .. C1 C2 ..; a session's number in this order is its slot
//
// A session keeps what its heap holds, the one commit that waits for a reply, what it has read ahead of that reply,
// and the copy of an earlier commit that the network still carries.

/** How much of the world is tried. */
export interface Bound {
  /** Records of the input. */
  readonly positions: number;
  readonly failovers: number;
  /** Sessions per actor; every one but the newest is a zombie. */
  readonly sessions: number;
  /** With `clientResends`: how often, in the whole run, a commit is sent again. */
  readonly resends: number;
}

// The server.
export const HISTORY = 0;
export const LAGGING = 1; // 1: the replica has stopped following and knows only what is in its own cells
export const ALARM = 2;
export const RESTORE_WANTED = 1;
export const STRANGER_COMMITTED = 2;
export const RESENDS = 3; // so far
export const DATABASE = 4;

// Meta of an actor, both at the same offsets.
export const OWNER = 0; // number of the session that attached last: stands for the random fence
export const COUNT = 1; // the counter fence
export const SEQ = 2;
export const POSITION = 3; // P: input position; C: cursor = id of the last consumed entry
export const CONSUMED = 4; // C: n when it has consumed exactly 0..n-1, else BROKEN
export const META = 5;
export const BROKEN = 15;
export const ENTRIES: number = 2 * META;

// A session.
export const STATUS = 0;
export const LIVE = 1;
export const ENDED = 2;
export const BOUND_TO = 1; // history + 1 seen at attach
export const HELD_COUNT = 2;
export const HEAP_SEQ = 3;
export const HEAP_POSITION = 4;
export const HEAP_CONSUMED = 5;
export const NEXT_POSITION = 6; // the commit that is waiting for a reply; 0: none
export const NEXT_CONSUMED = 7;
export const COPIES = 8; // of that commit, in the network
export const AHEAD_POSITION = 9; // what C has read while its commit is in flight; 0: nothing
export const AHEAD_CONSUMED = 10;
export const STRAY_SEQ = 11; // copy of an earlier commit that was already answered; in the network while STRAY_POSITION > 0
export const STRAY_FROM = 12;
export const STRAY_POSITION = 13;
export const STRAY_CONSUMED = 14;
export const SESSION = 15;

export const PRODUCER = 0;
export const CONSUMER = 1;

/** A channel entry in one cell: `first` record and `size` 1 or 2; never 0, which means absent. */
export const entryOf = (first: number, size: number): number => first * 2 + size;
export const firstOf = (entry: number): number => (entry - 1) >> 1;
export const sizeOf = (entry: number): number => ((entry - 1) & 1) + 1;
export const append = (consumed: number, entry: number): number =>
  consumed === firstOf(entry) ? consumed + sizeOf(entry) : BROKEN;

/** Where things are, for one bound. */
export class StateLayout {
  /** Most entries a channel ever has. Broken variants write some twice; a run that needs more room throws. */
  readonly entries: number;
  /** Cells of one database. */
  readonly database: number;
  readonly replica: number;
  readonly slots: number;
  readonly width: number;
  readonly #sessions: number;
  readonly #perActor: number;

  constructor(bound: Bound) {
    this.entries = bound.positions + 3;
    this.database = ENTRIES + this.entries;
    this.replica = DATABASE + this.database;
    this.#sessions = this.replica + this.database;
    this.#perActor = bound.sessions;
    this.slots = 2 * bound.sessions;
    this.width = this.#sessions + this.slots * SESSION;
  }

  sessionAt(slot: number): number {
    return this.#sessions + slot * SESSION;
  }

  actorOf(slot: number): typeof PRODUCER | typeof CONSUMER {
    return slot < this.#perActor ? PRODUCER : CONSUMER;
  }

  metaOf(slot: number): number {
    return DATABASE + this.actorOf(slot) * META;
  }

  /** 1 for the first session of its actor; 0 stands for nobody. */
  numberOf(slot: number): number {
    return (slot % this.#perActor) + 1;
  }

  isFirst(slot: number): boolean {
    return slot % this.#perActor === 0;
  }

  isLast(slot: number): boolean {
    return slot % this.#perActor === this.#perActor - 1;
  }
}
