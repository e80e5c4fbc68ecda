import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Auction, Bid, NexmarkEvent, Person } from "../../src/nexmark/events.ts";
import { formatNexmarkEvent, parseNexmarkLine } from "../../src/nexmark/events.ts";
import type { NexmarkGenerator } from "../../src/nexmark/generator.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";
import type { NexmarkGeneratorOptions } from "../../src/nexmark/generator-options.ts";
import { NexmarkOptionError, nexmarkGeneratorDefaults } from "../../src/nexmark/generator-options.ts";

const baseTimestamp = Date.UTC(2015, 6, 15);

function take(generator: NexmarkGenerator, count: number, from = 0): NexmarkEvent[] {
  return Array.from({ length: count }, (_, index) => generator.event(from + index));
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

function share<T>(items: readonly T[], holds: (item: T) => boolean): number {
  return items.filter(holds).length / items.length;
}

/** Generators with everything that shapes a stream chosen at random, and an event number. */
const anyOptions: fc.Arbitrary<NexmarkGeneratorOptions> = fc.record(
  {
    seed: fc.maxSafeInteger(),
    eventsPerSecond: fc.integer({ min: 1, max: 10_000_000 }),
    generatorCount: fc.integer({ min: 1, max: 16 }),
    firstEventId: fc.nat(),
    firstEventNumber: fc.nat(),
    personProportion: fc.integer({ min: 1, max: 5 }),
    auctionProportion: fc.integer({ min: 1, max: 5 }),
    bidProportion: fc.integer({ min: 0, max: 60 }),
    averagePersonBytes: fc.integer({ min: 0, max: 500 }),
    averageAuctionBytes: fc.integer({ min: 0, max: 500 }),
    averageBidBytes: fc.integer({ min: 0, max: 500 }),
    hotAuctionRatio: fc.integer({ min: 1, max: 10 }),
    hotBidderRatio: fc.integer({ min: 1, max: 10 }),
    hotSellerRatio: fc.integer({ min: 1, max: 10 }),
    inFlightAuctions: fc.integer({ min: 1, max: 1000 }),
    activePeople: fc.integer({ min: 1, max: 1000 }),
    outOfOrderGroupSize: fc.integer({ min: 1, max: 952 }),
    bidderOffsetTwice: fc.boolean(),
  },
  { requiredKeys: [] },
);
/** 2^36 events at one a second by 16 generators still end within the safe integers of milliseconds. */
const eventNumbers = fc.nat({ max: 2 ** 36 });

describe("Nexmark generator", () => {
  test("N1 the same number gives the same event, in any order of asking and from any instance", () => {
    fc.assert(
      fc.property(anyOptions, fc.array(eventNumbers, { minLength: 1, maxLength: 20 }), (options, numbers) => {
        const asked = createNexmarkGenerator(options);
        const forward = numbers.map((n) => asked.event(n));
        const backward = numbers.toReversed().map((n) => asked.event(n));
        const fresh = numbers.map((n) => createNexmarkGenerator(options).event(n));
        expect(backward.toReversed()).toEqual(forward);
        expect(fresh).toEqual(forward);
        expect(forward.map((event) => event.seq)).toEqual(numbers);
        for (const event of forward) {
          expect(asked.bid(event.seq)).toEqual(event.bid ?? undefined);
          expect(asked.eventType(event.seq)).toBe(event.event_type);
          expect(asked.timestamp(event.seq)).toBe(event.dateTime);
        }
      }),
    );
  });

  test("N2 within whole groups every id appears exactly once, whatever the group size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000 }), fc.nat({ max: 1000 }), (outOfOrderGroupSize, group) => {
        fc.pre(outOfOrderGroupSize % 953 !== 0);
        const options = {
          outOfOrderGroupSize,
          firstEventNumber: group * outOfOrderGroupSize,
          eventsPerSecond: 1000,
        };
        const shuffled = createNexmarkGenerator(options);
        const inOrder = createNexmarkGenerator({ ...options, outOfOrderGroupSize: 1 });
        // One event a millisecond: timestamps stand for the numbers the events were made from.
        const times = Array.from({ length: outOfOrderGroupSize }, (_, n) => shuffled.timestamp(n));
        const expected = Array.from({ length: outOfOrderGroupSize }, (_, n) => inOrder.timestamp(n));
        expect(times.sort((a, b) => a - b)).toEqual(expected);
      }),
    );
  });

  test("N3 no event from n on is older than the watermark of n, and the watermark never goes back", () => {
    fc.assert(
      fc.property(anyOptions, fc.nat(), (options, from) => {
        const generator = createNexmarkGenerator(options);
        const numbers = Array.from({ length: 2_000 }, (_, index) => from + index);
        let smallest = Number.POSITIVE_INFINITY;
        const broken = numbers.toReversed().filter((n) => {
          smallest = Math.min(smallest, generator.timestamp(n));
          return generator.watermark(n) > smallest || generator.watermark(n) > generator.watermark(n + 1);
        });
        expect(broken).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  test("any generated event survives its NDJSON form", () => {
    fc.assert(
      fc.property(anyOptions, eventNumbers, (options, n) => {
        const event = createNexmarkGenerator(options).event(n);
        expect(parseNexmarkLine(formatNexmarkEvent(event))).toEqual(event);
      }),
    );
  });

  test("another seed gives other choices but the same numbering and times", () => {
    const seven = take(createNexmarkGenerator({ seed: 7 }), 1_000);
    const eight = take(createNexmarkGenerator({ seed: 8 }), 1_000);
    const skeleton = (event: NexmarkEvent) => [
      event.event_type,
      event.dateTime,
      event.person?.id,
      event.auction?.id,
    ];
    expect(eight.map(skeleton)).toEqual(seven.map(skeleton));
    const same = bidsOf(seven).filter((bid, index) => bid.price === bidsOf(eight)[index]?.price);
    expect(same.length).toBeLessThan(10);
  });

  test("the same bytes come out on every platform and in every version: others hold results of these streams", () => {
    const digest = createHash("sha256");
    for (const event of take(createNexmarkGenerator({ seed: 7 }), 10_000))
      digest.update(`${formatNexmarkEvent(event)}\n`);
    expect(digest.digest("hex")).toBe("b08959444c6973b1054ec8bb42521105e1bf3d161731c7c4235c9bbe351485da");
  });

  test("begins like the published generator: event id 2 is auction 1001, and person 1001 follows at id 50", () => {
    const events = take(createNexmarkGenerator(), 100);
    expect(events[0]).toMatchObject({
      event_type: 1,
      auction: { id: 1001, dateTime: baseTimestamp },
      seq: 0,
    });
    expect(events[1]).toMatchObject({ event_type: 1, auction: { id: 1002 } });
    expect(events.slice(2, 48).every((event) => event.event_type === 2)).toBe(true);
    expect(events[48]).toMatchObject({ event_type: 0, person: { id: 1001 } });
    expect(events.slice(49, 52).map((event) => event.auction?.id)).toEqual([1003, 1004, 1005]);
  });

  test("a first id and number of 0 begin with person 1000 and auction 1000", () => {
    const events = take(createNexmarkGenerator({ firstEventId: 0, firstEventNumber: 0 }), 4);
    expect(events.map((event) => event.person?.id ?? event.auction?.id)).toEqual([1000, 1000, 1001, 1002]);
  });

  test("keeps the proportions 1 : 3 : 46 in every 50 events, and others on request", () => {
    const count = (events: readonly NexmarkEvent[]) =>
      [0, 1, 2].map((type) => events.filter((event) => event.event_type === type).length);
    expect(count(take(createNexmarkGenerator(), 50, 12_345))).toEqual([1, 3, 46]);
    const other = createNexmarkGenerator({ personProportion: 2, auctionProportion: 5, bidProportion: 3 });
    expect(count(take(other, 1_000, 77))).toEqual([200, 500, 300]);
  });

  test("numbers persons and auctions without gap or repetition", () => {
    const events = take(createNexmarkGenerator({ outOfOrderGroupSize: 50, firstEventNumber: 0 }), 5_000);
    const gapless = (ids: number[], first: number) =>
      expect(ids.sort((a, b) => a - b)).toEqual(ids.map((_, index) => first + index));
    gapless(
      personsOf(events).map(({ id }) => id),
      1001,
    );
    gapless(
      auctionsOf(events).map(({ id }) => id),
      1000,
    );
    expect(personsOf(events)).toHaveLength(100);
    expect(auctionsOf(events)).toHaveLength(300);
  });

  test("spaces events by the rate, rounded down to whole microseconds and then milliseconds", () => {
    const at = (options: NexmarkGeneratorOptions, n: number) =>
      createNexmarkGenerator(options).timestamp(n) - baseTimestamp;
    expect(at({}, 0)).toBe(0);
    expect(at({}, 8)).toBe(0);
    expect(at({}, 9)).toBe(1);
    expect(at({}, 9_999)).toBe(1_000);
    expect(at({ generatorCount: 4 }, 9_999)).toBe(4_000);
    expect(at({ firstEventNumber: 0 }, 10_000)).toBe(1_000);
    expect(at({ eventsPerSecond: 3, firstEventNumber: 0 }, 3), "3 times 333,333.33 us").toBe(1_000);
    expect(at({ eventsPerSecond: 0.5, firstEventNumber: 0 }, 3)).toBe(6_000);
    expect(createNexmarkGenerator({ baseTimestamp: 5 }).timestamp(9_999)).toBe(1_005);
  });

  test("shuffles within groups by the stride 953", () => {
    const generator = createNexmarkGenerator({
      outOfOrderGroupSize: 50,
      eventsPerSecond: 1000,
      firstEventNumber: 100,
    });
    const numbers = [0, 1, 2, 49, 50, 51].map((n) => generator.timestamp(n) - baseTimestamp);
    // 953 mod 50 = 3, so offsets go 0, 3, 6, ... and 49 * 3 mod 50 = 47.
    expect(numbers).toEqual([100, 103, 106, 147, 150, 153]);
    expect([0, 49, 50].map((n) => generator.watermark(n) - baseTimestamp)).toEqual([100, 100, 150]);
  });

  test("parallel generators with disjoint ids share no person, auction or random choice", () => {
    const first = take(createNexmarkGenerator({ generatorCount: 2 }), 1_000);
    const second = take(createNexmarkGenerator({ generatorCount: 2, firstEventId: 1_001 }), 1_000);
    expect(second.map((event) => event.dateTime)).toEqual(first.map((event) => event.dateTime));
    const ids = (events: readonly NexmarkEvent[]) => auctionsOf(events).map(({ id }) => id);
    expect(new Set([...ids(first), ...ids(second)]).size).toBe(120);
  });
});

describe("Nexmark generator, values", () => {
  const generator = createNexmarkGenerator({ seed: 7 });
  // Deep in the stream, where all 1,000 persons and 100 auctions are there to choose from.
  const from = 200_000;
  const events = take(generator, 100_000, from);
  const persons = personsOf(events);
  const auctions = auctionsOf(events);
  const bids = bidsOf(events);

  /** Of the event: how many persons and auctions existed, ids included. */
  function latest(event: NexmarkEvent): { person: number; auction: number } {
    const epoch = Math.floor((event.seq + 2) / 50);
    const place = (event.seq + 2) % 50;
    const auctionPlace = place < 1 ? -1 : Math.min(place - 1, 2);
    return { person: 1000 + epoch, auction: 1000 + epoch * 3 + auctionPlace };
  }

  test("persons have published names, cities and states, and well-formed addresses and cards", () => {
    for (const person of persons) {
      expect(person.name).toMatch(
        /^(Peter|Paul|Luke|John|Saul|Vicky|Kate|Julie|Sarah|Deiter|Walter) (Shultz|Abrams|Spencer|White|Bartels|Walton|Smith|Jones|Noris)$/,
      );
      expect(person.emailAddress).toMatch(/^[a-z ]{0,6}@[a-z ]{0,4}\.com$/);
      expect(person.creditCard).toMatch(/^\d{4} \d{4} \d{4} \d{4}$/);
    }
    expect(new Set(persons.map(({ name }) => name)).size).toBe(99);
    expect([...new Set(persons.map(({ state }) => state))].sort()).toEqual([
      "AZ",
      "CA",
      "ID",
      "OR",
      "WA",
      "WY",
    ]);
    expect(new Set(persons.map(({ city }) => city)).size).toBe(10);
    expect(new Set(persons.map(({ creditCard }) => creditCard)).size).toBe(persons.length);
  });

  test("auctions refer to a hot seller or an active person and close after their opening", () => {
    let hot = 0;
    for (const event of events) {
      if (event.event_type !== 1) continue;
      const { auction } = event;
      const { person } = latest(event);
      expect(auction.id).toBe(latest(event).auction);
      const hotSeller = person - ((person - 1000) % 100);
      if (auction.seller === hotSeller) hot += 1;
      else expect(auction.seller).toBeGreaterThan(person - 1000);
      expect(auction.seller).toBeLessThanOrEqual(person + 10);
      expect(auction.reserve).toBeGreaterThanOrEqual(auction.initialBid + 100);
      // 100 auctions take 1666 events or 166 ms (167 when the rounding of both ends differs).
      expect(auction.expires - auction.dateTime).toBeGreaterThanOrEqual(1);
      expect(auction.expires - auction.dateTime).toBeLessThanOrEqual(2 * 167);
      expect(auction.itemName).toMatch(/^([a-z]([a-z ]{0,17}[a-z])?)?$/);
      expect(auction.description).toMatch(/^([a-z]([a-z ]{0,97}[a-z])?)?$/);
    }
    expect(hot / auctions.length).toBeGreaterThan(0.73);
    expect(hot / auctions.length).toBeLessThan(0.77);
    for (const category of [10, 11, 12, 13, 14]) {
      expect(share(auctions, (auction) => auction.category === category)).toBeCloseTo(0.2, 1);
    }
    const meanMs =
      auctions.reduce((sum, { expires, dateTime }) => sum + expires - dateTime, 0) / auctions.length;
    expect(meanMs).toBeGreaterThan(160);
    expect(meanMs).toBeLessThan(174);
  });

  test("bids refer to a hot auction or one in flight, and to a hot bidder or an active person", () => {
    let hotAuctions = 0;
    let hotBidders = 0;
    const outside: NexmarkEvent[] = [];
    for (const event of events) {
      if (event.event_type !== 2) continue;
      const { auction } = event.bid;
      const bidder = event.bid.bidder - 1000;
      const last = latest(event);
      const hotAuction = auction === last.auction - ((last.auction - 1000) % 100);
      const hotBidder = bidder === last.person - ((last.person - 1000) % 100) + 1;
      if (hotAuction) hotAuctions += 1;
      if (hotBidder) hotBidders += 1;
      const inFlight = auction >= last.auction - 100 && auction <= last.auction + 10;
      const active = bidder > last.person - 1000 && bidder <= last.person + 10;
      if (!(hotAuction || inFlight) || !(hotBidder || active)) outside.push(event);
    }
    expect(outside).toEqual([]);
    // A half, and one in 111 of the other half by chance; three quarters, and one in 1,010 of the rest.
    expect(hotAuctions / bids.length).toBeGreaterThan(0.49);
    expect(hotAuctions / bids.length).toBeLessThan(0.52);
    expect(hotBidders / bids.length).toBeGreaterThan(0.74);
    expect(hotBidders / bids.length).toBeLessThan(0.76);
  });

  test("the leads and the far ends of the random ranges are all reached", () => {
    const distances = new Set<number>();
    for (const event of events)
      if (event.event_type === 2) distances.add(event.bid.auction - latest(event).auction);
    for (let distance = -100; distance <= 10; distance += 1) expect(distances).toContain(distance);
  });

  test("bidder ids carry the first person id once when asked to, and nothing else changes", () => {
    const once = take(createNexmarkGenerator({ seed: 7, bidderOffsetTwice: false }), 200, from);
    const twice = events.slice(0, 200);
    const moved = bidsOf(once).map((bid) => ({ ...bid, bidder: bid.bidder + 1000 }));
    expect(moved).toEqual(bidsOf(twice));
    expect(Math.min(...take(createNexmarkGenerator(), 200).map((event) => event.bid?.bidder ?? 9_999))).toBe(
      2000,
    );
  });

  test("prices run evenly over six decades, from 1 to 1,000,000 in whole cents", () => {
    const prices = bids.map(({ price }) => price);
    expect(prices.every(Number.isInteger)).toBe(true);
    expect(prices.every((price) => price >= 100 && price <= 100_000_000)).toBe(true);
    for (let decade = 2; decade < 8; decade += 1) {
      const within = share(prices, (price) => price >= 10 ** decade && price < 10 ** (decade + 1));
      expect(within).toBeGreaterThan(1 / 6 - 0.01);
      expect(within).toBeLessThan(1 / 6 + 0.01);
    }
  });

  test("half of the bids come through four hot channels, the rest through 10,000 with lasting URLs", () => {
    const path = "https://www\\.nexmark\\.com/[a-z_]{3,4}/[a-z_]{3,4}/[a-z_]{3,4}/item\\.htm\\?query=1";
    const hotUrl = new RegExp(`^${path}$`);
    const otherUrl = new RegExp(`^${path}(&channel_id=(\\d+))?$`);
    const urls = new Map<string, string>();
    let hot = 0;
    let moved = 0;
    for (const { channel, url } of bids) {
      if ((urls.get(channel) ?? url) !== url) moved += 1;
      urls.set(channel, url);
      if (!channel.startsWith("channel-")) hot += 1;
    }
    expect(moved).toBe(0);
    for (const [channel, url] of urls) {
      if (/^(Google|Facebook|Baidu|Apple)$/.test(channel)) {
        expect(url).toMatch(hotUrl);
        continue;
      }
      const k = Number(/^channel-(\d+)$/.exec(channel)?.[1]);
      expect(k).toBeLessThan(10_000);
      const match = otherUrl.exec(url);
      expect(match).not.toBeNull();
      const reversed = Number.parseInt(k.toString(2).padStart(32, "0").split("").reverse().join(""), 2) | 0;
      if (match?.[2] !== undefined) expect(Number(match[2])).toBe(Math.abs(reversed));
    }
    expect(hot / bids.length).toBeGreaterThan(0.49);
    expect(hot / bids.length).toBeLessThan(0.51);
    const others = [...urls].filter(([channel]) => channel.startsWith("channel-"));
    expect(others.length).toBeGreaterThan(9_500);
    expect(share(others, ([, url]) => url.includes("channel_id="))).toBeCloseTo(0.9, 1);
    // The same for every seed: a channel is a thing of the world, not of one run.
    const otherSeed = bidsOf(take(createNexmarkGenerator({ seed: 8 }), 1_000));
    for (const { channel, url } of otherSeed) expect(urls.get(channel) ?? url).toBe(url);
  });

  test("fillers bring rows to their nominal mean size, within a fifth", () => {
    const mean = (sizes: readonly number[]) => sizes.reduce((a, b) => a + b, 0) / sizes.length;
    const texts = (row: object) => Object.values(row).filter((value) => typeof value === "string");
    const length = (row: object) => texts(row).reduce((sum, text) => sum + text.length, 0);
    expect(mean(persons.map((person) => 8 + length(person)))).toBeCloseTo(200, -1);
    expect(mean(auctions.map((auction) => 48 + length(auction)))).toBeCloseTo(500, -1);
    expect(mean(bids.map((bid) => 32 + bid.extra.length))).toBeCloseTo(100, -1);
    expect(bids.filter(({ extra }) => !/^[a-z]{54,81}$/.test(extra))).toEqual([]);

    const bare = bidsOf(take(createNexmarkGenerator({ averageBidBytes: 31 }), 100));
    expect(bare.every(({ extra }) => extra === "")).toBe(true);
  });

  test("seeds and neighbouring events share no visible pattern", () => {
    const prices = new Set(bids.map(({ price }) => price));
    const shifted = bidsOf(take(createNexmarkGenerator({ seed: 6 }), 1_000, from + 1));
    const near = bids.slice(0, 900);
    expect(near.filter((bid, index) => bid.price === shifted[index]?.price).length).toBeLessThan(10);
    expect(prices.size).toBeGreaterThan(bids.length * 0.4);
    expect(new Set(bids.slice(0, 10_000).map(({ extra }) => extra)).size).toBeGreaterThan(9_990);
  });
});

describe("Nexmark generator options", () => {
  test("fills in the published defaults", () => {
    expect(createNexmarkGenerator().options).toEqual(nexmarkGeneratorDefaults);
    expect(createNexmarkGenerator({ seed: 3 }).options).toEqual({ ...nexmarkGeneratorDefaults, seed: 3 });
  });

  test.each([
    [{ seed: 0.5 }, "seed"],
    [{ eventsPerSecond: 0 }, "eventsPerSecond"],
    [{ eventsPerSecond: Number.POSITIVE_INFINITY }, "eventsPerSecond"],
    [{ generatorCount: 0 }, "generatorCount"],
    [{ firstEventId: -1 }, "firstEventId"],
    [{ personProportion: 0 }, "personProportion"],
    [{ auctionProportion: 0 }, "auctionProportion"],
    [{ bidProportion: -1 }, "bidProportion"],
    [{ averageBidBytes: 600_000 }, "averageBidBytes"],
    [{ hotAuctionRatio: 0 }, "hotAuctionRatio"],
    [{ outOfOrderGroupSize: 0 }, "outOfOrderGroupSize"],
    [{ outOfOrderGroupSize: 2 * 953 }, "outOfOrderGroupSize"],
    [{ baseTimestamp: Number.NaN }, "baseTimestamp"],
    [{ bidderOffsetTwice: "yes" }, "bidderOffsetTwice"],
    [{ hotAuctionsRatio: 2 }, "hotAuctionsRatio"],
  ])("refuses %o", (options, option) => {
    const create = () => createNexmarkGenerator(options as NexmarkGeneratorOptions);
    expect(create).toThrow(NexmarkOptionError);
    expect(create).toThrow(`nexmark generator option ${option} must be`);
  });
});
