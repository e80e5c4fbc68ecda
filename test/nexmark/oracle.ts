// Oracle — the Nexmark queries as plain folds over an array of events: what the engine's results are checked with.
//
// Every fold says what the query means and nothing else: all events at hand, no watermark, no state, no order of
// arrival, loops within loops. None of it may share code with the engine or with the jobs.
//
// Precondition of the windowed ones (q5, q7, q8): no event is 4 s or more behind an earlier one (`maxDelayMs`).
// A stream that follows the watermark drops events that come later than that; these folds count them.

import type { Auction, Bid, NexmarkEvent, Person } from "../../src/nexmark/events.ts";

export interface Q0Row {
  auction: number;
  bidder: number;
  price: number;
  date_time: number;
  extra: string;
}

export interface Q1Row {
  auction: number;
  bidder: number;
  /** price * 0.908 in decimal notation with exactly three decimals */
  price: string;
  date_time: number;
  extra: string;
}

export interface Q2Row {
  auction: number;
  price: number;
}

export interface Q3Row {
  name: string;
  city: string;
  state: string;
  id: number;
}

export interface Q5Row {
  auction: number;
  num: number;
}

export interface Q7Row {
  auction: number;
  price: number;
  bidder: number;
  date_time: number;
  extra: string;
}

export interface Q8Row {
  id: number;
  name: string;
  starttime: number;
}

/** Every query that has an oracle, with its rows. Rows have their columns in the published order. */
export interface OracleRows {
  q0: Q0Row;
  q1: Q1Row;
  q2: Q2Row;
  q3: Q3Row;
  q5: Q5Row;
  q7: Q7Row;
  q8: Q8Row;
}

export type OracleQuery = keyof OracleRows;

export const oracles: {
  readonly [Query in OracleQuery]: (events: readonly NexmarkEvent[]) => OracleRows[Query][];
} = { q0: oracleQ0, q1: oracleQ1, q2: oracleQ2, q3: oracleQ3, q5: oracleQ5, q7: oracleQ7, q8: oracleQ8 };

/** q0: every bid, as it is. */
export function oracleQ0(events: readonly NexmarkEvent[]): Q0Row[] {
  return bidsOf(events).map((bid) => ({
    auction: bid.auction,
    bidder: bid.bidder,
    price: bid.price,
    date_time: bid.dateTime,
    extra: bid.extra,
  }));
}

/** q1: every bid with its price converted. */
export function oracleQ1(events: readonly NexmarkEvent[]): Q1Row[] {
  return bidsOf(events).map((bid) => ({
    auction: bid.auction,
    bidder: bid.bidder,
    price: times908Thousandths(bid.price),
    date_time: bid.dateTime,
    extra: bid.extra,
  }));
}

/** q2: auction and price of the bids for every 123rd auction id. */
export function oracleQ2(events: readonly NexmarkEvent[]): Q2Row[] {
  return bidsOf(events)
    .filter((bid) => bid.auction % 123 === 0)
    .map((bid) => ({ auction: bid.auction, price: bid.price }));
}

/** q3: who sells in OR, ID or CA in category 10, and which auctions. */
export function oracleQ3(events: readonly NexmarkEvent[]): Q3Row[] {
  const rows: Q3Row[] = [];
  const sellers = personsOf(events).filter(({ state }) => state === "OR" || state === "ID" || state === "CA");
  for (const auction of auctionsOf(events)) {
    if (auction.category !== 10) continue;
    for (const person of sellers) {
      if (person.id !== auction.seller) continue;
      rows.push({ name: person.name, city: person.city, state: person.state, id: auction.id });
    }
  }
  return rows;
}

/** q5: per window of 10 s that slides by 2 s, the auctions with the most bids; all of them when tied. */
export function oracleQ5(events: readonly NexmarkEvent[]): Q5Row[] {
  const rows: Q5Row[] = [];
  const bids = bidsOf(events);
  for (const start of windowStarts(bids, 10_000, 2_000)) {
    const counts = new Map<number, number>();
    for (const bid of bids) {
      if (!inWindow(bid, start, 10_000)) continue;
      counts.set(bid.auction, (counts.get(bid.auction) ?? 0) + 1);
    }
    const most = largest([...counts.values()]);
    for (const [auction, num] of counts) {
      if (num === most) rows.push({ auction, num });
    }
  }
  return rows;
}

/**
 * q7: the bids that equal the highest price of a tumbling window of 10 s and lie in it. The published condition takes
 * both ends of the window as inside: a bid at the very end of a window is compared with that window's highest price
 * and with its own window's, and appears twice when it equals both.
 */
export function oracleQ7(events: readonly NexmarkEvent[]): Q7Row[] {
  const rows: Q7Row[] = [];
  const bids = bidsOf(events);
  for (const start of windowStarts(bids, 10_000, 10_000)) {
    const highest = largest(bids.filter((bid) => inWindow(bid, start, 10_000)).map((bid) => bid.price));
    for (const bid of bids) {
      if (bid.price !== highest || bid.dateTime < start || bid.dateTime > start + 10_000) continue;
      rows.push({
        auction: bid.auction,
        price: bid.price,
        bidder: bid.bidder,
        date_time: bid.dateTime,
        extra: bid.extra,
      });
    }
  }
  return rows;
}

/** q8: who registered and opened an auction in the same tumbling window of 10 s; once per id, name and window. */
export function oracleQ8(events: readonly NexmarkEvent[]): Q8Row[] {
  const rows: Q8Row[] = [];
  const persons = personsOf(events);
  const auctions = auctionsOf(events);
  for (const starttime of windowStarts(persons, 10_000, 10_000)) {
    const inThis = (row: Person | Auction) => inWindow(row, starttime, 10_000);
    const sellers = auctions.filter(inThis).map(({ seller }) => seller);
    const seen = new Set<string>();
    for (const { id, name } of persons.filter(inThis)) {
      const person = JSON.stringify([id, name]);
      if (seen.has(person) || !sellers.includes(id)) continue;
      seen.add(person);
      rows.push({ id, name, starttime });
    }
  }
  return rows;
}

/**
 * Rows as NDJSON lines in sorted order: two results are the same multiset, with columns in the same order, exactly
 * when these are equal.
 */
export function sortedLines(rows: readonly object[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}

/** The largest delay in ms of an event behind the newest one before it; below 4,000 nothing is late. */
export function maxDelayMs(events: readonly NexmarkEvent[]): number {
  let newest = Number.NEGATIVE_INFINITY;
  let delayMs = 0;
  for (const { dateTime } of events) {
    delayMs = Math.max(delayMs, newest - dateTime);
    newest = Math.max(newest, dateTime);
  }
  return delayMs;
}

function bidsOf(events: readonly NexmarkEvent[]): Bid[] {
  return events.flatMap((event) => (event.event_type === 2 ? [event.bid] : []));
}

function auctionsOf(events: readonly NexmarkEvent[]): Auction[] {
  return events.flatMap((event) => (event.event_type === 1 ? [event.auction] : []));
}

function personsOf(events: readonly NexmarkEvent[]): Person[] {
  return events.flatMap((event) => (event.event_type === 0 ? [event.person] : []));
}

/** Begins, in order, of all windows of `sizeMs` every `slideMs`, aligned to the epoch, that hold at least one row. */
function windowStarts(rows: readonly { dateTime: number }[], sizeMs: number, slideMs: number): number[] {
  const starts = new Set<number>();
  for (const { dateTime } of rows) {
    let start = Math.floor(dateTime / slideMs) * slideMs;
    while (start + sizeMs > dateTime) {
      starts.add(start);
      start -= slideMs;
    }
  }
  return [...starts].sort((a, b) => a - b);
}

function inWindow(row: { dateTime: number }, start: number, sizeMs: number): boolean {
  return row.dateTime >= start && row.dateTime < start + sizeMs;
}

/** Math.max(...values) would overflow the stack on a large window. */
function largest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
}

function times908Thousandths(price: number): string {
  const thousandths = BigInt(price) * 908n;
  const sign = thousandths < 0n ? "-" : "";
  const digits = (thousandths < 0n ? -thousandths : thousandths).toString().padStart(4, "0");
  return `${sign}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}
