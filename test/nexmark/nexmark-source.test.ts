import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Json, Source, SplitReader } from "../../src/connectors/contract.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { InvalidOptionError } from "../../src/core/options.ts";
import { formatNexmarkEvent, type NexmarkEvent } from "../../src/nexmark/events.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";
import { NexmarkOptionError } from "../../src/nexmark/generator-options.ts";
import { nexmarkFile } from "../../src/nexmark/nexmark-file.ts";
import { nexmarkSource } from "../../src/nexmark/nexmark-source.ts";
import { describeSource, readAll, readSplit } from "../conformance/source.ts";

const options = { seed: 3, outOfOrderGroupSize: 7 };

function generated(count: number): NexmarkEvent[] {
  const generator = createNexmarkGenerator(options);
  return Array.from({ length: count }, (_, n) => generator.event(n));
}

function bidsOf(events: readonly NexmarkEvent[]): unknown[] {
  return events.flatMap((event) => (event.event_type === 2 ? [event.bid] : []));
}

describeSource("nexmarkSource", () => ({
  source: nexmarkSource({ ...options, events: 513 }),
  expected: generated(513),
}));

describeSource("nexmarkSource of bids", () => ({
  source: nexmarkSource({ ...options, events: 513, only: "bid" }),
  expected: bidsOf(generated(513)),
}));

describeSource("nexmarkFile", async () => {
  const folder = await mkdtemp(join(tmpdir(), "weir-nexmark-"));
  const events = generated(200);
  const path = join(folder, "events.ndjson");
  await writeFile(path, events.map((event) => `${formatNexmarkEvent(event)}\n`).join(""));
  return {
    source: nexmarkFile(path),
    expected: events,
    dispose: () => rm(folder, { recursive: true }),
  };
});

async function openSplit<T>(
  source: Source<T>,
  index = 0,
  parallelism = 1,
  position?: Json,
): Promise<SplitReader<T>> {
  const split = (await source.splits(parallelism))[index]!;
  return source.open(split, position, { job: "job", source: "events", partition: index, parallelism });
}

describe("nexmarkSource", () => {
  test("gives every split the same mix of events, also when their number divides a cycle", async () => {
    for (const parallelism of [2, 5, 10]) {
      const source = nexmarkSource({ events: 5_000 });
      for (const split of await source.splits(parallelism)) {
        const events = (await readSplit(source, split)).flatMap((batch) => batch.records);
        const kinds = [0, 1, 2].map((kind) => events.filter((event) => event.event_type === kind).length);
        expect(kinds, split.id).toEqual([100, 300, 4_600].map((kind) => kind / parallelism));
      }
    }
  });

  test("keeps the splits of a job together in event time", async () => {
    const source = nexmarkSource({ events: 10_000 });
    const readers = await Promise.all([0, 1, 2, 3].map((index) => openSplit(source, index, 4)));
    const reads = await Promise.all(readers.map((reader) => reader.read(1_000)));
    const ends = reads.map((read) => read.records.at(-1)?.dateTime ?? 0);
    // Runs of 50 events, 10 events per ms: no two splits are further apart than four runs.
    expect(Math.max(...ends) - Math.min(...ends)).toBeLessThanOrEqual((4 * 50) / 10);
  });

  test("the position is the number of the next event, and any reader goes on from it", async () => {
    const source = nexmarkSource({ ...options, events: 300 });
    const first = await (await openSplit(source, 1, 3)).read(70);
    // Split 1 of 3 has the runs 50..99 and 200..249: 70 events reach 219.
    expect(first.position).toBe(220);
    const rest = await (await openSplit(source, 1, 3, first.position)).read(1_000);
    expect([...first.records, ...rest.records].map((event) => event.seq)).toEqual([
      ...Array.from({ length: 50 }, (_, i) => 50 + i),
      ...Array.from({ length: 50 }, (_, i) => 200 + i),
    ]);
    expect(rest.end).toBe(true);
  });

  test("a batch of bids is never empty before the end", async () => {
    const reader = await openSplit(nexmarkSource({ events: 500, only: "bid" }));
    for (let read = await reader.read(1); !read.end; read = await reader.read(1))
      expect(read.records).toHaveLength(1);
  });

  test("follows an absolute schedule, tells when a batch was due, and catches up after a restart", async () => {
    const clock = new ManualClock(1_000);
    const source = nexmarkSource({ ratePerSecond: 100 }, clock);
    const reader = await openSplit(source);
    expect(await reader.read(10)).toMatchObject({ records: [{ seq: 0 }], ingestMs: 1_000, end: false });
    clock.advance(35);
    const read = await reader.read(10);
    expect(read).toMatchObject({ records: [{ seq: 1 }, { seq: 2 }, { seq: 3 }], ingestMs: 1_010 });
    clock.advance(500);
    const again = await openSplit(source, 0, 1, JSON.parse(JSON.stringify(read.position)) as Json);
    expect((await again.read(1_000)).records.map((event) => event.seq)).toEqual(
      Array.from({ length: 50 }, (_, i) => 4 + i),
    );
  });

  test("a read before an event is due waits for it, and ends when the reader is closed", async () => {
    const clock = new ManualClock(0);
    const reader = await openSplit(nexmarkSource({ ratePerSecond: 10 }, clock));
    await reader.read(10);
    const pending = reader.read(10);
    clock.advance(100);
    expect((await pending).records).toHaveLength(1);
    const closed = reader.read(10);
    await reader.close();
    expect(await closed).toMatchObject({ records: [], end: false });
  });

  test("without a number of events it has no end", async () => {
    expect(nexmarkSource().bounded).toBe(false);
    const far = await (await openSplit(nexmarkSource(), 0, 1, 10_000_000_000)).read(3);
    expect(far).toMatchObject({ records: [{ seq: 1e10 }, { seq: 1e10 + 1 }, { seq: 1e10 + 2 }], end: false });
  });

  test("refuses options that cannot be", () => {
    expect(() => nexmarkSource({ events: -1 })).toThrow(InvalidOptionError);
    expect(() => nexmarkSource({ ratePerSecond: 0 })).toThrow(InvalidOptionError);
    expect(() => nexmarkSource({ only: "person" as "bid" })).toThrow(/"person"; give "bid"/);
    expect(() => nexmarkSource({ seed: 0.5 })).toThrow(NexmarkOptionError);
    expect(() => nexmarkSource({ sed: 1 } as object)).toThrow(NexmarkOptionError);
  });
});

describe("nexmarkFile", () => {
  test("names file, line and field of what is no event, and reads on", async () => {
    const folder = await mkdtemp(join(tmpdir(), "weir-nexmark-"));
    try {
      const [first, second] = generated(2).map(formatNexmarkEvent);
      const path = join(folder, "events.ndjson");
      await writeFile(path, `${first}\n{"event_type":2,"bid":{},"seq":1}\n\n{oops\n${second}`);
      const source = nexmarkFile(path);
      expect(await readAll(source)).toEqual(generated(2));
      const batches = await readSplit(source, (await source.splits(1))[0]!);
      const failures = new Map(
        batches.flatMap((batch) => batch.failures ?? []).map(({ where, error }) => [where, error.message]),
      );
      expect([...failures.keys()].sort()).toEqual([`${path} line 2`, `${path} line 4`]);
      expect(failures.get(`${path} line 2`)).toContain(
        "line 2 does not fit the schema: bid.auction: must be",
      );
      expect(failures.get(`${path} line 4`)).toContain("line 4: not valid JSON");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("refuses a file that is not there before anything runs", async () => {
    await expect(async () => nexmarkFile("/no/such/file").splits(1)).rejects.toThrow(
      expect.objectContaining({ code: "FILE_SOURCE" }),
    );
  });
});
