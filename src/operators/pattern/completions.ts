// Completions — matches that are complete, on their way out: told in the order of their beginnings, and held back while one
// that began earlier may still come and rule them out.
import { PatternSkipError } from "./errors.ts";
import type { MatchBuffer } from "./match-buffer.ts";
import type { MatcherOptions, MatcherOutput } from "./matcher-options.ts";
import { HELD, type Run } from "./run.ts";
import type { RunSet } from "./run-set.ts";
import { type SkipStrategy, skipBound, type Taken } from "./skip-strategy.ts";

interface Completion {
  readonly entry: number;
  readonly start: number;
  readonly startMs: number;
}

export class Completions {
  readonly #operator: string;
  readonly #skip: SkipStrategy;
  readonly #output: MatcherOutput;
  readonly #buffer: MatchBuffer;
  readonly #runs: RunSet;
  readonly #nameIndex: ReadonlyMap<string, number>;
  #completions: Completion[] = [];

  constructor(
    { operator, skip, output, buffer }: MatcherOptions,
    runs: RunSet,
    nameIndex: ReadonlyMap<string, number>,
  ) {
    this.#operator = operator;
    this.#skip = skip;
    this.#output = output;
    this.#buffer = buffer;
    this.#runs = runs;
    this.#nameIndex = nameIndex;
  }

  /** A condition or function that threw may have left something behind. */
  forget(): void {
    this.#completions = [];
  }

  add(entry: number, start: number, startMs: number): void {
    this.#buffer.retain(entry);
    this.#completions.push({ entry, start, startMs });
  }

  /** Matches wait for others that began earlier. */
  get held(): boolean {
    return this.#skip.kind !== "noSkip" && this.#runs.all.some((run) => run.place === HELD);
  }

  /** Tells the matches that are complete, as far as those that began earlier allow. */
  conclude(timestamp: number): void {
    if (this.#completions.length > 1) this.#sort();
    const completions = this.#completions;
    if (completions.length > 0) this.#completions = [];
    if (this.#skip.kind === "noSkip") {
      for (const { entry } of completions) {
        this.#output.onMatch(entry, timestamp);
        this.#buffer.release(entry);
      }
      return;
    }
    if (completions.length > 0)
      this.#runs.add(
        completions.map(({ entry, start, startMs }) => {
          return { id: this.#runs.takeId(), place: HELD, flags: 0, entry, start, startMs, lastMs: timestamp };
        }),
      );
    this.#releaseHeld(timestamp);
  }

  #releaseHeld(timestamp: number): void {
    for (;;) {
      let first: Run | undefined;
      let earliest = Number.POSITIVE_INFINITY;
      for (const run of this.#runs.all) {
        if (run.place !== HELD) earliest = Math.min(earliest, run.start);
        else if (first === undefined || run.start < first.start) first = run;
      }
      if (first === undefined || first.start > earliest) return;
      this.#tell(first, timestamp);
    }
  }

  #tell(match: Run, timestamp: number): void {
    const skip = this.#skip;
    const bound = skipBound(skip, this.#buffer.taken(match.entry));
    const knownMs = Math.max(timestamp, match.lastMs);
    if (bound !== "missing") this.#output.onMatch(match.entry, knownMs);
    else this.#output.onUnskippable(match.entry, knownMs, new PatternSkipError(this.#operator, skip));
    this.#runs.keep((run) => run !== match && (typeof bound !== "number" || run.start >= bound));
  }

  /**
   * By beginning, then by the records that were taken: which one is first must not depend on how runs were visited.
   * Those that have the same records are one.
   */
  #sort(): void {
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
