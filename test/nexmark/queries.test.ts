// The queries at their edges, against plain folds (oracle.ts) and against SQL (duckdb-oracle.ts). Over generated streams:
// queries-sql.test.ts.
import fc from "fast-check";
import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import { collect } from "../../src/connectors/collect.ts";
import { collection } from "../../src/connectors/collection.ts";
import type { Source } from "../../src/connectors/contract.ts";
import type { NexmarkEvent } from "../../src/nexmark/events.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";
import { convertPrice } from "../../src/nexmark/queries/q1.ts";
import { isNexmarkQuery, type NexmarkQuery, nexmarkJob, nexmarkQueries } from "../../src/nexmark/queries.ts";
import type { SideInput } from "../../src/nexmark/side-input.ts";
import { connect } from "../../src/runtime/weir.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";
import { DuckDbOracle } from "./duckdb-oracle.ts";
import { aBid, anAuction, aPerson } from "./event-builders.ts";
import { type OracleQuery, oracles, sortedLines } from "./oracle.ts";
import { ordered } from "./streams.ts";
import { tableOf } from "./table.ts";

const queries = Object.keys(nexmarkQueries) as NexmarkQuery[];
const foldedQueries = Object.keys(oracles) as OracleQuery[];

interface RunAs {
  readonly parallelism: number;
  readonly changelog?: boolean;
  readonly sideInput?: SideInput;
}

/** The rows of a query in the order in which they came. */
async function resultsOf(
  query: NexmarkQuery,
  source: Source<NexmarkEvent>,
  { parallelism, changelog, sideInput }: RunAs,
): Promise<readonly object[]> {
  const sink = collect<object>();
  const weir = await connect();
  const job = nexmarkJob(query, { name: query, source, sink, changelog, sideInput });
  const run = await weir.run(job, { parallelism });
  expect(await run.finished).toMatchObject({ status: "finished" });
  return sink.results;
}

/** The rows of a query as sorted lines. */
async function rowsOf(query: NexmarkQuery, source: Source<NexmarkEvent>, runAs: RunAs): Promise<string[]> {
  return sortedLines(await resultsOf(query, source, runAs));
}

describe("Nexmark queries as they are asked for", () => {
  test("the changelog of a query that appends has only insertions", async () => {
    const rows = await rowsOf("q2", ordered.source, { parallelism: 2 });
    const changes = await resultsOf("q2", ordered.source, { parallelism: 2, changelog: true });
    expect(changes.map((change) => Object.entries(change)[0])).toEqual(changes.map(() => ["op", "+I"]));
    expect(rows.length).toBeGreaterThan(0);
    expect(tableOf(changes)).toEqual(rows);
  });

  test("q13 looks auctions up in the side input that it is given", async () => {
    const sideInput = new Map([
      [1_100, "eleven hundred"],
      [1_200, ""],
    ]);
    const oracle = await DuckDbOracle.load(ordered.events, sideInput);
    try {
      const rows = await rowsOf("q13", ordered.source, { parallelism: 2, sideInput });
      expect(rows).toEqual(await oracle.sortedLines("q13"));
      expect(rows.join()).toContain("eleven hundred");
    } finally {
      oracle.close();
    }
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

  test.each(foldedQueries)("%s gives the rows of the oracle for any small stream", async (query) => {
    await fc.assert(
      fc.asyncProperty(input, fc.integer({ min: 1, max: 3 }), async (events, parallelism) => {
        const rows = await rowsOf(query, collection(events), { parallelism });
        expect(rows).toEqual(sortedLines(oracles[query](events)));
      }),
      { numRuns: 60 },
    );
  });

  test("queries that know no late events give the rows of SQL for any small stream in any order", async () => {
    const numbered = fc
      .tuple(
        fc.uniqueArray(
          fc.record({ id: fc.integer({ min: 1, max: 30 }), lengthMs: fc.constantFrom(1, 2_000, 20_000) }),
          {
            selector: ({ id }) => id,
            minLength: 3,
          },
        ),
        fc.array(anyEvent, { minLength: 30, maxLength: 200 }),
        fc.array(fc.integer(), { minLength: 300, maxLength: 300 }),
      )
      .map(([lots, others, order]) => {
        const auctions = lots.map(({ id, lengthMs }) => {
          const dateTime = (id * 977) % 30_000;
          return anAuction({
            id,
            seller: id % 4,
            dateTime,
            expires: dateTime + lengthMs,
            category: 10 + (id % 2),
          });
        });
        const bidsAndPersons = others.filter(({ event_type }) => event_type !== 1);
        return shuffled([aPerson(), aBid({ auction: 2 }), ...auctions, ...bidsAndPersons], order);
      });
    const timeless = queries.filter((query) => !["q5", "q7", "q8", "q11", "q12"].includes(query));
    await fc.assert(
      fc.asyncProperty(numbered, fc.integer({ min: 1, max: 3 }), async (events, parallelism) => {
        const oracle = await DuckDbOracle.load(events);
        try {
          for (const query of timeless) {
            const rows = await resultsOf(query, collection(events), { parallelism });
            const expected = await oracle.sortedLines(query);
            expect(sortedLines(rows), query).toEqual(expected);
            if (nexmarkQueries[query].result === "append") continue;
            const changes = await resultsOf(query, collection(events), { parallelism, changelog: true });
            expect(tableOf(changes), `${query}, changelog`).toEqual(expected);
          }
        } finally {
          oracle.close();
        }
      }),
      { numRuns: 8 },
    );
  });

  test("rows at the edges of the rules are those of SQL", async () => {
    const hour = 3_600_000;
    const urls = [
      "",
      "channel_id=",
      "&channel_id=",
      "&channel_id=7",
      "&a=1&channel_id=8&b=2",
      "&xchannel_id=9",
    ];
    const events = shuffled(
      [
        aPerson(),
        anAuction({ id: 1, dateTime: 1_000, expires: 5_000 }),
        anAuction({ id: 2, dateTime: 1_000, expires: 5_000 }),
        ...[999, 1_000, 5_000, 5_001].map((dateTime) => aBid({ auction: 1, price: dateTime, dateTime })),
        ...[0, 10_000, 20_001].map((dateTime) => aBid({ bidder: 7, dateTime })),
        ...[6, 7, 8, 18, 19, 20, 23].map((at) =>
          aBid({ price: 2_000_000, dateTime: at * hour, extra: "cCc" }),
        ),
        // Converted: 999,999.756  1,000,000.664  49,999,999.532  50,000,000.44
        ...[1_101_321, 1_101_322, 55_066_079, 55_066_080].map((price) => aBid({ price })),
        ...[9_999, 10_000, 999_999, 1_000_000].map((price) => aBid({ auction: 3, price })),
        ...urls.map((end) => aBid({ channel: "channel-1", url: `https://host/a/b/c/item${end}` })),
        ...["channel_id=5&", "https://host/a", ""].map((url) => aBid({ channel: "channel-2", url })),
        ...["APPLE", "google", "Facebook", "baidu", "apples"].map((channel) => aBid({ channel, url: "u" })),
      ],
      [],
    ).sort((a, b) => a.dateTime - b.dateTime);
    const oracle = await DuckDbOracle.load(events);
    try {
      for (const query of ["q4", "q6", "q9", "q11", "q14", "q15", "q16", "q17", "q21", "q22"] as const) {
        const expected = await oracle.sortedLines(query);
        expect(expected.length, query).toBeGreaterThan(0);
        expect(await rowsOf(query, collection(events), { parallelism: 1 }), query).toEqual(expected);
      }
    } finally {
      oracle.close();
    }
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
    const job = nexmarkJob(query, { name, source, sink: collect<object>() });
    const run = await weir.run(job, { parallelism: 2 });
    await run.finished;
    const client = createClient({ url: redis });
    await client.connect();
    try {
      // State, timers, maps and lists; the job's own records stay.
      expect(await client.keys(`{weir:${name}}:*:[stml]:*`)).toEqual([]);
      expect(await client.keys(`{weir:${name}}:*:a:*`)).not.toEqual([]);
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
    expect(["q0", "q23", "q10", "toString", ""].map(isNexmarkQuery)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

/** In an order that `by` decides, numbered in that order. */
function shuffled(events: readonly NexmarkEvent[], by: readonly number[]): NexmarkEvent[] {
  return events
    .map((event, index) => ({ event, at: by[index] ?? index }))
    .sort((a, b) => a.at - b.at)
    .map(({ event }, seq) => ({ ...event, seq }));
}

/** Rows of `before`, and of `after` coming when all stages have reached the watermark. */
async function rowsAfterGap(
  query: OracleQuery,
  before: readonly NexmarkEvent[],
  after: readonly NexmarkEvent[],
  watermark: number,
): Promise<string[]> {
  const sink = collect<object>();
  const gate = gated(before, after);
  const weir = await connect();
  const job = nexmarkJob(query, { name: uniqueTag(query), source: gate.source, sink });
  const run = await weir.run(job, { parallelism: 1 });
  const reached = (): boolean => run.stages().every((stage) => (stage.watermark ?? 0) >= watermark);
  await waitFor(reached, { describe: `watermark ${watermark} in all stages` });
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
