import { describe, expect, test } from "vitest";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";
import { aBid, anAuction, aPerson } from "./event-builders.ts";
import {
  maxDelayMs,
  oracleQ0,
  oracleQ1,
  oracleQ2,
  oracleQ3,
  oracleQ5,
  oracleQ7,
  oracleQ8,
  oracles,
  sortedLines,
} from "./oracle.ts";

// All expected rows below are worked out by hand.

describe("Nexmark oracle", () => {
  test("q0 passes bids through and nothing else", () => {
    const events = [
      aPerson(),
      aBid({ auction: 7, bidder: 8, price: 9, dateTime: 10, extra: "x" }),
      anAuction(),
    ];
    expect(sortedLines(oracleQ0(events))).toEqual([
      '{"auction":7,"bidder":8,"price":9,"date_time":10,"extra":"x"}',
    ]);
  });

  test("q1 multiplies by 0.908 without rounding, at every size", () => {
    const prices = [0, 1, 2, 10, 100, 1000, 12_345, 100_000_000, Number.MAX_SAFE_INTEGER, -1, -1500];
    const rows = oracleQ1(prices.map((price) => aBid({ price })));
    expect(rows.map((row) => row.price)).toEqual([
      "0.000",
      "0.908",
      "1.816",
      "9.080",
      "90.800",
      "908.000",
      "11209.260",
      "90800000.000",
      "8178536923304819.828",
      "-0.908",
      "-1362.000",
    ]);
    expect(sortedLines(rows)[0]).toBe(
      '{"auction":1001,"bidder":2001,"price":"-0.908","date_time":0,"extra":""}',
    );
  });

  test("q2 keeps the auctions divisible by 123", () => {
    const events = [122, 123, 124, 246, 1230, 1000].map((auction) => aBid({ auction, price: auction + 1 }));
    expect(oracleQ2(events)).toEqual([
      { auction: 123, price: 124 },
      { auction: 246, price: 247 },
      { auction: 1230, price: 1231 },
    ]);
  });

  test("q3 joins sellers of OR, ID, CA with their auctions of category 10, whichever came first", () => {
    const events = [
      anAuction({ id: 1, seller: 50, category: 10 }),
      aPerson({ id: 50, name: "Kate Jones", city: "Bend", state: "OR" }),
      anAuction({ id: 2, seller: 50, category: 11 }),
      anAuction({ id: 3, seller: 50, category: 10 }),
      aPerson({ id: 51, name: "Paul White", city: "Kent", state: "WA" }),
      anAuction({ id: 4, seller: 51, category: 10 }),
      anAuction({ id: 5, seller: 52, category: 10 }),
      aPerson({ id: 53, name: "Saul Smith", city: "Boise", state: "CA" }),
      anAuction({ id: 6, seller: 53, category: 10 }),
      aPerson({ id: 54, name: "Luke Noris", city: "Kent", state: "ID" }),
    ];
    expect(sortedLines(oracleQ3(events))).toEqual([
      '{"name":"Kate Jones","city":"Bend","state":"OR","id":1}',
      '{"name":"Kate Jones","city":"Bend","state":"OR","id":3}',
      '{"name":"Saul Smith","city":"Boise","state":"CA","id":6}',
    ]);
  });

  test("q5 gives each bid to five windows, also to those that begin before the first bid", () => {
    // Windows [-8,2) [-6,4) [-4,6) [-2,8) [0,10) s, each with the one bid.
    expect(oracleQ5([aBid({ auction: 1, dateTime: 0 })])).toEqual(
      [-8, -6, -4, -2, 0].map(() => ({ auction: 1, num: 1 })),
    );
  });

  test("q5 keeps all auctions with the most bids of a window", () => {
    const events = [
      aBid({ auction: 1, dateTime: 100_000 }),
      aBid({ auction: 1, dateTime: 101_999 }),
      aBid({ auction: 2, dateTime: 102_000 }),
      aBid({ auction: 2, dateTime: 109_999 }),
      aBid({ auction: 3, dateTime: 110_000 }),
    ];
    // In s:  [92,102): 1 twice.         [94,104) [96,106) [98,108): 1 twice, 2 once.
    //        [100,110): 1 twice, 2 twice.
    //        [102,112): 2 twice, 3 once. [104,114) [106,116) [108,118): 2 once, 3 once.   [110,120): 3 once.
    const once = (auction: number) => ({ auction, num: 1 });
    const twice = (auction: number) => ({ auction, num: 2 });
    expect(oracleQ5(events)).toEqual([
      twice(1),
      twice(1),
      twice(1),
      twice(1),
      twice(1),
      twice(2),
      twice(2),
      once(2),
      once(3),
      once(2),
      once(3),
      once(2),
      once(3),
      once(3),
    ]);
  });

  test("q7 keeps all bids with the highest price of their window", () => {
    const events = [
      aBid({ auction: 1, price: 500, bidder: 1, dateTime: 0 }),
      aBid({ auction: 2, price: 900, bidder: 2, dateTime: 5_000, extra: "e" }),
      aBid({ auction: 3, price: 900, bidder: 3, dateTime: 9_999 }),
      aBid({ auction: 4, price: 900, bidder: 4, dateTime: 12_000 }),
      aBid({ auction: 5, price: 901, bidder: 5, dateTime: 13_000 }),
    ];
    expect(oracleQ7(events)).toEqual([
      { auction: 2, price: 900, bidder: 2, date_time: 5_000, extra: "e" },
      { auction: 3, price: 900, bidder: 3, date_time: 9_999, extra: "" },
      { auction: 5, price: 901, bidder: 5, date_time: 13_000, extra: "" },
    ]);
  });

  test("q7 compares a bid at the end of a window with that window too", () => {
    const first = aBid({ auction: 1, price: 700, dateTime: 3_000 });
    const atEnd = aBid({ auction: 2, price: 700, dateTime: 10_000 });
    const higher = aBid({ auction: 3, price: 800, dateTime: 11_000 });
    const row = { auction: 2, price: 700, bidder: 2001, date_time: 10_000, extra: "" };
    const firstRow = { ...row, auction: 1, date_time: 3_000 };

    expect(oracleQ7([first, atEnd]), "highest of both windows: twice").toEqual([firstRow, row, row]);
    expect(oracleQ7([first, atEnd, higher]), "highest of the earlier window only").toEqual([
      firstRow,
      row,
      { ...row, auction: 3, price: 800, date_time: 11_000 },
    ]);
    expect(oracleQ7([first, aBid({ price: 700, dateTime: 10_001 }), higher])).not.toContainEqual(
      expect.objectContaining({ date_time: 10_001 }),
    );
  });

  test("q8 finds who registered and sold in the same window, once", () => {
    const events = [
      anAuction({ id: 1, seller: 50, dateTime: 1_000 }),
      aPerson({ id: 50, name: "Kate Jones", dateTime: 9_999 }),
      aPerson({ id: 50, name: "Kate Jones", dateTime: 9_000 }),
      anAuction({ id: 2, seller: 50, dateTime: 2_000 }),
      aPerson({ id: 51, name: "Paul White", dateTime: 9_999 }),
      anAuction({ id: 3, seller: 51, dateTime: 10_000 }),
      aPerson({ id: 52, name: "Saul Smith", dateTime: 20_000 }),
      anAuction({ id: 4, seller: 52, dateTime: 29_999 }),
      aPerson({ id: 53, name: "Luke Noris", dateTime: 20_000 }),
    ];
    expect(sortedLines(oracleQ8(events))).toEqual([
      '{"id":50,"name":"Kate Jones","starttime":0}',
      '{"id":52,"name":"Saul Smith","starttime":20000}',
    ]);
  });

  test("names the largest delay behind an earlier event", () => {
    expect(maxDelayMs([])).toBe(0);
    expect(maxDelayMs([5, 9, 2, 10, 4].map((dateTime) => aBid({ dateTime })))).toBe(7);
  });

  test("no query is empty on a generated stream, so that comparing with it means something", () => {
    const generator = createNexmarkGenerator({ seed: 7, eventsPerSecond: 200 });
    const events = Array.from({ length: 5_000 }, (_, n) => generator.event(n));
    const counts = Object.entries(oracles).map(([query, fold]) => [query, fold(events).length] as const);

    expect(Object.fromEntries(counts)).toMatchObject({ q0: 4_600, q1: 4_600 });
    for (const [query, rows] of counts) expect(rows, query).toBeGreaterThan(0);
    expect(maxDelayMs(events)).toBe(0);
  });
});
