// The job of the fault tests: whatever is killed, cut or squeezed, its results are known in advance to the last record.
//
//   numbers (─► ask) ──keyBy k──► count ──keyBy v──► verify ──► stream "results" and files results-*.ndjson
//                            └──► window-counts ──────────────► stream "windows"
//
// The source is deterministic in what it says and random in how it cuts it into batches, so a replay never repeats the
// batch boundaries of the attempt before it. `count` numbers the records of each key; `verify`, behind another shuffle,
// sees each key's numbers grow by exactly one or reports a violation. The result streams are written in the commits; the
// files, which have no part in them, must tell the same.
//
// Two files steer a run from outside of Redis, so that no rollback takes the order back: `limit` (records per split,
// see ChaosSplitReader) and `slow` (while it exists, the results sink takes its time).
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ndjsonSink } from "../../src/connectors/files/index.ts";
import { redisStreamSink } from "../../src/connectors/redis/index.ts";
import {
  count,
  defineJob,
  emits,
  type Job,
  type Json,
  type Sink,
  type Source,
  type SourceBatch,
  type SourceSplit,
  type SplitReader,
  tumbling,
  value,
} from "../../src/index.ts";

export interface ChaosJob {
  readonly name: string;
  /** Partitions of every stage, and splits of the source. */
  readonly partitions: number;
  /** More than `cacheEntries` of the worker, so that state is fetched all the time. */
  readonly keys: number;
  /** Records per second and split while no limit is known. */
  readonly ratePerSecond: number;
  /** Batches have 1 to this many records, at random. */
  readonly maxBatch: number;
  /** Every n-th count of a key goes to the results. */
  readonly reportEvery: number;
  /** Bytes of ballast in every record of the source. */
  readonly padBytes: number;
  /** How long the results sink takes per record while the file `slow` exists. */
  readonly slowMs: number;
  /** Longest time that a request per record takes, between the source and the counts; 0: there are none. */
  readonly requestMs: number;
  /** Directory of the steering files. */
  readonly dir: string;
}

/** One record of the source. */
export interface Numbered {
  readonly id: number;
  readonly n: number;
  readonly k: string;
  readonly pad: string;
}

export interface Counted {
  readonly k: string;
  readonly count: number;
  /** Sum of the ids counted so far: a lost and a doubled record do not cancel out. */
  readonly sum: number;
}

export type ChaosResult =
  | { readonly kind: "progress"; readonly key: string; readonly count: number }
  | { readonly kind: "violation"; readonly key: string; readonly count: number; readonly expected: number }
  | { readonly kind: "total"; readonly key: string; readonly count: number; readonly sum: number };

/** Event time passes so fast per record number; a window closes every 10,000 numbers. */
const MS_PER_NUMBER = 10;
export const WINDOW_MS = 100_000;

export const limitFile = (job: ChaosJob): string => join(job.dir, "limit");
export const slowFile = (job: ChaosJob): string => join(job.dir, "slow");
export const resultStream = (job: ChaosJob): string => `chaos:${job.name}:results`;
export const windowStream = (job: ChaosJob): string => `chaos:${job.name}:windows`;

/** Number `n` of split `split`; the same in every process and attempt. */
export function numbered(job: ChaosJob, split: number, n: number): Numbered {
  const id = n * job.partitions + split;
  const key = (Math.imul(id + 1, 0x9e3779b1) >>> 0) % job.keys;
  return { id, n, k: `k${key}`, pad: "x".repeat(job.padBytes) };
}

export const timestampOf = (record: Pick<Numbered, "n">): number => record.n * MS_PER_NUMBER;

export function chaosJob(config: ChaosJob): Job {
  return defineJob(config.name, (job) => {
    const numbers = job.source("numbers", chaosSource(config), { timestamp: timestampOf });
    const asked = config.requestMs === 0 ? numbers : numbers.asyncMap("ask", askFor(config), ASKING);
    const byKey = asked.keyBy((record) => record.k);
    const results = byKey
      .process("count", {
        state: { count: value<number>({ default: 0 }), sum: value<number>({ default: 0 }) },
        emits: emits<Counted>(),
        onRecord(record, context) {
          const { key, state } = context;
          const counted = { k: key, count: state.count.get() + 1, sum: state.sum.get() + record.id };
          state.count.set(counted.count);
          state.sum.set(counted.sum);
          context.emit(counted);
        },
      })
      // Other keys, other partitions: every pair of partitions has traffic.
      .keyBy((counted) => `v${counted.k}`)
      .process("verify", {
        state: { last: value<number>({ default: 0 }), sum: value<number>({ default: 0 }) },
        emits: emits<ChaosResult>(),
        onRecord(counted, context) {
          const { state, timers } = context;
          const expected = state.last.get() + 1;
          if (expected === 1) timers.event(Number.POSITIVE_INFINITY);
          if (counted.count !== expected)
            context.emit({ kind: "violation", key: counted.k, count: counted.count, expected });
          else if (counted.count % config.reportEvery === 0)
            context.emit({ kind: "progress", key: counted.k, count: counted.count });
          state.last.set(counted.count);
          state.sum.set(counted.sum);
        },
        onTimer(_timer, context) {
          const { key, state } = context;
          context.emit({ kind: "total", key: key.slice(1), count: state.last.get(), sum: state.sum.get() });
        },
      });
    results.to("results", slowSink(redisStreamSink<ChaosResult>(resultStream(config)), config));
    results.to("files", ndjsonSink<ChaosResult>(join(config.dir, "results.ndjson")));
    byKey
      .window(tumbling(WINDOW_MS))
      .aggregate("window-counts", count())
      .to("windows", redisStreamSink(windowStream(config)));
  });
}

const ASKING = { order: "unordered", concurrency: 100 } as const;

/** Answers in another order than it is asked. */
function askFor({ requestMs }: ChaosJob): (record: Numbered) => Promise<Numbered> {
  return async (record) => {
    await sleep(Math.random() * requestMs);
    return record;
  };
}

function chaosSource(config: ChaosJob): Source<Numbered> {
  return {
    description: "numbers in random batches",
    bounded: true,
    replayable: true,
    splits: (parallelism) => Array.from({ length: parallelism }, (_, split) => ({ id: `s${split}`, split })),
    open: (split, position) => new ChaosSplitReader(config, split, position),
  };
}

/**
 * Brings numbers at a rate until the limit is known, then the rest as fast as they are taken. A run lasts as long as
 * its faults need, and still has a result that is known: whoever sets the limit sets it above what can have been read.
 */
class ChaosSplitReader implements SplitReader<Numbered> {
  readonly #config: ChaosJob;
  readonly #split: number;
  #next: number;
  #limit: number | undefined;
  #lastReadMs = performance.now();
  #closed = false;

  constructor(config: ChaosJob, split: SourceSplit, position: Json | undefined) {
    this.#config = config;
    this.#split = Number(split["split"]);
    this.#next = position === undefined ? 0 : Number(position);
  }

  async read(maxRecords: number): Promise<SourceBatch<Numbered>> {
    const wanted = Math.min(maxRecords, 1 + Math.floor(Math.random() * this.#config.maxBatch));
    this.#limit ??= readLimit(this.#config);
    while (this.#limit === undefined && !this.#closed && !this.#isDue(wanted)) {
      await sleep(2);
      this.#limit ??= readLimit(this.#config);
    }
    if (this.#closed) return { records: [], position: this.#next, end: false };
    this.#lastReadMs = performance.now();
    const to = Math.min(this.#next + wanted, this.#limit ?? Number.POSITIVE_INFINITY);
    const records: Numbered[] = [];
    for (; this.#next < to; this.#next++) records.push(numbered(this.#config, this.#split, this.#next));
    return { records, position: this.#next, end: this.#next >= (this.#limit ?? Number.POSITIVE_INFINITY) };
  }

  close(): void {
    this.#closed = true;
  }

  /** Time that was lost is not made up for: what was read in t seconds is never more than rate * t and one batch. */
  #isDue(records: number): boolean {
    return performance.now() - this.#lastReadMs >= (records / this.#config.ratePerSecond) * 1_000;
  }
}

function readLimit(config: ChaosJob): number | undefined {
  if (!existsSync(limitFile(config))) return undefined;
  const text = readFileSync(limitFile(config), "utf8");
  return text === "" ? undefined : Number(text);
}

/** A sink that takes its time for every record, as one that waits for an outside system does. */
function slowSink<T>(sink: Sink<T>, config: ChaosJob): Sink<T> {
  return {
    ...sink,
    async open(context) {
      const writer = await sink.open(context);
      let records = 0;
      return {
        write(values, timestamps) {
          records += values.length;
          writer.write(values, timestamps);
        },
        prepare() {
          const prepared = writer.prepare();
          const delayMs = records * config.slowMs;
          records = 0;
          return existsSync(slowFile(config)) ? whileSlow(config, delayMs).then(() => prepared) : prepared;
        },
        committed: () => writer.committed(),
        close: (graceful) => writer.close(graceful),
      };
    },
  };
}

async function whileSlow(config: ChaosJob, delayMs: number): Promise<void> {
  const untilMs = performance.now() + delayMs;
  while (performance.now() < untilMs && existsSync(slowFile(config))) await sleep(10);
}
