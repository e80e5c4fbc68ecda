// Matcher — moves the partial matches of one key on by one record, or by time, and says what they come to.
//
// Owns:      which runs are alive, which matches are held back, and what a skip strategy rules out.
// Does not:  store anything by itself: MatchBuffer has the records, `runs` the runs; both are written when a key is closed.
//
// Runs are visited in the order of their numbers, which do not depend on what was stored or fetched in between.
import type { MapCells } from "../../state/map-state.ts";
import { PatternSkipError } from "./errors.ts";
import type { MatchBuffer } from "./match-buffer.ts";
import type { Guard, Place, Places } from "./place.ts";
import { deadlineOf, HELD, type Run } from "./run.ts";
import { type SkipStrategy, skipBound, type Taken } from "./skip-strategy.ts";
import { Verdicts } from "./verdicts.ts";

/** What a matcher finds; entries are valid until the call returns. */
export interface MatcherOutput {
  /** @param timestamp of its last record, or when the time of a trailing absence was over; epoch ms */
  onMatch(entry: number, timestamp: number): void;
  /** A match that cannot be told; where it returns, the match is dropped and rules nothing out. */
  onUnskippable(entry: number, timestamp: number, error: PatternSkipError): void;
  /** @param timestamp when its time was over, epoch ms */
  onTimedOut(run: Run, timestamp: number): void;
  /** A condition answered with an object. */
  refuse(result: unknown): void;
}

export interface MatcherOptions {
  readonly operator: string;
  readonly places: Places;
  readonly names: readonly string[];
  readonly withinMs: number | undefined;
  readonly skip: SkipStrategy;
  readonly runs: MapCells<number, Run>;
  readonly buffer: MatchBuffer;
  readonly output: MatcherOutput;
}

/** Flag of a run behind whose last record another one has passed. */
const PASSED = 1;

interface Completion {
  readonly entry: number;
  readonly start: number;
  readonly startMs: number;
}

export class Matcher {
  readonly #options: MatcherOptions;
  readonly #buffer: MatchBuffer;
  readonly #verdicts: Verdicts;
  readonly #nameIndex: ReadonlyMap<string, number>;
  /** Some run may have a deadline. */
  readonly #hasLimits: boolean;
  /** As they were when the key was opened, ascending. */
  #stored: Run[] = [];
  /** Ascending by id; runs that moved on keep theirs. */
  #runs: Run[] = [];
  #forked: Run[] = [];
  #nextId = 1;
  #completions: Completion[] = [];
  readonly #continued = new Set<number>();

  constructor(options: MatcherOptions) {
    this.#options = options;
    this.#buffer = options.buffer;
    this.#verdicts = new Verdicts(options.places.conditions, options.buffer, options.output.refuse);
    this.#nameIndex = new Map(options.names.map((name, index) => [name, index]));
    this.#hasLimits =
      options.withinMs !== undefined || options.places.all.some(({ gapMs }) => gapMs !== undefined);
  }

  // Keys

  /** Takes the runs of the current key up. */
  open(): void {
    const stored: Run[] = [];
    let sorted = true;
    let last = 0;
    let highest = 0;
    for (const run of this.#options.runs.peekAll().values()) {
      stored.push(run);
      if (run.id < last) sorted = false;
      last = run.id;
      highest = Math.max(highest, run.id, run.entry);
    }
    if (!sorted) stored.sort((a, b) => a.id - b.id);
    this.#stored = stored;
    this.#runs = stored;
    // A condition or function that threw may have left something behind.
    this.#forked = [];
    this.#completions = [];
    // Records have numbers below those of their entries, so runs know every number in use.
    this.#nextId = highest + 1;
    this.#buffer.open();
  }

  /** Writes what has changed since {@link open}. */
  close(): void {
    const { runs } = this.#options;
    let i = 0;
    for (const run of this.#runs) {
      for (; i < this.#stored.length && (this.#stored[i] as Run).id < run.id; i++)
        runs.delete((this.#stored[i] as Run).id);
      if (this.#stored[i]?.id !== run.id) runs.set(run.id, run);
      else if (this.#stored[i++] !== run) runs.set(run.id, run);
    }
    for (; i < this.#stored.length; i++) runs.delete((this.#stored[i] as Run).id);
    this.#buffer.close();
  }

  /** When the time of the first run is over, in epoch ms; Infinity for never. */
  get nextDeadline(): number {
    let next = Number.POSITIVE_INFINITY;
    if (!this.#hasLimits) return next;
    for (const run of this.#runs) next = Math.min(next, this.#deadline(run));
    return next;
  }

  /** Matches wait for others that began earlier. */
  get held(): boolean {
    return this.#options.skip.kind !== "noSkip" && this.#runs.some((run) => run.place === HELD);
  }

  // Time

  /** Ends the runs whose time is over at `time`, in the order of their deadlines. */
  expire(time: number): void {
    const over = this.#runs.filter((run) => this.#deadline(run) <= time);
    if (over.length === 0) return;
    over.sort((a, b) => this.#deadline(a) - this.#deadline(b) || a.id - b.id);
    for (let i = 0; i < over.length; ) {
      const deadline = this.#deadline(over[i] as Run);
      const ended = new Set<Run>();
      for (; i < over.length && this.#deadline(over[i] as Run) === deadline; i++) ended.add(over[i] as Run);
      this.#end(ended, deadline);
      this.#conclude(deadline);
    }
  }

  /**
   * No record will come any more: what is not complete never will be.
   *
   * @param time earliest timestamp of the matches that were held back, in epoch ms
   */
  finish(time: number): void {
    this.#runs = this.#runs.filter((run) => {
      if (run.place !== HELD) this.#buffer.release(run.entry);
      return run.place === HELD;
    });
    this.#conclude(time);
  }

  #end(ended: ReadonlySet<Run>, deadline: number): void {
    // Runs with the same records that wait for different ones are one partial match.
    const told = new Set<number>();
    this.#runs = this.#runs.filter((run) => {
      // A match that was told before may have ruled out some of those that end.
      if (!ended.has(run)) return true;
      if (this.#place(run)?.kind === "absence") this.#complete(run.entry, run.start, run.startMs);
      else if (!told.has(run.entry)) {
        told.add(run.entry);
        this.#options.output.onTimedOut(run, deadline);
      }
      this.#buffer.release(run.entry);
      return false;
    });
  }

  #deadline(run: Run): number {
    return deadlineOf(run, this.#place(run), this.#options.withinMs);
  }

  #place(run: Run): Place | undefined {
    return run.place === HELD ? undefined : this.#options.places.all[run.place];
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
    const event = this.#nextId++;
    this.#buffer.beginRecord(event, record);
    if (this.#continued.size > 0) this.#continued.clear();
    const before = this.#runs;
    if (before.length > 0) {
      const kept: Run[] = [];
      for (const run of before) this.#offer(run, time, kept);
      this.#runs = kept;
    }
    for (const place of this.#options.places.initial)
      if (this.#begins(place)) this.#move(place, 0, event, time, time, undefined, undefined);
    if (this.#forked.length > 0) {
      this.#runs = this.#runs.length === 0 ? this.#forked : this.#runs.concat(this.#forked);
      this.#forked = [];
    }
    this.#conclude(time);
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
      this.#complete(run.entry, run.start, run.startMs);
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
    const entry = this.#buffer.append(this.#nextId, previous, this.#nameIndex.get(place.name) as number);
    const { id } = entry;
    if (id === this.#nextId) this.#nextId++;
    let identity = mover?.id;
    for (let i = 0; i < next.length; i++) {
      const target = (next[i] as Place).id;
      // Ways that differ in nothing but how the pattern is read are one.
      if (!this.#isNew(id * this.#options.places.all.length + target)) continue;
      const moved = {
        id: identity ?? this.#nextId++,
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
    if (place.accepts && this.#isNew(-id)) this.#complete(id, start, startMs);
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

  // Matches

  #complete(entry: number, start: number, startMs: number): void {
    this.#buffer.retain(entry);
    this.#completions.push({ entry, start, startMs });
  }

  /** Tells the matches that are complete, as far as those that began earlier allow. */
  #conclude(timestamp: number): void {
    if (this.#completions.length > 1) this.#sortCompletions();
    const completions = this.#completions;
    if (this.#options.skip.kind === "noSkip") {
      if (completions.length === 0) return;
      this.#completions = [];
      for (const { entry } of completions) {
        this.#options.output.onMatch(entry, timestamp);
        this.#buffer.release(entry);
      }
      return;
    }
    if (completions.length > 0) {
      this.#completions = [];
      const held = completions.map(({ entry, start, startMs }) => {
        return { id: this.#nextId++, place: HELD, flags: 0, entry, start, startMs, lastMs: timestamp };
      });
      this.#runs = this.#runs.concat(held);
    }
    this.#releaseHeld(timestamp);
  }

  #releaseHeld(timestamp: number): void {
    for (;;) {
      let first: Run | undefined;
      let earliest = Number.POSITIVE_INFINITY;
      for (const run of this.#runs) {
        if (run.place !== HELD) earliest = Math.min(earliest, run.start);
        else if (first === undefined || run.start < first.start) first = run;
      }
      if (first === undefined || first.start > earliest) return;
      this.#tell(first, timestamp);
    }
  }

  #tell(match: Run, timestamp: number): void {
    const { operator, skip, output } = this.#options;
    const bound = skipBound(skip, this.#buffer.taken(match.entry));
    const knownMs = Math.max(timestamp, match.lastMs);
    if (bound === "missing") output.onUnskippable(match.entry, knownMs, new PatternSkipError(operator, skip));
    else output.onMatch(match.entry, knownMs);
    this.#runs = this.#runs.filter((run) => {
      const stays = run !== match && (typeof bound !== "number" || run.start >= bound);
      if (!stays) this.#buffer.release(run.entry);
      return stays;
    });
  }

  /**
   * By beginning, then by the records that were taken: which one is first must not depend on how runs were visited.
   * Those that have the same records are one.
   */
  #sortCompletions(): void {
    const known = new Map<number, Taken[]>();
    for (const { entry } of this.#completions)
      if (!known.has(entry)) known.set(entry, this.#buffer.taken(entry));
      else this.#buffer.release(entry);
    const different = this.#completions.filter(({ entry }, i, all) => {
      return known.size === all.length || all.findIndex((other) => other.entry === entry) === i;
    });
    const taken = (entry: number): Taken[] => known.get(entry) as Taken[];
    this.#completions = different.sort(
      (a, b) => a.start - b.start || this.#compare(taken(a.entry), taken(b.entry)),
    );
  }

  #compare(a: readonly Taken[], b: readonly Taken[]): number {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const [one, other] = [a[i] as Taken, b[i] as Taken];
      if (one.event !== other.event) return one.event - other.event;
      if (one.name !== other.name)
        return (this.#nameIndex.get(one.name) as number) - (this.#nameIndex.get(other.name) as number);
    }
    return a.length - b.length;
  }
}
