// Hand-made Nexmark events for tests: name only what the test is about.

import type { Auction, Bid, NexmarkEvent, Person } from "../../src/nexmark/events.ts";
import { auctionEvent, bidEvent, personEvent } from "../../src/nexmark/events.ts";

export function aPerson(fields: Partial<Person> = {}): NexmarkEvent {
  return personEvent(0, {
    id: 1001,
    name: "Vicky Noris",
    emailAddress: "vicky@noris.com",
    creditCard: "0001 0002 0003 0004",
    city: "Boise",
    state: "ID",
    dateTime: 0,
    extra: "",
    ...fields,
  });
}

export function anAuction(fields: Partial<Auction> = {}): NexmarkEvent {
  return auctionEvent(0, {
    id: 1001,
    itemName: "lamp",
    description: "a lamp",
    initialBid: 100,
    reserve: 200,
    dateTime: 0,
    expires: 1000,
    seller: 1001,
    category: 10,
    extra: "",
    ...fields,
  });
}

export function aBid(fields: Partial<Bid> = {}): NexmarkEvent {
  return bidEvent(0, {
    auction: 1001,
    bidder: 2001,
    price: 100,
    channel: "Apple",
    url: "https://www.nexmark.com/a/b/c/item.htm?query=1",
    dateTime: 0,
    extra: "",
    ...fields,
  });
}
