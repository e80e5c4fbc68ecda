// NexmarkGenerator — the auction workload as a pure function of (options, event number).
//
// Owns:      the numbering of events, their proportions and times, which ids refer to which.
// Does not:  keep a position, know the clock, limit a rate. A source asks for event n whenever it likes, in any
//            order; that makes splitting, replay and checking against a fold over the same events trivial.
//
// Numbers. The n-th event, n >= 0, has number e = firstEventNumber + n. Its adjusted number swaps it with others of
// its group of outOfOrderGroupSize numbers. Adjusted number + firstEventId is its id; the id decides what it is, and
// with the seed everything random about it; the adjusted number decides its event time.
//
// Laws (test/nexmark/generator.test.ts)
//   N1  event(n) depends on the options and n only, not on what was asked before.
//   N2  Within every run of whole groups each id appears exactly once.
//   N3  No event from n on has a timestamp below watermark(n).
//
// Source: https://github.com/nexmark/nexmark (generator and defaults); Tucker et al., "NEXMark - A Benchmark for
// Queries over Data Streams", 2008. Seeding by event id and the base time follow Apache Beam.

import type { Auction, Bid, NexmarkEvent, Person } from "./events.ts";
import { auctionEvent, bidEvent, personEvent } from "./events.ts";
import type { NexmarkGeneratorOptions, ResolvedNexmarkGeneratorOptions } from "./generator-options.ts";
import { resolveNexmarkGeneratorOptions, shuffleStride } from "./generator-options.ts";
import { EventRandom } from "./random.ts";
import type { ValuePools } from "./value-pools.ts";
import {
  channelCount,
  cities,
  fullNames,
  hotChannels,
  states,
  TextWriter,
  valuePools,
} from "./value-pools.ts";

const firstAuctionId = 1000;
const firstPersonId = 1000;
const firstCategoryId = 10;
const categoryCount = 5;

/** Ids may refer to this many persons or auctions that are yet to come. */
const personIdLead = 10;
const auctionIdLead = 10;

/** A hot person or auction stays hot while this many follow it. */
const hotBatch = 100;

/**
 * A generated stream. Numbers n are integers from 0; the largest useful one is where ids or event time in ms leave the
 * safe integers, about 285,000 years of event time after the base.
 */
export interface NexmarkGenerator {
  /** All options, defaults filled in. */
  readonly options: ResolvedNexmarkGeneratorOptions;
  /** The n-th event; its `seq` is n. */
  event(n: number): NexmarkEvent;
  /** The bid of the n-th event without its envelope; undefined when that event is a person or an auction. */
  bid(n: number): Bid | undefined;
  /** What the n-th event is: 0 person, 1 auction, 2 bid. */
  eventType(n: number): 0 | 1 | 2;
  /** Event time of the n-th event, epoch ms. */
  timestamp(n: number): number;
  /** The smallest timestamp, epoch ms, that the n-th event and all after it can still have. */
  watermark(n: number): number;
}

/**
 * A generator of Nexmark events.
 *
 * @throws {NexmarkOptionError} for an unknown option or an impossible value
 */
export function createNexmarkGenerator(options: NexmarkGeneratorOptions = {}): NexmarkGenerator {
  return new SeededGenerator(resolveNexmarkGeneratorOptions(options));
}

/** Hot: some 4 million events/s on one core. A bid allocates itself, its filler's slice and nothing else. */
class SeededGenerator implements NexmarkGenerator {
  readonly options: ResolvedNexmarkGeneratorOptions;
  readonly #random: EventRandom;
  readonly #text = new TextWriter();
  readonly #pools: ValuePools = valuePools();

  // Copies of options: plain fields are the cheapest to read.
  readonly #firstEventId: number;
  readonly #firstEventNumber: number;
  readonly #groupSize: number;
  readonly #baseTimestamp: number;
  readonly #delayUs: number;
  readonly #persons: number;
  readonly #auctions: number;
  readonly #total: number;
  readonly #firstBidderId: number;
  /** How many events pass until as many auctions are opened as may be in flight. */
  readonly #auctionHorizonEvents: number;

  constructor(options: ResolvedNexmarkGeneratorOptions) {
    this.options = Object.freeze({ ...options });
    this.#random = new EventRandom(options.seed);
    this.#firstEventId = options.firstEventId;
    this.#firstEventNumber = options.firstEventNumber;
    this.#groupSize = options.outOfOrderGroupSize;
    this.#baseTimestamp = options.baseTimestamp;
    this.#delayUs = (1e6 / options.eventsPerSecond) * options.generatorCount;
    this.#persons = options.personProportion;
    this.#auctions = options.auctionProportion;
    this.#total = options.personProportion + options.auctionProportion + options.bidProportion;
    this.#firstBidderId = options.bidderOffsetTwice ? 2 * firstPersonId : firstPersonId;
    this.#auctionHorizonEvents = Math.floor(
      (options.inFlightAuctions * this.#total) / options.auctionProportion,
    );
  }

  event(n: number): NexmarkEvent {
    const number = this.#adjustedNumber(n);
    const id = this.#firstEventId + number;
    const place = id % this.#total;
    this.#random.start(id);
    if (place >= this.#persons + this.#auctions) return bidEvent(n, this.#bid(id, number));
    if (place >= this.#persons) return auctionEvent(n, this.#auction(id, number));
    return personEvent(n, this.#person(id, number));
  }

  bid(n: number): Bid | undefined {
    const number = this.#adjustedNumber(n);
    const id = this.#firstEventId + number;
    if (id % this.#total < this.#persons + this.#auctions) return undefined;
    this.#random.start(id);
    return this.#bid(id, number);
  }

  eventType(n: number): 0 | 1 | 2 {
    const place = (this.#firstEventId + this.#adjustedNumber(n)) % this.#total;
    if (place < this.#persons) return 0;
    return place < this.#persons + this.#auctions ? 1 : 2;
  }

  timestamp(n: number): number {
    return this.#timeOf(this.#adjustedNumber(n));
  }

  watermark(n: number): number {
    const number = this.#firstEventNumber + n;
    return this.#timeOf(number - (number % this.#groupSize));
  }

  #adjustedNumber(n: number): number {
    const number = this.#firstEventNumber + n;
    const groupSize = this.#groupSize;
    if (groupSize === 1) return number;
    // The group starts at a multiple of its size, so the offset alone gives the remainder, without large products.
    const offset = number % groupSize;
    return number - offset + ((offset * shuffleStride) % groupSize);
  }

  /** Whole microseconds first, then whole milliseconds: rounded twice, as published. */
  #timeOf(number: number): number {
    return this.#baseTimestamp + Math.floor(Math.floor(number * this.#delayUs) / 1000);
  }

  /** The latest person that exists when this event happens, counted from 0; a person event's own. */
  #lastPerson(id: number): number {
    const place = id % this.#total;
    const epoch = (id - place) / this.#total;
    return epoch * this.#persons + Math.min(place, this.#persons - 1);
  }

  /** The latest auction when this auction or bid event happens, counted from 0; an auction event's own. */
  #lastAuction(id: number): number {
    const place = id % this.#total;
    const epoch = (id - place) / this.#total;
    return epoch * this.#auctions + Math.min(place - this.#persons, this.#auctions - 1);
  }

  /** One of the active persons or of the few that come next, counted from 0. */
  #somePerson(lastPerson: number): number {
    const people = lastPerson + 1;
    const active = Math.min(people, this.options.activePeople);
    return people - active + this.#random.below(active + personIdLead);
  }

  /** One of the auctions likely to be open or of the few that come next, counted from 0. */
  #someAuction(lastAuction: number): number {
    const oldest = Math.max(lastAuction - this.options.inFlightAuctions, 0);
    return oldest + this.#random.below(lastAuction - oldest + 1 + auctionIdLead);
  }

  #bid(id: number, number: number): Bid {
    const random = this.#random;
    const pools = this.#pools;

    const lastAuction = this.#lastAuction(id);
    const hotAuction = random.below(this.options.hotAuctionRatio) > 0;
    const auction = hotAuction ? hotOf(lastAuction) : this.#someAuction(lastAuction);

    // The second of its batch, not the first: hot bidders and hot sellers are different persons.
    const lastPerson = this.#lastPerson(id);
    const hotBidder = random.below(this.options.hotBidderRatio) > 0;
    const bidder = hotBidder ? hotOf(lastPerson) + 1 : this.#somePerson(lastPerson);

    const price = random.price();

    const hotChannel = random.below(2) > 0;
    const pick = random.below(hotChannel ? hotChannels.length : channelCount);
    return {
      auction: firstAuctionId + auction,
      bidder: this.#firstBidderId + bidder,
      price,
      channel: (hotChannel ? hotChannels[pick] : pools.channels[pick]) as string,
      url: (hotChannel ? pools.hotUrls[pick] : pools.urls[pick]) as string,
      dateTime: this.#timeOf(number),
      // Four numbers; the published generator does not count channel and URL here.
      extra: this.#extra(4 * 8, this.options.averageBidBytes),
    };
  }

  #auction(id: number, number: number): Auction {
    const random = this.#random;
    const dateTime = this.#timeOf(number);

    const lastPerson = this.#lastPerson(id);
    const hotSeller = random.below(this.options.hotSellerRatio) > 0;
    const seller = hotSeller ? hotOf(lastPerson) : this.#somePerson(lastPerson);
    const category = firstCategoryId + random.below(categoryCount);
    const initialBid = random.price();
    const lengthMs = this.#auctionLengthMs(number, dateTime);
    const itemName = this.#text.phrase(random, 20);
    const description = this.#text.phrase(random, 100);
    const reserve = initialBid + random.price();
    const size = 6 * 8 + itemName.length + description.length;
    return {
      id: firstAuctionId + this.#lastAuction(id),
      itemName,
      description,
      initialBid,
      reserve,
      dateTime,
      expires: dateTime + lengthMs,
      seller: firstPersonId + seller,
      category,
      extra: this.#extra(size, this.options.averageAuctionBytes),
    };
  }

  /** On average the time in which inFlightAuctions auctions are opened; at least 1 ms. */
  #auctionLengthMs(number: number, dateTime: number): number {
    const horizonMs = this.#timeOf(number + this.#auctionHorizonEvents) - dateTime;
    return 1 + this.#random.below(Math.max(horizonMs * 2, 1));
  }

  #person(id: number, number: number): Person {
    const random = this.#random;
    const name = fullNames[random.below(fullNames.length)] as string;
    const emailAddress = this.#text.emailAddress(random);
    const creditCard = this.#text.creditCard(random);
    const city = cities[random.below(cities.length)] as string;
    const state = states[random.below(states.length)] as string;
    const size = 8 + name.length + emailAddress.length + creditCard.length + city.length + state.length;
    return {
      id: firstPersonId + this.#lastPerson(id),
      name,
      emailAddress,
      creditCard,
      city,
      state,
      dateTime: this.#timeOf(number),
      extra: this.#extra(size, this.options.averagePersonBytes),
    };
  }

  /** Letters that bring a row of `size` bytes to `averageBytes`, give or take a fifth of what is missing. */
  #extra(size: number, averageBytes: number): string {
    const missing = averageBytes - size;
    if (missing <= 0) return "";
    const spread = Math.round(missing * 0.2);
    const length = missing - spread + (spread === 0 ? 0 : this.#random.below(2 * spread));
    const letters = this.#pools.letters;
    const from = this.#random.below(letters.length - length);
    return letters.substring(from, from + length);
  }
}

/** The hot person or auction of the batch that the latest one belongs to. */
function hotOf(last: number): number {
  return last - (last % hotBatch);
}
