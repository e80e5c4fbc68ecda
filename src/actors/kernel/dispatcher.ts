// Dispatcher — gives turns to the actors of one process, fairly, and gives the event loop back in time.
//
// An actor is in the ready queue at most once; after a turn that left work it goes to the end of the queue.
// After `budgetMs` of turns the dispatcher yields with setImmediate, so sockets and timers are served.
//
// Laws (docs/laws.md)
//   D1  One turn at a time: turns of one process never nest or overlap.
//   D2  A ready actor gets its turn after at most one turn of every other ready actor.

/** What an actor says after its turn. */
export type TurnResult =
  /** There is more to do: give another turn. */
  | "again"
  /** Nothing to do until somebody calls {@link Dispatcher.wake}. */
  | "wait";

export interface Turnable {
  /** One uninterrupted execution. Must not throw: an actor handles its own failures. */
  turn(): TurnResult;
}

export class Dispatcher {
  readonly #budgetMs: number;
  #ready: Turnable[] = [];
  readonly #queued = new Set<Turnable>();
  #scheduled = false;
  #running = false;

  /** @param budgetMs longest stretch of turns before the event loop gets control; default 4 ms */
  constructor(budgetMs = 4) {
    this.#budgetMs = budgetMs;
  }

  /** Nobody waits for a turn. */
  get isIdle(): boolean {
    return this.#queued.size === 0;
  }

  wake(actor: Turnable): void {
    if (this.#queued.has(actor)) return;
    this.#queued.add(actor);
    this.#ready.push(actor);
    this.#schedule();
  }

  /** Forgets an actor that has stopped. */
  remove(actor: Turnable): void {
    if (!this.#queued.delete(actor)) return;
    this.#ready = this.#ready.filter((other) => other !== actor);
  }

  #schedule(): void {
    if (this.#scheduled || this.#running) return;
    this.#scheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    this.#running = true;
    const untilMs = performance.now() + this.#budgetMs;
    let hasTime = true;
    // Actors woken during this round join the next one; a round is one turn for each ready actor (D2).
    while (this.#ready.length > 0 && hasTime) {
      const round = this.#ready;
      this.#ready = [];
      let at = 0;
      while (at < round.length && hasTime) {
        const actor = round[at++]!;
        if (!this.#queued.delete(actor)) continue;
        if (actor.turn() === "again") this.wake(actor);
        hasTime = performance.now() < untilMs;
      }
      // A round that took too long goes on first: hundreds of actors must not keep sockets and timers waiting.
      if (at < round.length) this.#ready = [...round.slice(at), ...this.#ready];
    }
    this.#running = false;
    if (this.#ready.length > 0) this.#schedule();
  }
}
