// What a source or sink of one's own keeps: any JSON, in the same commit as everything else, at a place that is its own.
import { describe, expect, test } from "vitest";
import type { Json, Sink, Source, SourceBatch, SplitReader } from "../../src/connectors/contract.ts";
import { connect, defineJob, type Job, type JobRun } from "../../src/index.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";

const SPLITS = ["a", "b", "c"];
const UPPER = 60;

/** What a reader keeps beside its place: how often each remainder was read, over all of the job's life. */
interface Kept {
  readonly next: number;
  readonly remainders: Readonly<Record<string, number>>;
  /** Where it was opened: `<partition> at <next>`. */
  readonly opened: readonly string[];
}

type Numbered = { readonly split: string; readonly n: number };

/** Numbers from 0 on in each split, as far as the gate lets them. */
class GatedNumbers implements Source<Numbered> {
  readonly description = "gated numbers";
  readonly bounded = true;
  readonly replayable = true;
  /** What every reader found when it was opened, by split. */
  readonly found = new Map<string, Kept[]>();
  #limit: number;
  #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  allow(limit: number): void {
    this.#limit = limit;
    for (const go of this.#waiting.splice(0)) go();
  }

  splits(): { readonly id: string }[] {
    return SPLITS.map((id) => ({ id }));
  }

  open(split: { readonly id: string }, position: Json | undefined, { partition }: { partition: number }) {
    const stored = (position as Kept | undefined) ?? { next: 0, remainders: {}, opened: [] };
    this.found.set(split.id, [...(this.found.get(split.id) ?? []), stored]);
    let kept: Kept = { ...stored, opened: [...stored.opened, `${partition} at ${stored.next}`] };
    const batch = (records: Numbered[]): SourceBatch<Numbered> => ({
      records,
      position: kept as unknown as Json,
      end: kept.next === UPPER,
    });
    let closed = false;
    const read = async (): Promise<SourceBatch<Numbered>> => {
      while (!closed && kept.next >= this.#limit)
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      if (closed) return batch([]);
      const n = kept.next;
      const rest = String(n % 3);
      kept = {
        ...kept,
        next: n + 1,
        remainders: { ...kept.remainders, [rest]: (kept.remainders[rest] ?? 0) + 1 },
      };
      return batch([{ split: split.id, n }]);
    };
    const reader: SplitReader<Numbered> = {
      read,
      close: () => {
        closed = true;
        for (const go of this.#waiting.splice(0)) go();
      },
    };
    return reader;
  }
}

/** Keeps the sum of all that was ever written in its token; the outside sees only what is durable. */
class SummingSink implements Sink<Numbered> {
  readonly description = "sums";
  readonly guarantee = "transactional";
  /** The sums that each partition was opened with. */
  readonly found = new Map<number, Json[]>();
  readonly durable = new Map<number, { readonly records: number; readonly sum: number }>();

  open({ partition, committed }: { partition: number; committed: Json | undefined }) {
    this.found.set(partition, [...(this.found.get(partition) ?? []), committed ?? null]);
    let sums = (committed as { records: number; sum: number } | undefined) ?? { records: 0, sum: 0 };
    const sealed: (typeof sums)[] = [];
    return {
      write(records: readonly Numbered[]) {
        for (const { n } of records) sums = { records: sums.records + 1, sum: sums.sum + n };
      },
      prepare() {
        sealed.push(sums);
        return { token: sums };
      },
      committed: () => void this.durable.set(partition, sealed.shift()!),
      close() {},
    };
  }
}

async function stopAt(job: Job, condition: () => boolean): Promise<void> {
  const weir = await connect({ redis: testRedisUrl() });
  try {
    const run: JobRun = await weir.run(job, { parallelism: 2 });
    const reached = waitFor(condition, { describe: "what was allowed" });
    await Promise.race([reached, run.finished.then(() => reached)]);
    await run.stop();
  } finally {
    await weir.close();
  }
}

describe("operator state of sources and sinks", () => {
  test("any JSON is committed with the records: a split keeps its own wherever it runs, a sink one per partition", async () => {
    const name = uniqueTag("operator-state");
    const source = new GatedNumbers(20);
    const sink = new SummingSink();
    const job = defineJob(name, (builder) => builder.source("numbers", source).to("sums", sink));
    const written = (): number => [...sink.durable.values()].reduce((all, { records }) => all + records, 0);
    const weir = await connect({ redis: testRedisUrl() });
    try {
      await stopAt(job, () => written() === 20 * SPLITS.length);
      source.allow(40);
      await stopAt(job, () => written() === 40 * SPLITS.length);
      source.allow(UPPER);
      await (await weir.run(job)).finished;

      // Split i is read by partition i modulo their number, whichever worker has it.
      for (const [i, split] of SPLITS.entries()) {
        const found = source.found.get(split)!;
        expect(found.map(({ next }) => next)).toEqual([0, 20, 40]);
        expect(found[2]).toEqual({
          next: 40,
          remainders: { 0: 14, 1: 13, 2: 13 },
          opened: [`${i % 2} at 0`, `${i % 2} at 20`],
        });
      }
      const sumTo = (end: number): number => (end * (end - 1)) / 2;
      expect(sink.found.get(0)).toEqual([
        null,
        { records: 40, sum: 2 * sumTo(20) },
        { records: 80, sum: 2 * sumTo(40) },
      ]);
      expect(sink.durable.get(0)).toEqual({ records: 120, sum: 2 * sumTo(UPPER) });
      expect(sink.durable.get(1)).toEqual({ records: 60, sum: sumTo(UPPER) });
    } finally {
      await weir.close();
      await weir.remove(name);
    }
  });
});
