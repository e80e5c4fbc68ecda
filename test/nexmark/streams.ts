// The streams that every query is compared on with the SQL oracle.
import { collection } from "../../src/connectors/collection.ts";
import type { Source } from "../../src/connectors/contract.ts";
import {
  type Auction,
  auctionEvent,
  type Bid,
  bidEvent,
  type NexmarkEvent,
  type Person,
  personEvent,
} from "../../src/nexmark/events.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";
import type { NexmarkGeneratorOptions } from "../../src/nexmark/generator-options.ts";

export interface TestStream {
  readonly name: string;
  readonly events: readonly NexmarkEvent[];
  readonly source: Source<NexmarkEvent>;
}

const count = 5_000;

/** 25 s of event time. Bidders are also sellers, else q23 would have no rows in a short stream. */
const shape: NexmarkGeneratorOptions = { eventsPerSecond: 200, bidderOffsetTwice: false };
const midnight = Date.UTC(2015, 6, 15);

export const ordered: TestStream = stream("in order", generated({ seed: 7 }));

/** Few instants and few prices: which bid wins, is last or is tenth depends on the order of arrival. */
export const tied: TestStream = stream("with ties", generated({ seed: 3 }).map(coarse));

export const disordered: TestStream = stream(
  "out of order by 2 s",
  generated({ seed: 11, outOfOrderGroupSize: 400 }),
);

/** Everything at once. */
export const overMidnight: TestStream = stream(
  "over midnight, with ties, out of order by 2 s",
  generated({ seed: 5, outOfOrderGroupSize: 400, baseTimestamp: midnight - 10_000 }).map(coarse),
);

export const streams: readonly TestStream[] = [ordered, tied, disordered, overMidnight];

function stream(name: string, events: readonly NexmarkEvent[]): TestStream {
  return { name, events, source: collection(events) };
}

function generated(options: NexmarkGeneratorOptions): NexmarkEvent[] {
  const generator = createNexmarkGenerator({ ...shape, ...options });
  return Array.from({ length: count }, (_, n) => generator.event(n));
}

function coarse(event: NexmarkEvent): NexmarkEvent {
  const { seq, person, auction, bid } = event;
  const dateTime = Math.floor(event.dateTime / 500) * 500;
  if (person !== null) return personEvent(seq, { ...person, dateTime } satisfies Person);
  if (auction !== null) return auctionEvent(seq, { ...auction, dateTime } satisfies Auction);
  const price = 10 ** Math.round(Math.log10(bid.price));
  return bidEvent(seq, { ...bid, dateTime, price } satisfies Bid);
}
