// describeSource — what every replayable source promises, whatever it reads.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json, Source, SourceBatch, SourceContext, SourceSplit } from "../../src/connectors/contract.ts";

export interface SourceUnderTest<T> {
  readonly source: Source<T>;
  /** All records, in the order of their split; splits in any order. */
  readonly expected: readonly T[];
  /** For a source without end: how many records each split has now. */
  readonly recordsOf?: (split: SourceSplit) => number;
  dispose?(): Promise<void>;
}

const context: SourceContext = { job: "conformance", source: "input", partition: 0, parallelism: 1 };

/** Reads until the split's end, or until `total` records were read. */
export async function readSplit<T>(
  source: Source<T>,
  split: SourceSplit,
  position?: Json,
  maxRecords = 100,
  total: number = Number.POSITIVE_INFINITY,
): Promise<SourceBatch<T>[]> {
  const reader = await source.open(split, position, context);
  const batches: SourceBatch<T>[] = [];
  let records = 0;
  try {
    while (records < total) {
      const batch = await reader.read(maxRecords);
      batches.push(batch);
      records += batch.records.length;
      if (batch.end) break;
    }
    return batches;
  } finally {
    await reader.close();
  }
}

/** All records of all splits. */
export async function readAll<T>(
  source: Source<T>,
  parallelism = 1,
  recordsOf?: (split: SourceSplit) => number,
): Promise<T[]> {
  const records: T[] = [];
  for (const split of await source.splits(parallelism))
    for (const batch of await readSplit(source, split, undefined, 100, recordsOf?.(split)))
      records.push(...batch.records);
  return records;
}

/** Every read goes through JSON, as positions do between attempts. */
async function readWithInterruptions<T>(
  source: Source<T>,
  split: SourceSplit,
  sizes: readonly number[],
  stops: readonly boolean[],
  total: number = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const records: T[] = [];
  let position: Json | undefined;
  let reader = await source.open(split, undefined, context);
  try {
    for (let read = 0; ; read++) {
      const maxRecords = sizes[read % sizes.length] as number;
      const batch = await reader.read(maxRecords);
      expect(batch.records.length).toBeLessThanOrEqual(maxRecords);
      expect(batch.failures ?? []).toEqual([]);
      if (batch.timestamps !== undefined) expect(batch.timestamps).toHaveLength(batch.records.length);
      records.push(...batch.records);
      position = JSON.parse(JSON.stringify(batch.position)) as Json;
      if (batch.end || records.length >= total) return records;
      if (stops[read % stops.length] !== true) continue;
      // Read ahead without committing, then die: the uncommitted batch is read again by the next attempt.
      if (read % 2 === 0) await reader.read(1);
      await reader.close();
      reader = await source.open(JSON.parse(JSON.stringify(split)) as SourceSplit, position, context);
    }
  } finally {
    await reader.close();
  }
}

/**
 * @param create called once per test; `dispose` is awaited afterwards
 */
export function describeSource<T>(
  name: string,
  create: () => SourceUnderTest<T> | Promise<SourceUnderTest<T>>,
): void {
  const withSource = async (run: (under: SourceUnderTest<T>) => Promise<void>): Promise<void> => {
    const under = await create();
    try {
      await run(under);
    } finally {
      await under.dispose?.();
    }
  };
  const multiset = (records: readonly T[]): string[] =>
    records.map((record) => JSON.stringify(record)).sort();

  describe(`${name} as a source`, () => {
    test("says whether it is bounded, that it is replayable, and what it reads", () =>
      withSource(async ({ source, recordsOf }) => {
        expect({ bounded: source.bounded, replayable: source.replayable }).toEqual({
          bounded: recordsOf === undefined,
          replayable: true,
        });
        expect(source.description).toMatch(/\w+/);
      }));

    test("splits are the same on every call and have different ids", () =>
      withSource(async ({ source }) => {
        for (const parallelism of [1, 2, 5]) {
          const splits = await source.splits(parallelism);
          expect(await source.splits(parallelism)).toEqual(splits);
          expect(JSON.parse(JSON.stringify(splits))).toEqual(splits);
          expect(new Set(splits.map((split) => split.id)).size).toBe(splits.length);
          expect(splits.length).toBeGreaterThan(0);
        }
      }));

    test("gives every record exactly once, with any number of partitions", () =>
      withSource(async ({ source, expected, recordsOf }) => {
        for (const parallelism of [1, 2, 3, 7])
          expect(multiset(await readAll(source, parallelism, recordsOf))).toEqual(multiset(expected));
      }));

    test("gives the records of one split in order", () =>
      withSource(async ({ source, expected, recordsOf }) => {
        const splits = await source.splits(1);
        const records = await readAll(source, 1, recordsOf);
        if (splits.length === 1) expect(records).toEqual(expected);
        else expect(multiset(records)).toEqual(multiset(expected));
      }));

    test("reading in any batch sizes, stopped anywhere and resumed from the position, gives every record exactly once", () =>
      withSource(async ({ source, expected, recordsOf }) => {
        const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
        const stops = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 });
        await fc.assert(
          fc.asyncProperty(fc.integer({ min: 1, max: 3 }), sizes, stops, async (parallelism, take, stop) => {
            const records: T[] = [];
            for (const split of await source.splits(parallelism))
              records.push(...(await readWithInterruptions(source, split, take, stop, recordsOf?.(split))));
            expect(multiset(records)).toEqual(multiset(expected));
          }),
          { numRuns: 25 },
        );
      }));

    test("a position at the end has nothing behind it", () =>
      withSource(async ({ source, recordsOf }) => {
        if (recordsOf !== undefined) return; // nothing to see: a read there waits
        for (const split of await source.splits(2)) {
          const last = (await readSplit(source, split)).at(-1);
          const again = await readSplit(source, split, last?.position);
          expect(again.flatMap((batch) => batch.records)).toEqual([]);
        }
      }));

    test("close while a read is pending lets the read settle, and close may be repeated", () =>
      withSource(async ({ source }) => {
        for (const split of await source.splits(1)) {
          const reader = await source.open(split, undefined, context);
          const pending = Promise.resolve(reader.read(10)).catch(() => undefined);
          await reader.close();
          await pending;
          await reader.close();
        }
      }));
  });
}
