// Matcher — moves the partial matches of one key on by one record, or by time, and says what they come to.
//
// Owns:      how a run takes a record, passes it over, or ends.
// Does not:  store anything: MatchBuffer has the records, RunSet the runs; both are written when a key is closed. Tell
//            matches: Completions does, as far as the skip strategy allows.
import { Completions } from "./completions.ts";
import type { MatchBuffer } from "./match-buffer.ts";
import type { MatcherOptions, MatcherOutput } from "./matcher-options.ts";
import type { Guard, Place, Places } from "./place.ts";
import { deadlineOf, HELD, type Run } from "./run.ts";
import { RunSet } from "./run-set.ts";
import { Verdicts } from "./verdicts.ts";

/** Flag of a run behind whose last record another one has passed. */
const PASSED = 1;

export class Matcher {
  readonly #places: Places;
  readonly #withinMs: number | undefined;
  readonly #output: MatcherOutput;
  readonly #buffer: MatchBuffer;
  readonly #verdicts: Verdicts;
  readonly #runs: RunSet;
  readonly #completions: Completions;
  readonly #nameIndex: ReadonlyMap<string, number>;
  /** Some run may have a deadline. */
  readonly #hasLimits: boolean;
  #forked: Run[] = [];
  readonly #continued = new Set<number>();

  constructor(options: MatcherOptions) {
    const { places, withinMs, output, buffer, names } = options;
    this.#places = places;
    this.#withinMs = withinMs;
    this.#output = output;
    this.#buffer = buffer;
    this.#verdicts = new Verdicts(places.conditions, buffer, output.refuse);
    this.#runs = new RunSet(options.runs, buffer);
    this.#nameIndex = new Map(names.map((name, index) => [name, index]));
    this.#completions = new Completions(options, this.#runs, this.#nameIndex);
    this.#hasLimits = withinMs !== undefined || places.all.some(({ gapMs }) => gapMs !== undefined);
  }

  // Keys

  /** Takes the runs of the current key up. */
  open(): void {
    this.#runs.open();
    // A condition or function that threw may have left something behind.
    this.#forked = [];
    this.#completions.forget();
    this.#buffer.open();
  }

  /** Writes what has changed since {@link open}. */
  close(): void {
    this.#runs.close();
    this.#buffer.close();
  }

  /** When the time of the first run is over, in epoch ms; Infinity for never. */
  get nextDeadline(): number {
    let next = Number.POSITIVE_INFINITY;
    if (!this.#hasLimits) return next;
    for (const run of this.#runs.all) next = Math.min(next, this.#deadline(run));
    return next;
  }

  /** Matches wait for others that began earlier. */
  get held(): boolean {
    return this.#completions.held;
  }

  // Time

  /** Ends the runs whose time is over at `time`, in the order of their deadlines. */
  expire(time: number): void {
    const over = this.#runs.all.filter((run) => this.#deadline(run) <= time);
    if (over.length === 0) return;
    over.sort((a, b) => this.#deadline(a) - this.#deadline(b) || a.id - b.id);
    for (let i = 0; i < over.length; ) {
      const deadline = this.#deadline(over[i] as Run);
      const ended = new Set<Run>();
      for (; i < over.length && this.#deadline(over[i] as Run) === deadline; i++) ended.add(over[i] as Run);
      this.#end(ended, deadline);
      this.#completions.conclude(deadline);
    }
  }

  /**
   * No record will come any more: what is not complete never will be.
   *
   * @param time earliest timestamp of the matches that were held back, in epoch ms
   */
  finish(time: number): void {
    this.#runs.keep((run) => run.place === HELD);
    this.#completions.conclude(time);
  }

  #end(ended: ReadonlySet<Run>, deadline: number): void {
    // Runs with the same records that wait for different ones are one partial match.
    const told = new Set<number>();
    this.#runs.keep((run) => {
      // A match that was told before may have ruled out some of those that end.
      if (!ended.has(run)) return true;
      if (this.#place(run)?.kind === "absence") this.#completions.add(run.entry, run.start, run.startMs);
      else if (!told.has(run.entry)) {
        told.add(run.entry);
        this.#output.onTimedOut(run, deadline);
      }
      return false;
    });
  }

  #deadline(run: Run): number {
    return deadlineOf(run, this.#place(run), this.#withinMs);
  }

  #place(run: Run): Place | undefined {
    return run.place === HELD ? undefined : this.#places.all[run.place];
  }

  // Records

  /**
   * Offers a record to every run, and to a match that begins with it.
   *
   * @param time that deadlines go by, in epoch ms: the record's, or the clock
   * @param timestamp event time of the record in epoch ms, if it has one
   */
  take(record: unknown, time: number, timestamp: number | undefined, nowMs: number): void {
    this.#verdicts.begin(record, timestamp, nowMs);
    const event = this.#runs.takeId();
    this.#buffer.beginRecord(event, record);
    if (this.#continued.size > 0) this.#continued.clear();
    const before = this.#runs.all;
    if (before.length > 0) {
      const kept: Run[] = [];
      for (const run of before) this.#offer(run, time, kept);
      this.#runs.all = kept;
    }
    for (const place of this.#places.initial)
      if (this.#begins(place)) this.#move(place, 0, event, time, time, undefined, undefined);
    if (this.#forked.length > 0) {
      this.#runs.add(this.#forked);
      this.#forked = [];
    }
    this.#completions.conclude(time);
    this.#buffer.endRecord();
  }

  #offer(run: Run, time: number, kept: Run[]): void {
    const place = this.#place(run);
    if (place === undefined) {
      kept.push(run);
      return;
    }
    const flags = this.#flagsAfter(run, place);
    if (flags === undefined) {
      this.#buffer.release(run.entry);
      return;
    }
    if (place.kind === "departure") {
      this.#completions.add(run.entry, run.start, run.startMs);
      this.#buffer.release(run.entry);
      return;
    }
    const fits = place.kind === "take" && this.#fits(place, run.entry);
    const takes = fits && !this.#endsBefore(place, run.entry);
    const stays = place.contiguity === "any" || (place.contiguity === "relaxed" && !fits);
    if (stays) kept.push(flags === run.flags ? run : { ...run, flags });
    if (takes) this.#move(place, run.entry, run.start, run.startMs, time, stays ? undefined : run, kept);
    if (!stays) this.#buffer.release(run.entry);
  }

  /** @returns the flags of the run if it does not take the record; undefined when the record ends the run */
  #flagsAfter(run: Run, place: Place): number | undefined {
    const { entry } = run;
    for (const not of place.nots) if (this.#verdicts.holds(not, entry)) return undefined;
    for (const until of place.untils) if (this.#verdicts.holds(until, entry)) return undefined;
    let { flags } = run;
    if ((flags & PASSED) === 0 && place.notNext.length > 0) {
      for (const not of place.notNext) if (this.#verdicts.holds(not, entry)) return undefined;
      flags |= PASSED;
    }
    if (place.guards.length === 0) return flags;
    return this.#pastGuards(place.guards, flags, entry);
  }

  #pastGuards(guards: readonly Guard[], before: number, entry: number): number | undefined {
    let flags = before;
    for (let i = 0; i < guards.length; i++) {
      const { condition, until } = guards[i] as Guard;
      const lifted = 2 << i;
      if ((flags & lifted) !== 0) continue;
      if (until !== undefined && this.#verdicts.holds(until, entry)) flags |= lifted;
      else if (this.#verdicts.holds(condition, entry)) return undefined;
    }
    return flags;
  }

  #fits({ condition }: Place, entry: number): boolean {
    return condition === undefined || this.#verdicts.holds(condition, entry);
  }

  /** The record is the end of the loop that would begin with it. */
  #endsBefore({ entersUntil }: Place, entry: number): boolean {
    return entersUntil !== undefined && this.#verdicts.holds(entersUntil, entry);
  }

  #begins(place: Place): boolean {
    if (!this.#fits(place, 0) || this.#endsBefore(place, 0)) return false;
    for (const until of place.untils) if (this.#verdicts.holds(until, 0)) return false;
    return this.#pastGuards(place.guards, 0, 0) !== undefined;
  }

  /** Takes the record. @param mover the run that goes on, and leaves nobody behind */
  #move(
    place: Place,
    previous: number,
    start: number,
    startMs: number,
    time: number,
    mover: Run | undefined,
    kept: Run[] | undefined,
  ): void {
    const { next } = place;
    const entry = this.#buffer.append(this.#runs.nextId, previous, this.#nameIndex.get(place.name) as number);
    const { id } = entry;
    if (id === this.#runs.nextId) this.#runs.takeId();
    let identity = mover?.id;
    for (let i = 0; i < next.length; i++) {
      const target = (next[i] as Place).id;
      // Ways that differ in nothing but how the pattern is read are one.
      if (!this.#isNew(id * this.#places.all.length + target)) continue;
      const moved = {
        id: identity ?? this.#runs.takeId(),
        place: target,
        flags: 0,
        entry: id,
        start,
        startMs,
        lastMs: time,
      };
      if (identity === undefined) this.#forked.push(moved);
      else (kept as Run[]).push(moved);
      identity = undefined;
      entry.references++;
    }
    if (place.accepts && this.#isNew(-id)) this.#completions.add(id, start, startMs);
    // It was wanted by nobody new, and has nobody else.
    if (entry.references === 0) {
      entry.references = 1;
      this.#buffer.release(id);
    }
  }

  #isNew(continuation: number): boolean {
    if (this.#continued.has(continuation)) return false;
    this.#continued.add(continuation);
    return true;
  }
}
