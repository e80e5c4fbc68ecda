import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EngineError } from "../../src/core/errors.ts";
import {
  auctionEvent,
  bidEvent,
  formatNexmarkEvent,
  NexmarkInputError,
  parseNexmarkEvent,
  parseNexmarkLine,
  personEvent,
} from "../../src/nexmark/events.ts";
import { aBid, anAuction, aPerson } from "./event-builders.ts";

const integers = fc.maxSafeInteger();
const texts = fc.string({ unit: "binary" });
/** Instants of the years 0000 to 9999, the ones ISO 8601 writes with four digits. */
const instants = fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 });

const persons = fc.record({
  id: integers,
  name: texts,
  emailAddress: texts,
  creditCard: texts,
  city: texts,
  state: texts,
  dateTime: instants,
  extra: texts,
});
const auctions = fc.record({
  id: integers,
  itemName: texts,
  description: texts,
  initialBid: integers,
  reserve: integers,
  dateTime: instants,
  expires: instants,
  seller: integers,
  category: integers,
  extra: texts,
});
const bids = fc.record({
  auction: integers,
  bidder: integers,
  price: integers,
  channel: texts,
  url: texts,
  dateTime: instants,
  extra: texts,
});
const anyEvent = fc.oneof(
  fc.tuple(fc.nat(), persons).map(([seq, row]) => personEvent(seq, row)),
  fc.tuple(fc.nat(), auctions).map(([seq, row]) => auctionEvent(seq, row)),
  fc.tuple(fc.nat(), bids).map(([seq, row]) => bidEvent(seq, row)),
);

/** The NDJSON form of a bid with some fields of the row replaced; undefined takes a field away. */
function bidLine(fields: Record<string, unknown>, envelope: Record<string, unknown> = {}): string {
  return JSON.stringify({ event_type: 2, bid: { ...aBid().bid, ...fields }, seq: 3, ...envelope });
}

function dateTimeOf(written: unknown): number {
  return parseNexmarkLine(bidLine({ dateTime: written })).dateTime;
}

describe("Nexmark NDJSON", () => {
  test("any event survives formatting and parsing", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const line = formatNexmarkEvent(event);
        expect(line).not.toMatch(/[\r\n]/);
        expect(parseNexmarkLine(`${line}\r\n`)).toEqual(event);
      }),
    );
  });

  test("any timestamp may be written as ISO 8601 instead", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const iso = JSON.parse(formatNexmarkEvent(event), (key, value) =>
          key === "dateTime" || key === "expires" ? new Date(value).toISOString() : value,
        );
        expect(parseNexmarkEvent(iso)).toEqual(event);
      }),
    );
  });

  test("writes only the row of the event's own type, and its fields by their published names", () => {
    expect(formatNexmarkEvent(aBid({ price: 7, dateTime: 5, extra: 'a"b' }))).toBe(
      '{"event_type":2,"bid":{"auction":1001,"bidder":2001,"price":7,"channel":"Apple",' +
        '"url":"https://www.nexmark.com/a/b/c/item.htm?query=1","dateTime":5,"extra":"a\\"b"},"seq":0}',
    );
    expect(Object.keys(JSON.parse(formatNexmarkEvent(aPerson())))).toEqual(["event_type", "person", "seq"]);
    expect(Object.keys(JSON.parse(formatNexmarkEvent(anAuction())))).toEqual([
      "event_type",
      "auction",
      "seq",
    ]);
  });

  test("reads timestamps with zones, without zone as UTC, and with any number of decimals", () => {
    const instant = Date.UTC(2015, 6, 15, 10, 30, 15, 120);
    expect(dateTimeOf(instant)).toBe(instant);
    expect(dateTimeOf("2015-07-15T10:30:15.120Z")).toBe(instant);
    expect(dateTimeOf("2015-07-15T10:30:15.12")).toBe(instant);
    expect(dateTimeOf("2015-07-15 10:30:15.120999")).toBe(instant);
    expect(dateTimeOf("2015-07-15T12:30:15.120+02:00")).toBe(instant);
    expect(dateTimeOf("2015-07-15T05:00:15.120-0530")).toBe(instant);
    expect(dateTimeOf("2015-07-15T10:30Z")).toBe(Date.UTC(2015, 6, 15, 10, 30));
    expect(dateTimeOf("2016-02-29T00:00:00Z")).toBe(Date.UTC(2016, 1, 29));
  });

  test("accepts null for the rows of other types and drops fields it does not know", () => {
    const line = bidLine({ colour: "red" }, { person: null, auction: null, source: "x" });
    expect(parseNexmarkLine(line)).toEqual({ ...aBid(), seq: 3 });
  });

  test.each([
    ["", "line", /must be a JSON object, found ''/],
    ["{", "line", /must be a JSON object, found '\{'/],
    ["[]", "line", /must be a JSON object, found \[\]/],
    ["null", "line", /found null/],
    ["17", "line", /found 17/],
    ["{}", "seq", /must be an integer of less than 2\^53, found undefined/],
    ['{"seq":0}', "event_type", /must be 0 \(person\), 1 \(auction\) or 2 \(bid\), found undefined/],
    ['{"seq":0,"event_type":"2"}', "event_type", /found '2'/],
    ['{"seq":0,"event_type":3}', "event_type", /found 3/],
    ['{"seq":0,"event_type":0}', "person", /must be a JSON object, found undefined/],
    ['{"seq":0,"event_type":1,"auction":[1]}', "auction", /found \[ 1 \]/],
    ['{"seq":0,"event_type":1,"auction":{}}', "auction.id", /found undefined/],
    [bidLine({}, { seq: 1.5 }), "seq", /found 1\.5/],
    [bidLine({}, { person: {} }), "person", /must be absent or null for this event_type/],
    [bidLine({}, { auction: {} }), "auction", /must be absent or null for this event_type/],
    [bidLine({}, { event_type: 0, person: aPerson().person }), "bid", /must be absent or null/],
    [bidLine({}, { event_type: 1, auction: anAuction().auction }), "bid", /must be absent or null/],
    [bidLine({ price: "12" }), "bid.price", /an integer of less than 2\^53, found '12'/],
    [bidLine({ price: 0.5 }), "bid.price", /found 0\.5/],
    [bidLine({ price: 2 ** 53 }), "bid.price", /found 9007199254740992/],
    [bidLine({ auction: undefined }), "bid.auction", /found undefined/],
    [bidLine({ bidder: null }), "bid.bidder", /found null/],
    [bidLine({ extra: 5 }), "bid.extra", /a string, found 5/],
    [bidLine({ channel: "x", url: undefined }), "bid.url", /a string, found undefined/],
    [bidLine({ dateTime: undefined }), "bid.dateTime", /epoch milliseconds or an ISO 8601 date and time/],
    [bidLine({ dateTime: 1.5 }), "bid.dateTime", /found 1\.5/],
    [bidLine({ dateTime: "yesterday" }), "bid.dateTime", /found 'yesterday'/],
    [bidLine({ dateTime: "2015-07-15" }), "bid.dateTime", /found '2015-07-15'/],
    [bidLine({ dateTime: "2015-02-29T00:00:00Z" }), "bid.dateTime", /found/],
    [bidLine({ dateTime: "2015-13-01T00:00:00Z" }), "bid.dateTime", /found/],
    [bidLine({ dateTime: "2015-07-15T24:00:00Z" }), "bid.dateTime", /found/],
    [bidLine({ dateTime: "2015-07-15T10:60:00Z" }), "bid.dateTime", /found/],
    [bidLine({ dateTime: "2015-07-15T10:00:60Z" }), "bid.dateTime", /found/],
    [bidLine({ dateTime: "2015-07-15T10:00:00+99:00" }), "bid.dateTime", /found/],
    [bidLine({ dateTime: "1436918400000" }), "bid.dateTime", /found '1436918400000'/],
  ])("refuses %s and names the field %s", (text, field, message) => {
    const refusal = catching(() => parseNexmarkLine(text, 42));
    expect(refusal).toBeInstanceOf(NexmarkInputError);
    expect(refusal).toBeInstanceOf(EngineError);
    expect(refusal).toMatchObject({
      name: "NexmarkInputError",
      code: "NEXMARK_INPUT_INVALID",
      retry: "never",
      details: { line: 42, field },
    });
    expect(refusal.message).toContain(`nexmark input line 42: field ${field} must be`);
    expect(refusal.message).toMatch(message);
  });

  test.each([
    ["person", aPerson()],
    ["auction", anAuction()],
    ["bid", aBid()],
  ] as const)("misses every single field of a %s", (type, event) => {
    const whole = JSON.parse(formatNexmarkEvent(event));
    for (const field of Object.keys(whole[type])) {
      const { [field]: _, ...rest } = whole[type];
      const refusal = catching(() => parseNexmarkEvent({ ...whole, [type]: rest }));
      expect(refusal).toMatchObject({ details: { line: undefined, field: `${type}.${field}` } });
    }
  });

  test("keeps the cause of broken JSON, and its message short", () => {
    const refusal = catching(() => parseNexmarkLine(`{"event_type":2,${"x".repeat(5_000)}`, 1));
    expect(refusal.cause).toBeInstanceOf(SyntaxError);
    expect(refusal.message.length).toBeLessThan(250);
  });

  test("refuses values that JSON cannot hold", () => {
    const bid = { ...aBid().bid, price: 5n };
    expect(catching(() => parseNexmarkEvent({ event_type: 2, bid, seq: 0 })).message).toContain("found 5n");
    expect(catching(() => parseNexmarkEvent({ event_type: 2, bid, seq: Number.NaN })).message).toContain(
      "found NaN",
    );
  });
});

function catching(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}
