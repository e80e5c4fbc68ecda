import { describe, expect, test } from "vitest";
import type { SourceContext, SplitReader } from "../../src/connectors/contract.ts";
import { generator } from "../../src/connectors/generator.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { InvalidOptionError, UnknownOptionError } from "../../src/core/options.ts";
import { describeSource, readSplit } from "../conformance/source.ts";

const context: SourceContext = { job: "job", source: "generator", partition: 0, parallelism: 1 };

describeSource("generator", () => ({
  source: generator({ count: 83, generate: (n) => ({ n }), batch: 20 }),
  expected: Array.from({ length: 83 }, (_, n) => ({ n })),
}));

async function openOnly<T>(
  source: ReturnType<typeof generator<T>>,
  position?: { next: number; startMs: number },
): Promise<SplitReader<T>> {
  const [split] = await source.splits(1);
  return source.open(split as { id: string }, position, context);
}

describe("generator", () => {
  test("gives records on an absolute schedule, and tells when the first one was due", async () => {
    const clock = new ManualClock(1_000);
    const reader = await openOnly(generator({ ratePerSecond: 100, generate: (n) => n }, clock));
    expect(await reader.read(10)).toMatchObject({ records: [0], ingestMs: 1_000 });
    clock.advance(35);
    expect(await reader.read(10)).toMatchObject({ records: [1, 2, 3], ingestMs: 1_010 });
    clock.advance(5);
    expect(await reader.read(10)).toMatchObject({ records: [4], ingestMs: 1_040 });
  });

  test("does not drift: after any pause it catches up to the schedule and no further", async () => {
    const clock = new ManualClock(0);
    const source = generator({ ratePerSecond: 1_000, generate: (n) => n, batch: 10_000 }, clock);
    const reader = await openOnly(source);
    const records: number[] = [];
    for (const pauseMs of [1, 500, 3, 250]) {
      clock.advance(pauseMs);
      records.push(...(await reader.read(10_000)).records);
      expect(records).toEqual(Array.from({ length: clock.nowMs() + 1 }, (_, n) => n));
    }
  });

  test("goes on with the schedule of its position after a restart", async () => {
    const clock = new ManualClock(0);
    const source = generator({ ratePerSecond: 1_000, generate: (n) => n, batch: 10_000 }, clock);
    clock.advance(700);
    const reader = await openOnly(source, { next: 200, startMs: 0 });
    const batch = await reader.read(10_000);
    expect(batch.records).toEqual(Array.from({ length: 501 }, (_, i) => 200 + i));
    expect(batch.ingestMs).toBe(200);
  });

  test("a read before the next record is due waits for exactly that", async () => {
    const clock = new ManualClock(0);
    const reader = await openOnly(generator({ ratePerSecond: 10, generate: (n) => n }, clock));
    await reader.read(10);
    const pending = reader.read(10);
    expect(pending).toBeInstanceOf(Promise);
    clock.advance(100);
    expect(await pending).toMatchObject({ records: [1], ingestMs: 100 });
  });

  test("close settles a waiting read with nothing", async () => {
    const clock = new ManualClock(0);
    const reader = await openOnly(generator({ ratePerSecond: 1, generate: (n) => n }, clock));
    await reader.read(1);
    const pending = reader.read(1);
    await reader.close();
    expect(await pending).toMatchObject({ records: [], end: false, position: { next: 1, startMs: 0 } });
  });

  test("all partitions together keep the rate", async () => {
    const clock = new ManualClock(0);
    const source = generator({ ratePerSecond: 1_000, count: 4_000, generate: (n) => n }, clock);
    const readers = await Promise.all(
      (await source.splits(4)).map(async (split) => source.open(split, undefined, context)),
    );
    clock.advance(999);
    const records: number[] = [];
    for (const reader of readers) records.push(...(await reader.read(1_000)).records);
    expect(records.sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
  });

  test("a throwing generate is a failure of its record, not of the source", async () => {
    const source = generator({
      count: 3,
      generate: (n) => {
        if (n === 1) throw new Error("no one");
        return n;
      },
    });
    const [split] = await source.splits(1);
    const batches = await readSplit(source, split as { id: string });
    expect(batches.flatMap((batch) => batch.records)).toEqual([0, 2]);
    expect(batches[0]?.failures).toMatchObject([{ raw: 1, where: "generator record 1" }]);
  });

  test("tells its rate and amount, and refuses senseless options", () => {
    expect(generator({ count: 5, ratePerSecond: 10, generate: (n) => n }).description).toBe(
      "generator of 5 records at 10/s",
    );
    expect(generator({ generate: (n) => n }).bounded).toBe(false);
    expect(() => generator({ generate: (n: number) => n, rate: 5 } as never)).toThrow(UnknownOptionError);
    expect(() => generator({ generate: (n) => n, ratePerSecond: 0 })).toThrow(InvalidOptionError);
    expect(() => generator({ generate: (n) => n, count: -1 })).toThrow(InvalidOptionError);
    expect(() => generator({} as never)).toThrow(/generate/);
  });
});
