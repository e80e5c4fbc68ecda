// Nexmark events — the three record types of the auction workload, and their NDJSON form.
//
// One line of NDJSON is one event, one JSON object:
//
//   {"event_type": 0 | 1 | 2, "person" | "auction" | "bid": {...}, "seq": n}
//
// `event_type` 0 carries `person`, 1 `auction`, 2 `bid`; the other two names are absent or null. `seq` is the
// order of arrival, from 0. A timestamp is epoch milliseconds or an ISO 8601 text with date and time; a text
// without a zone is read as UTC. In memory every timestamp is epoch milliseconds.
//
// Source: https://github.com/nexmark/nexmark (the tables person, auction, bid and datagen).

import { inspect } from "node:util";
import { EngineError } from "../core/errors.ts";

/** The values of `event_type`. */
export const eventTypes = { person: 0, auction: 1, bid: 2 } as const;

/** Somebody who registered: may open auctions and bid. Unique by `id`. */
export interface Person {
  readonly id: number;
  readonly name: string;
  readonly emailAddress: string;
  readonly creditCard: string;
  readonly city: string;
  /** Two capital letters. */
  readonly state: string;
  /** Epoch ms. */
  readonly dateTime: number;
  /** Filler that brings the record to its nominal size. */
  readonly extra: string;
}

/** An item put up for sale by a person. Unique by `id`. */
export interface Auction {
  readonly id: number;
  readonly itemName: string;
  readonly description: string;
  /** Cents. */
  readonly initialBid: number;
  /** Cents. */
  readonly reserve: number;
  /** Epoch ms. */
  readonly dateTime: number;
  /** Epoch ms: a bid at this very instant still counts. */
  readonly expires: number;
  /** Person.id; the person may not have been seen yet. */
  readonly seller: number;
  readonly category: number;
  /** Filler that brings the record to its nominal size. */
  readonly extra: string;
}

/** An offer of a person for an auction. */
export interface Bid {
  /** Auction.id; the auction may not have been seen yet. */
  readonly auction: number;
  /** Person.id. */
  readonly bidder: number;
  /** Cents. */
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  /** Epoch ms. */
  readonly dateTime: number;
  /** Filler that brings the record to its nominal size. */
  readonly extra: string;
}

export interface PersonEvent {
  readonly event_type: 0;
  readonly person: Person;
  readonly auction: null;
  readonly bid: null;
  readonly seq: number;
  readonly dateTime: number;
}

export interface AuctionEvent {
  readonly event_type: 1;
  readonly person: null;
  readonly auction: Auction;
  readonly bid: null;
  readonly seq: number;
  readonly dateTime: number;
}

export interface BidEvent {
  readonly event_type: 2;
  readonly person: null;
  readonly auction: null;
  readonly bid: Bid;
  readonly seq: number;
  readonly dateTime: number;
}

/**
 * One row of the combined stream. At run time all three variants have the same fields in the same order, so code
 * that reads mixed events stays monomorphic; `event_type` tells which of the three rows is present. `dateTime`
 * (epoch ms) repeats the row's own and is not part of the NDJSON form.
 */
export type NexmarkEvent = PersonEvent | AuctionEvent | BidEvent;

/** A line or object of Nexmark input that does not have the form above. */
export class NexmarkInputError extends EngineError<"NEXMARK_INPUT_INVALID"> {
  /** Path of the field, for example `bid.price`. */
  readonly field: string;
  /** What is wrong with it, without saying where. */
  readonly problem: string;

  /**
   * @param line number of the line in its file, from 1; undefined when the event did not come from a file
   * @param field path of the field, for example `bid.price`; `line` when the text is no JSON object
   * @param expected what the field must be
   * @param value what was found
   */
  constructor(line: number | undefined, field: string, expected: string, value: unknown, cause?: unknown) {
    const place = line === undefined ? "nexmark event" : `nexmark input line ${line}`;
    const problem = `must be ${expected}, found ${shown(value)}`;
    super("NEXMARK_INPUT_INVALID", `${place}: field ${field} ${problem}; correct this event in the input`, {
      retry: "never",
      details: { line, field, value },
      cause,
    });
    this.field = field;
    this.problem = problem;
  }
}

/**
 * Reads one line of NDJSON.
 *
 * @param text the line, with or without its line end
 * @param line its number from 1, for error messages
 * @throws {NexmarkInputError} when it is no JSON, or not of the form above
 */
export function parseNexmarkLine(text: string, line?: number): NexmarkEvent {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new NexmarkInputError(line, "line", "a JSON object", text, error);
  }
  return parseNexmarkEvent(value, line);
}

/**
 * Checks a decoded JSON value and turns it into an event. Fields that the form does not know are dropped.
 *
 * @param value one decoded NDJSON object
 * @param line number of its line from 1, for error messages
 * @throws {NexmarkInputError} when a field is missing, of the wrong type, or belongs to another event type
 */
export function parseNexmarkEvent(value: unknown, line?: number): NexmarkEvent {
  const raw = row<NexmarkEvent>(value, "line", line);
  const seq = integer(raw.seq, "seq", line);
  switch (raw.event_type) {
    case eventTypes.person: {
      absent(raw.auction, "auction", line);
      absent(raw.bid, "bid", line);
      return personEvent(seq, parsePerson(raw.person, line));
    }
    case eventTypes.auction: {
      absent(raw.person, "person", line);
      absent(raw.bid, "bid", line);
      return auctionEvent(seq, parseAuction(raw.auction, line));
    }
    case eventTypes.bid: {
      absent(raw.person, "person", line);
      absent(raw.auction, "auction", line);
      return bidEvent(seq, parseBid(raw.bid, line));
    }
    default:
      throw new NexmarkInputError(line, "event_type", "0 (person), 1 (auction) or 2 (bid)", raw.event_type);
  }
}

/** The NDJSON line of an event, without line end; timestamps in epoch ms. */
export function formatNexmarkEvent(event: NexmarkEvent): string {
  const { event_type, seq } = event;
  switch (event_type) {
    case eventTypes.person:
      return JSON.stringify({ event_type, person: event.person, seq });
    case eventTypes.auction:
      return JSON.stringify({ event_type, auction: event.auction, seq });
    case eventTypes.bid:
      return JSON.stringify({ event_type, bid: event.bid, seq });
  }
}

// The only three places that build events. Field order is the same in all: it keeps one hidden class.

export function personEvent(seq: number, person: Person): PersonEvent {
  return { event_type: 0, person, auction: null, bid: null, seq, dateTime: person.dateTime };
}

export function auctionEvent(seq: number, auction: Auction): AuctionEvent {
  return { event_type: 1, person: null, auction, bid: null, seq, dateTime: auction.dateTime };
}

export function bidEvent(seq: number, bid: Bid): BidEvent {
  return { event_type: 2, person: null, auction: null, bid, seq, dateTime: bid.dateTime };
}

/** The fields of T before anybody has looked at them. */
type Unchecked<T> = { readonly [Field in keyof T]?: unknown };

function parsePerson(value: unknown, line: number | undefined): Person {
  const raw = row<Person>(value, "person", line);
  return {
    id: integer(raw.id, "person.id", line),
    name: text(raw.name, "person.name", line),
    emailAddress: text(raw.emailAddress, "person.emailAddress", line),
    creditCard: text(raw.creditCard, "person.creditCard", line),
    city: text(raw.city, "person.city", line),
    state: text(raw.state, "person.state", line),
    dateTime: timestamp(raw.dateTime, "person.dateTime", line),
    extra: text(raw.extra, "person.extra", line),
  };
}

function parseAuction(value: unknown, line: number | undefined): Auction {
  const raw = row<Auction>(value, "auction", line);
  return {
    id: integer(raw.id, "auction.id", line),
    itemName: text(raw.itemName, "auction.itemName", line),
    description: text(raw.description, "auction.description", line),
    initialBid: integer(raw.initialBid, "auction.initialBid", line),
    reserve: integer(raw.reserve, "auction.reserve", line),
    dateTime: timestamp(raw.dateTime, "auction.dateTime", line),
    expires: timestamp(raw.expires, "auction.expires", line),
    seller: integer(raw.seller, "auction.seller", line),
    category: integer(raw.category, "auction.category", line),
    extra: text(raw.extra, "auction.extra", line),
  };
}

function parseBid(value: unknown, line: number | undefined): Bid {
  const raw = row<Bid>(value, "bid", line);
  return {
    auction: integer(raw.auction, "bid.auction", line),
    bidder: integer(raw.bidder, "bid.bidder", line),
    price: integer(raw.price, "bid.price", line),
    channel: text(raw.channel, "bid.channel", line),
    url: text(raw.url, "bid.url", line),
    dateTime: timestamp(raw.dateTime, "bid.dateTime", line),
    extra: text(raw.extra, "bid.extra", line),
  };
}

function row<T>(value: unknown, field: string, line: number | undefined): Unchecked<T> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new NexmarkInputError(line, field, "a JSON object", value);
}

function absent(value: unknown, field: string, line: number | undefined): void {
  // Two rows in one event: whichever we dropped, somebody's data would vanish without a word.
  if (value === undefined || value === null) return;
  throw new NexmarkInputError(line, field, "absent or null for this event_type", value);
}

function integer(value: unknown, field: string, line: number | undefined): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw new NexmarkInputError(line, field, "an integer of less than 2^53", value);
}

function text(value: unknown, field: string, line: number | undefined): string {
  if (typeof value === "string") return value;
  throw new NexmarkInputError(line, field, "a string", value);
}

const isoTimestamp =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d))?$/;

function timestamp(value: unknown, field: string, line: number | undefined): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  const parsed = typeof value === "string" ? isoToEpochMs(value) : undefined;
  if (parsed !== undefined) return parsed;
  throw new NexmarkInputError(line, field, "epoch milliseconds or an ISO 8601 date and time", value);
}

/** Not Date.parse: that one reads a text without zone as local time and takes the 30th of February for March. */
function isoToEpochMs(value: string): number | undefined {
  const match = isoTimestamp.exec(value);
  if (match === null) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second = "0",
    fraction = "",
    sign,
    zoneHour = "0",
    zoneMinute = "0",
  ] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;

  const date = new Date(0);
  // setUTCFullYear and not Date.UTC: the latter reads the years 0000 to 0099 as 19xx.
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;

  const ms = Number(fraction.slice(0, 3).padEnd(3, "0"));
  const offsetMs = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000;
  const local = date.setUTCHours(Number(hour), Number(minute), Number(second), ms);
  return sign === "-" ? local + offsetMs : local - offsetMs;
}

/** A value in an error message: short, whatever it is. */
function shown(value: unknown): string {
  const full = inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 200 });
  return full.length <= 80 ? full : `${full.slice(0, 77)}...`;
}
