// The queries on the engine against plain folds over the same events (oracle.ts).
import fc from "fast-check";
import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import { collect } from "../../src/connectors/collect.ts";
import { collection } from "../../src/connectors/collection.ts";
import type { Source } from "../../src/connectors/contract.ts";
import type { NexmarkEvent } from "../../src/nexmark/events.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";
import { nexmarkSource } from "../../src/nexmark/nexmark-source.ts";
import { convertPrice } from "../../src/nexmark/queries/q1.ts";
import { isNexmarkQuery, type NexmarkQuery, nexmarkQueries } from "../../src/nexmark/queries.ts";
import { connect } from "../../src/runtime/weir.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";
import { aBid, anAuction, aPerson } from "./event-builders.ts";
import { maxDelayMs, oracles, sortedLines } from "./oracle.ts";

const queries = Object.keys(nexmarkQueries) as NexmarkQuery[];

interface RunAs {
  readonly redis?: string;
  readonly parallelism: number;
}

/** The rows of a query as sorted lines. */
async function rowsOf(
  query: NexmarkQuery,
  source: Source<NexmarkEvent>,
  { redis, parallelism }: RunAs,
): Promise<string[]> {
  const sink = collect<object>();
  const weir = await connect({ redis });
  const name = uniqueTag(`nexmark-${query}`);
  try {
    const run = await weir.run(nexmarkQueries[query]({ name, source, sink }), { parallelism });
    expect(await run.finished).toMatchObject({ status: "finished" });
    return sortedLines(sink.results);
  } finally {
    await weir.remove(name);
    await weir.close();
  }
}

/** 100 s of event time; within groups of 400 events time jumps back by up to 2 s. */
const streams = [
  { seed: 7, eventsPerSecond: 200, outOfOrderGroupSize: 1 },
  { seed: 11, eventsPerSecond: 200, outOfOrderGroupSize: 400 },
].map((options) => {
  const count = 20_000;
  const generator = createNexmarkGenerator(options);
  const events = Array.from({ length: count }, (_, n) => generator.event(n));
  return {
    name: `seed ${options.seed} in groups of ${options.outOfOrderGroupSize}`,
    events,
    source: nexmarkSource({ ...options, events: count }),
  };
});

describe.each(streams)("Nexmark queries over $name", ({ events, source }) => {
  test("the stream is one for which the oracle speaks", () => {
    expect(maxDelayMs(events)).toBeLessThan(4_000);
  });

  describe.each(queries)("%s", (query) => {
    const expected = sortedLines(oracles[query](events));

    test("has rows to compare", () => {
      expect(expected.length).toBeGreaterThan(0);
    });

    test.each([1, 3])("embedded in %i partitions gives the rows of the oracle", async (parallelism) => {
      expect(await rowsOf(query, source, { parallelism })).toEqual(expected);
    });

    test.each([1, 3])("on Redis in %i partitions gives the rows of the oracle", async (parallelism) => {
      expect(await rowsOf(query, source, { redis: testRedisUrl(), parallelism })).toEqual(expected);
    });
  });
});

describe("Nexmark queries at their edges", () => {
  // Few ids, prices and instants, so that ties and window boundaries are the rule. At most 3.9 s out of order.
  const instant = fc.oneof(
    fc.integer({ min: 0, max: 30_000 }),
    fc.constantFrom(0, 1_999, 2_000, 9_999, 10_000, 10_001, 19_999, 20_000),
  );
  const id = fc.integer({ min: 1, max: 4 });
  const price = fc.constantFrom(100, 200, 300);
  const anyEvent = fc.oneof(
    fc.record({ auction: fc.constantFrom(1, 2, 123), bidder: id, price, dateTime: instant }).map(aBid),
    fc
      .record({ id: fc.integer({ min: 1, max: 9 }), seller: id, dateTime: instant })
      .map((fields) => anAuction({ ...fields, category: fields.id % 2 === 0 ? 10 : 11 })),
    fc
      .record({
        id,
        name: fc.constantFrom("Kate Jones", "Paul White"),
        state: fc.constantFrom("OR", "WA"),
        dateTime: instant,
      })
      .map(aPerson),
  );
  const shuffledAt = fc.integer({ min: 0, max: 3_900 });
  const input = fc.array(fc.tuple(anyEvent, shuffledAt), { maxLength: 60 }).map((pairs) =>
    pairs
      .map(([event, delayMs]) => ({ event, arrival: event.dateTime + delayMs }))
      .sort((a, b) => a.arrival - b.arrival)
      .map(({ event }) => event),
  );

  test.each(queries)("%s gives the rows of the oracle for any small stream", async (query) => {
    await fc.assert(
      fc.asyncProperty(input, fc.integer({ min: 1, max: 3 }), async (events, parallelism) => {
        const rows = await rowsOf(query, collection(events), { parallelism });
        expect(rows).toEqual(sortedLines(oracles[query](events)));
      }),
      { numRuns: 60 },
    );
  });

  test("q5 answers windows that begin before the first event", async () => {
    const rows = await rowsOf("q5", collection([aBid({ auction: 1, dateTime: 0 })]), { parallelism: 2 });
    expect(rows).toEqual(Array.from({ length: 5 }, () => '{"auction":1,"num":1}'));
  });

  test("q7 gives a bid at the very end of a window twice when it is the highest of both", async () => {
    const bids = [
      aBid({ auction: 1, price: 700, dateTime: 3_000 }),
      aBid({ auction: 2, price: 700, dateTime: 10_000 }),
    ];
    const rows = await rowsOf("q7", collection(bids), { parallelism: 2 });
    expect(rows.map((row) => (JSON.parse(row) as { auction: number }).auction)).toEqual([1, 2, 2]);
  });

  test.each(["q5", "q7", "q8"] as const)(
    "%s: what is later than the watermark changes no window that was answered, and makes no new one",
    async (query) => {
      const onTime = [
        aBid({ auction: 1, price: 100, dateTime: 1_000 }),
        aPerson({ id: 1, name: "Kate Jones", dateTime: 1_000 }),
        aBid({ auction: 1, price: 100, dateTime: 60_000 }),
        anAuction({ seller: 1, dateTime: 60_000 }),
      ];
      const late = [
        aBid({ auction: 2, price: 999, dateTime: 1_000 }),
        anAuction({ seller: 1, dateTime: 1_000 }),
        aPerson({ id: 1, name: "Paul White", dateTime: 2_000 }),
      ];
      expect(await rowsAfterGap(query, onTime, late, 50_000)).toEqual(sortedLines(oracles[query](onTime)));
    },
  );

  test("q7 waits for the bids at the very end of a window", async () => {
    // The watermark stands a millisecond before the end when the last bid comes.
    const before = [aBid({ price: 700, dateTime: 3_000 }), aBid({ price: 1, dateTime: 14_000 })];
    const after = [aBid({ price: 700, dateTime: 10_000 })];
    expect(await rowsAfterGap("q7", before, after, 9_999)).toEqual(
      sortedLines(oracles.q7([...before, ...after])),
    );
  });

  test.each(["q5", "q7", "q8"] as const)("%s keeps nothing of windows that are over", async (query) => {
    const redis = testRedisUrl();
    const weir = await connect({ redis });
    const name = uniqueTag(`nexmark-${query}`);
    const generator = createNexmarkGenerator({ seed: 5, eventsPerSecond: 200 });
    const events = Array.from({ length: 5_000 }, (_, n) => generator.event(n));
    // The last bid is alone, at the very end of a window that has no other.
    events.push(aBid({ dateTime: generator.timestamp(0) + 100_000 - (generator.timestamp(0) % 10_000) }));
    const source = collection(events);
    const run = await weir.run(nexmarkQueries[query]({ name, source, sink: collect<object>() }), {
      parallelism: 2,
    });
    await run.finished;
    const client = createClient({ url: redis });
    await client.connect();
    try {
      // State, timers, maps and lists; the job's own records stay.
      expect(await client.keys(`{weir:${name}}:1:[stml]:*`)).toEqual([]);
      expect(await client.keys(`{weir:${name}}:1:a:*`)).not.toEqual([]);
    } finally {
      client.destroy();
      await weir.remove(name);
      await weir.close();
    }
  });

  test("q1 converts prices exactly, at every size", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (cents) => {
        const text = convertPrice(cents);
        expect(text).toMatch(/^-?\d+\.\d{3}$/);
        expect(BigInt(text.replace(".", ""))).toBe(BigInt(cents) * 908n);
      }),
    );
    expect([0, 1, -1, 1_000].map(convertPrice)).toEqual(["0.000", "0.908", "-0.908", "908.000"]);
  });

  test("tells names of queries from others", () => {
    expect(["q0", "q5", "q4", "toString", ""].map(isNexmarkQuery)).toEqual([true, true, false, false, false]);
  });
});

/** Rows of `before`, and of `after` coming when all stages have reached the watermark. */
async function rowsAfterGap(
  query: NexmarkQuery,
  before: readonly NexmarkEvent[],
  after: readonly NexmarkEvent[],
  watermark: number,
): Promise<string[]> {
  const sink = collect<object>();
  const gate = gated(before, after);
  const weir = await connect();
  const job = nexmarkQueries[query]({ name: uniqueTag(query), source: gate.source, sink });
  const run = await weir.run(job, { parallelism: 1 });
  const reached = (): boolean => run.stages().every((stage) => (stage.watermark ?? 0) >= watermark);
  await waitFor(reached, { deadlineMs: 10_000, describe: `watermark ${watermark} in all stages` });
  gate.open();
  await run.finished;
  await weir.close();
  return sortedLines(sink.results);
}

/** Hands over `before`, then nothing until it is opened, then `after`. */
function gated(
  before: readonly NexmarkEvent[],
  after: readonly NexmarkEvent[],
): { source: Source<NexmarkEvent>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const whole = collection([...before, ...after]);
  const source: Source<NexmarkEvent> = {
    ...whole,
    open: async (split, position, context) => {
      const reader = await whole.open(split, position, context);
      let reads = 0;
      return {
        read: () =>
          reads++ === 0 ? reader.read(before.length) : opened.then(() => reader.read(after.length)),
        close: () => reader.close(),
      };
    },
  };
  return { source, open };
}
