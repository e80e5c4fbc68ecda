// generator — records made by a function of their number, at a rate that does not drift.
//
// `ingestMs` tells when the first record of a batch was due, so that latency measured from it includes every wait.
import { type Clock, systemClock } from "../core/clock.ts";
import { toError } from "../core/errors.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import { strideOf, strideSplits } from "./collection.ts";
import type { Json, ReadFailure, Source, SourceBatch, SourceSplit } from "./contract.ts";
import { checkRate, Schedule } from "./schedule.ts";
import { ScheduledReader } from "./scheduled-reader.ts";

export interface GeneratorOptions<T> {
  /**
   * Makes record n, n = 0, 1, 2, ... Must be a pure function of its arguments, because records are made again after
   * a failure.
   *
   * @param dueMs epoch ms at which the record is due; when there is no rate, the start of the split
   */
  readonly generate: (n: number, dueMs: number) => T;
  /** How many records; default: without end. */
  readonly count?: number;
  /** Records per second, of all partitions together; default: as fast as the job takes them. */
  readonly ratePerSecond?: number;
  /** Largest number of records in one read; default 1000. */
  readonly batch?: number;
}

/** Position of a generator split; the schedule goes on where it was, so a restart catches up. */
interface GeneratorPosition {
  readonly next: number;
  readonly startMs: number;
}

const OPTIONS = ["generate", "count", "ratePerSecond", "batch"] as const;

/**
 * A stream of made records, split by stride over the partitions.
 *
 * @param clock for tests
 * @throws {UnknownOptionError}
 * @throws {InvalidOptionError}
 */
export function generator<T>(options: GeneratorOptions<T>, clock: Clock = systemClock): Source<T> {
  checkOptions("generator", options, OPTIONS);
  const { generate, count, ratePerSecond, batch } = options;
  if (typeof generate !== "function")
    throw new InvalidOptionError("generator", "generate", generate, "a function of the record's number");
  checkWholeNumber("generator", "count", count, 0);
  checkWholeNumber("generator", "batch", batch, 1);
  checkRate("generator", ratePerSecond);
  const amount = count === undefined ? "" : ` of ${count} records`;
  const rate = ratePerSecond === undefined ? "" : ` at ${ratePerSecond}/s`;
  return {
    description: `generator${amount}${rate}`,
    bounded: count !== undefined,
    replayable: true,
    splits: (parallelism) => strideSplits(parallelism, count ?? Number.MAX_SAFE_INTEGER),
    open: (split, position) => new GeneratorReader(options, split, position, clock),
  };
}

class GeneratorReader<T> extends ScheduledReader<T> {
  readonly #options: GeneratorOptions<T>;
  readonly #clock: Clock;
  readonly #step: number;
  readonly #end: number;
  readonly #maxBatch: number;

  constructor(options: GeneratorOptions<T>, split: SourceSplit, position: Json | undefined, clock: Clock) {
    const { first, step } = strideOf(split);
    const resumed = position as GeneratorPosition | undefined;
    super(new Schedule(clock, options.ratePerSecond, resumed?.startMs), resumed?.next ?? first);
    this.#options = options;
    this.#clock = clock;
    this.#step = step;
    this.#end = options.count ?? Number.POSITIVE_INFINITY;
    this.#maxBatch = options.batch ?? 1_000;
  }

  protected make(maxRecords: number): SourceBatch<T> {
    const limit = Math.min(maxRecords, this.#maxBatch);
    const { generate } = this.#options;
    const nowMs = this.#clock.nowMs();
    const firstDueMs = this.schedule.dueMs(this.next);
    const records: T[] = [];
    let failures: ReadFailure[] | undefined;
    for (let made = 0; made < limit && this.next < this.#end; made++, this.next += this.#step) {
      const dueMs = this.schedule.dueMs(this.next);
      if (dueMs > nowMs) break;
      try {
        records.push(generate(this.next, dueMs));
      } catch (thrown) {
        failures ??= [];
        failures.push({ error: toError(thrown), raw: this.next, where: `generator record ${this.next}` });
      }
    }
    const position: GeneratorPosition = { next: this.next, startMs: this.schedule.startMs };
    return {
      records,
      failures,
      position: { ...position },
      end: this.next >= this.#end,
      // Without a rate a record is due when the job asks for it.
      ingestMs: records.length === 0 || !this.schedule.isPaced ? undefined : firstDueMs,
    };
  }
}
