// Sources and sinks of the benchmarks: records made before the clock starts, and sinks that only look at the time.
import type { Json, Sink, Source, SourceSplit, SplitReader } from "../src/connectors/contract.ts";
import type { Bid } from "../src/nexmark/events.ts";
import { createNexmarkGenerator } from "../src/nexmark/generator.ts";

/** Larger than the processor's caches, so that records come from memory as they would in a real job. */
const POOL_BIDS = 200_000;

let pool: Bid[] | undefined;

/** The same bids in every process. */
export function bidPool(): Bid[] {
  if (pool === undefined) {
    const generator = createNexmarkGenerator({ seed: 7 });
    pool = [];
    for (let n = 0; pool.length < POOL_BIDS; n++) {
      const bid = generator.bid(n);
      if (bid !== undefined) pool.push(bid);
    }
  }
  return pool;
}

/** Wall clock in epoch ms with fractions. */
export function preciseNowMs(): number {
  return performance.timeOrigin + performance.now();
}

function untilMs(atMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - Date.now())));
}

/**
 * Bids from the pool as fast as they are taken, from `startAtMs` (epoch ms) on: all workers of a run start together.
 */
export function pooledBids(records: number, startAtMs: number): Source<Bid> {
  return {
    description: "pooled bids",
    bounded: true,
    replayable: true,
    splits: (parallelism) =>
      Array.from({ length: parallelism }, (_, i) => ({
        id: `bids-${i}`,
        records: Math.floor(records / parallelism) + (i < records % parallelism ? 1 : 0),
      })),
    open(split: SourceSplit, position: Json | undefined): SplitReader<Bid> {
      const bids = bidPool();
      const total = split["records"] as number;
      let at = (position as number | undefined) ?? 0;
      const take = (most: number) => {
        const offset = at % (bids.length - most);
        const taken = bids.slice(offset, offset + Math.min(most, total - at));
        at += taken.length;
        return { records: taken, position: at, end: at >= total };
      };
      return {
        read: (most) => (Date.now() >= startAtMs ? take(most) : untilMs(startAtMs).then(() => take(most))),
        close() {},
      };
    },
  };
}

/** Holds the first read of every split back until `startAtMs` (epoch ms). */
export function gated<T>(source: Source<T>, startAtMs: number): Source<T> {
  return {
    ...source,
    splits: (parallelism) => source.splits(parallelism),
    async open(split, position, context) {
      const reader = await source.open(split, position, context);
      return {
        read: (most) =>
          Date.now() >= startAtMs ? reader.read(most) : untilMs(startAtMs).then(() => reader.read(most)),
        close: () => reader.close(),
      };
    },
  };
}

/** A bid that knows when it was due. */
export interface DueBid extends Bid {
  readonly dueMs: number;
}

/** Bids on an absolute schedule: record n of a split is due at `startAtMs + n * period`, whether or not anybody is ready. */
export function scheduledBids(ratePerSecond: number, seconds: number, startAtMs: number): Source<DueBid> {
  return {
    description: `bids at ${ratePerSecond}/s`,
    bounded: true,
    replayable: true,
    splits: (parallelism) =>
      Array.from({ length: parallelism }, (_, i) => ({ id: `due-${i}`, of: parallelism })),
    open(split: SourceSplit, position: Json | undefined): SplitReader<DueBid> {
      const bids = bidPool();
      const periodMs = (1_000 * (split["of"] as number)) / ratePerSecond;
      const total = Math.floor((seconds * 1_000) / periodMs);
      let at = (position as number | undefined) ?? 0;
      const take = (most: number) => {
        const due = Math.min(total, Math.floor((preciseNowMs() - startAtMs) / periodMs) + 1);
        const records: DueBid[] = [];
        for (; at < due && records.length < most; at++)
          records.push({ ...bids[at % bids.length]!, dueMs: startAtMs + at * periodMs });
        return { records, position: at, end: at >= total };
      };
      return {
        async read(most) {
          // Waits for the next due time; timers of Node fire at whole milliseconds, which is part of what is measured.
          const waitMs = startAtMs + at * periodMs - preciseNowMs();
          if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
          return take(most);
        },
        close() {},
      };
    },
  };
}

/** Takes records and forgets them. */
export function discard<T>(): Sink<T> {
  return {
    description: "discard",
    guarantee: "append",
    open: () => ({ write() {}, prepare: () => ({}), committed() {}, close() {} }),
  };
}

/** Calls `onVisible` for every record when the epoch that holds it is durable. */
export function whenVisible<T>(onVisible: (records: readonly T[], nowMs: number) => void): Sink<T> {
  return {
    description: "time of visibility",
    guarantee: "append",
    open() {
      let open: T[] = [];
      const sealed: T[][] = [];
      return {
        write(records) {
          for (const record of records) open.push(record);
        },
        prepare() {
          sealed.push(open);
          open = [];
          return {};
        },
        committed() {
          onVisible(sealed.shift() ?? [], preciseNowMs());
        },
        close() {},
      };
    },
  };
}

/** Tells the wall clock of the first record of every attempt of every partition. */
export function firstRecords<T>(onFirst: (partition: number, nowMs: number) => void): Sink<T> {
  return {
    description: "first records",
    guarantee: "append",
    open({ partition }) {
      let seen = false;
      return {
        write() {
          if (seen) return;
          seen = true;
          onFirst(partition, preciseNowMs());
        },
        prepare: () => ({}),
        committed() {},
        close() {},
      };
    },
  };
}
