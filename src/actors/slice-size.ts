// SliceSize — how many timers fire in one turn: as many as take a few ms, whatever hangs on each of them.
//
// A timer may count to three or hand a thousand records to a function of the user, so the next slice goes by how long the
// last one took: fetching what it needed, as far as that took turns, and firing.

/** A slice that took longer was too large. */
const LONG_MS = 8;
/** A slice that took less may be larger. */
const SHORT_MS = 3;
/** The first slice: nothing is known yet. */
const FIRST = 64;

export class SliceSize {
  readonly #most: number;
  #timers: number;

  /** @param most timers in a slice, however fast they are */
  constructor(most: number) {
    this.#most = most;
    this.#timers = Math.min(FIRST, most);
  }

  /** Timers in the next slice. */
  get timers(): number {
    return this.#timers;
  }

  /** @param ms how long a slice of this size took */
  note(ms: number): void {
    if (ms > LONG_MS) this.#timers = Math.max(1, this.#timers >> 1);
    else if (ms < SHORT_MS) this.#timers = Math.min(this.#most, this.#timers * 2);
  }
}
