// Two oracles that share no line must agree before either is believed.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NexmarkEvent } from "../../src/nexmark/events.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";
import { type NexmarkQuery, nexmarkQueries } from "../../src/nexmark/queries.ts";
import { DuckDbOracle } from "./duckdb-oracle.ts";
import { type OracleQuery, oracles, sortedLines } from "./oracle.ts";

const generator = createNexmarkGenerator({
  seed: 5,
  eventsPerSecond: 200,
  outOfOrderGroupSize: 400,
  // Else the first bidders are nobody, and q23 has no rows in a short stream.
  bidderOffsetTwice: false,
});
const events: NexmarkEvent[] = Array.from({ length: 10_000 }, (_, n) => generator.event(n));

let oracle: DuckDbOracle;
beforeAll(async () => {
  oracle = await DuckDbOracle.load(events);
});
afterAll(() => oracle.close());

describe("the SQL oracle", () => {
  test.each(Object.keys(oracles) as OracleQuery[])("%s gives the rows of the plain fold", async (query) => {
    const rows = await oracle.sortedLines(query);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows).toEqual(sortedLines(oracles[query](events)));
  });

  test.each(Object.keys(nexmarkQueries) as NexmarkQuery[])("%s has rows", async (query) => {
    expect((await oracle.sortedLines(query)).length).toBeGreaterThan(0);
  });
});
