// nexmarkSource — the generated workload as a source of the engine.
//
// Owns:      which event numbers a split has, its position, and the schedule when a rate is asked for.
// Does not:  make events (generator.ts) or know their timestamps: jobs read `dateTime`.
//
// Splits are cut in runs of whole cycles of the generator: split i of n has the runs i, i + n, i + 2n, ... A cycle has
// each kind of event in its proportion, so every split brings the same mix; single events dealt out in turn would give
// all persons to one split. The splits stay within n runs of each other in event time as long as they are read alike.
import type { Json, Source, SourceBatch, SourceSplit, SplitReader } from "../connectors/contract.ts";
import { checkRate, Schedule } from "../connectors/schedule.ts";
import { ScheduledReader } from "../connectors/scheduled-reader.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import type { Bid, NexmarkEvent } from "./events.ts";
import { createNexmarkGenerator, type NexmarkGenerator } from "./generator.ts";
import type { NexmarkGeneratorOptions } from "./generator-options.ts";

export interface NexmarkSourceOptions extends NexmarkGeneratorOptions {
  /** How many events, persons and auctions included; default: without end. */
  readonly events?: number | undefined;
  /** Events per second of all splits together, by an absolute schedule; default: as fast as the job takes them. */
  readonly ratePerSecond?: number | undefined;
  /** `"bid"`: the bids alone, without envelope; the events between them are not made, but counted. Default: all events. */
  readonly only?: "bid" | undefined;
}

const OWNER = "nexmarkSource";

/**
 * Event number n, n = 0 .. events - 1, is the same whoever makes it: any partition can start at any position.
 *
 * @param clock for tests
 * @throws {NexmarkOptionError | InvalidOptionError}
 */
export function nexmarkSource(
  options: NexmarkSourceOptions & { readonly only: "bid" },
  clock?: Clock,
): Source<Bid>;
export function nexmarkSource(
  options?: NexmarkSourceOptions & { readonly only?: undefined },
  clock?: Clock,
): Source<NexmarkEvent>;
export function nexmarkSource(
  options: NexmarkSourceOptions = {},
  clock: Clock = systemClock,
): Source<Bid> | Source<NexmarkEvent> {
  const { events, ratePerSecond, only, ...generatorOptions } = options;
  checkWholeNumber(OWNER, "events", events, 0);
  checkRate(OWNER, ratePerSecond);
  if (only !== undefined && only !== "bid")
    throw new InvalidOptionError(OWNER, "only", only, '"bid", or leave it out for all events');
  const resolved = createNexmarkGenerator(generatorOptions).options;
  const parts = {
    count: events ?? Number.POSITIVE_INFINITY,
    ratePerSecond,
    runLength: resolved.personProportion + resolved.auctionProportion + resolved.bidProportion,
    clock,
  };
  const what = only === "bid" ? "nexmark bids" : "nexmark events";
  const amount = events === undefined ? "" : `, ${events} events`;
  const rate = ratePerSecond === undefined ? "" : `, ${ratePerSecond}/s`;
  const source: Omit<Source<never>, "open"> = {
    description: `${what}, seed ${resolved.seed}${amount}${rate}`,
    bounded: events !== undefined,
    replayable: true,
    splits: (parallelism) =>
      Array.from({ length: parallelism }, (_, run) => ({
        id: `${run}-of-${parallelism}`,
        run,
        of: parallelism,
      })),
  };
  // A generator of its own per reader: it keeps the random state of the event that it is making.
  const open = <T>(fill: Fill<T>, split: SourceSplit, position: Json | undefined): SplitReader<T> =>
    new NexmarkReader(
      { ...parts, generator: createNexmarkGenerator(generatorOptions), fill },
      split,
      position,
    );
  return only === "bid"
    ? { ...source, open: (split, position) => open<Bid>(fillBids, split, position) }
    : { ...source, open: (split, position) => open<NexmarkEvent>(fillEvents, split, position) };
}

/** Makes the records of the numbers `from <= n < to`. */
type Fill<T> = (generator: NexmarkGenerator, from: number, to: number, records: T[]) => void;

/** Hot: as fast as the generator, see generator.ts. */
function fillEvents(generator: NexmarkGenerator, from: number, to: number, records: NexmarkEvent[]): void {
  for (let n = from; n < to; n++) records.push(generator.event(n));
}

/** Hot. */
function fillBids(generator: NexmarkGenerator, from: number, to: number, records: Bid[]): void {
  for (let n = from; n < to; n++) {
    const bid = generator.bid(n);
    if (bid !== undefined) records.push(bid);
  }
}

interface ReaderParts<T> {
  readonly generator: NexmarkGenerator;
  readonly fill: Fill<T>;
  readonly count: number;
  readonly ratePerSecond: number | undefined;
  /** Numbers that follow each other in one split. */
  readonly runLength: number;
  readonly clock: Clock;
}

/** A number when there is no rate; the schedule goes on where it was, so a restart catches up. */
type ReaderPosition = number | { readonly next: number; readonly startMs: number };

class NexmarkReader<T> extends ScheduledReader<T> {
  readonly #parts: ReaderParts<T>;
  /** From the end of one run of this split to the start of its next. */
  readonly #gap: number;
  /** Where the run that holds the next number ends. */
  #runEnd: number;

  constructor(parts: ReaderParts<T>, split: SourceSplit, position: Json | undefined) {
    const { runLength, ratePerSecond, clock } = parts;
    const resumed = position as ReaderPosition | undefined;
    const startMs = typeof resumed === "object" ? resumed.startMs : undefined;
    const next = (typeof resumed === "object" ? resumed.next : resumed) ?? Number(split["run"]) * runLength;
    super(new Schedule(clock, ratePerSecond, startMs), next);
    this.#parts = parts;
    this.#gap = (Number(split["of"]) - 1) * runLength;
    this.#runEnd = next - (next % runLength) + runLength;
  }

  protected make(maxRecords: number): SourceBatch<T> {
    const { generator, fill, count, runLength } = this.#parts;
    const { startMs, isPaced } = this.schedule;
    const limit = Math.min(count, this.schedule.firstNotDue());
    const ingestMs = isPaced ? this.schedule.dueMs(this.next) : undefined;
    const records: T[] = [];
    while (records.length < maxRecords && this.next < limit) {
      // One number makes at most one record.
      const to = Math.min(this.#runEnd, limit, this.next + maxRecords - records.length);
      fill(generator, this.next, to, records);
      this.next = to;
      if (to < this.#runEnd) continue;
      this.next += this.#gap;
      this.#runEnd = this.next + runLength;
    }
    const next = this.next;
    const position: ReaderPosition = isPaced ? { next, startMs } : next;
    return { records, position, end: next >= count, ingestMs };
  }
}
