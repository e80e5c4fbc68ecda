// Options of the Nexmark generator, with the defaults of the published workload.

import { EngineError } from "../core/errors.ts";

/**
 * What shapes a generated stream. Two generators with equal options make equal events.
 *
 * The defaults are those of the published generator; where it takes the wall clock or fresh entropy, a fixed value
 * stands here, because a replay must find the same events.
 */
export interface NexmarkGeneratorOptions {
  /** Any safe integer. Default 0. */
  readonly seed?: number;
  /** Event time of event number 0, epoch ms. Default 2015-07-15T00:00:00Z. */
  readonly baseTimestamp?: number;
  /** Density of events in event time, events per second over all generators. Default 10,000. */
  readonly eventsPerSecond?: number;
  /** Generators whose time lines run in parallel; each is this many times thinner. Default 1. */
  readonly generatorCount?: number;
  /** Added to an event's number to get its id; keeps parallel generators apart. Default 1. */
  readonly firstEventId?: number;
  /** Number of the event that `event(0)` returns. Default 1: person 1000 and auction 1000 never appear. */
  readonly firstEventNumber?: number;
  /** Persons among `personProportion + auctionProportion + bidProportion` events, at least 1. Default 1. */
  readonly personProportion?: number;
  /** Auctions among them, at least 1. Default 3. */
  readonly auctionProportion?: number;
  /** Bids among them, 0 or more. Default 46. */
  readonly bidProportion?: number;
  /** Mean size of a person: 8 bytes per number, 1 per character. Default 200. */
  readonly averagePersonBytes?: number;
  /** Mean size of an auction, counted in the same way. Default 500. */
  readonly averageAuctionBytes?: number;
  /** Mean size of a bid without channel and URL, which come on top. Default 100. */
  readonly averageBidBytes?: number;
  /** All but one of this many bids go to the one hot auction of the moment. Default 2. */
  readonly hotAuctionRatio?: number;
  /** All but one of this many bids come from the one hot bidder of the moment. Default 4. */
  readonly hotBidderRatio?: number;
  /** All but one of this many auctions come from the one hot seller of the moment. Default 4. */
  readonly hotSellerRatio?: number;
  /** How many auctions are open at a time; also sets their length. Default 100. */
  readonly inFlightAuctions?: number;
  /** How many of the latest persons still bid and sell. Default 1,000. */
  readonly activePeople?: number;
  /**
   * Events are shuffled within groups of this many numbers; 1 keeps them in order. Not a multiple of 953, the stride
   * of the shuffle. Default 1.
   */
  readonly outOfOrderGroupSize?: number;
  /**
   * Whether bidder ids carry the first person id twice and so start at 2000 instead of 1000, as in the published
   * generator. Other ports of the generator add it once. Default true.
   */
  readonly bidderOffsetTwice?: boolean;
}

export type ResolvedNexmarkGeneratorOptions = Required<NexmarkGeneratorOptions>;

export const nexmarkGeneratorDefaults: ResolvedNexmarkGeneratorOptions = Object.freeze({
  seed: 0,
  baseTimestamp: Date.UTC(2015, 6, 15),
  eventsPerSecond: 10_000,
  generatorCount: 1,
  firstEventId: 1,
  firstEventNumber: 1,
  personProportion: 1,
  auctionProportion: 3,
  bidProportion: 46,
  averagePersonBytes: 200,
  averageAuctionBytes: 500,
  averageBidBytes: 100,
  hotAuctionRatio: 2,
  hotBidderRatio: 4,
  hotSellerRatio: 4,
  inFlightAuctions: 100,
  activePeople: 1000,
  outOfOrderGroupSize: 1,
  bidderOffsetTwice: true,
});

/** An option of the Nexmark generator that does not exist or has an impossible value. */
export class NexmarkOptionError extends EngineError<"NEXMARK_OPTION_INVALID"> {
  constructor(option: string, expected: string, value: unknown) {
    super(
      "NEXMARK_OPTION_INVALID",
      `nexmark generator option ${option} must be ${expected}, found ${value}`,
      {
        retry: "never",
        details: { option, value },
      },
    );
  }
}

/** Multiplying by it modulo the group size must visit every offset once: it is prime. */
export const shuffleStride = 953;

/** Fillers are cut from a buffer of 1 MiB and may be a fifth longer than their mean. */
const maxAverageBytes = 512 * 1024;

/** The largest range one 32-bit draw covers without a visible bias. */
const maxCount = 1_000_000;

type Range = readonly [smallest: number, largest: number];

const integerRanges: { readonly [Option in keyof NexmarkGeneratorOptions]?: Range } = {
  seed: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  baseTimestamp: [-8.64e15, 8.64e15],
  generatorCount: [1, maxCount],
  firstEventId: [0, 2 ** 52],
  firstEventNumber: [0, 2 ** 52],
  personProportion: [1, maxCount],
  auctionProportion: [1, maxCount],
  bidProportion: [0, maxCount],
  averagePersonBytes: [0, maxAverageBytes],
  averageAuctionBytes: [0, maxAverageBytes],
  averageBidBytes: [0, maxAverageBytes],
  hotAuctionRatio: [1, maxCount],
  hotBidderRatio: [1, maxCount],
  hotSellerRatio: [1, maxCount],
  inFlightAuctions: [1, maxCount],
  activePeople: [1, maxCount],
  outOfOrderGroupSize: [1, maxCount],
};

/**
 * Fills in the defaults and checks every value.
 *
 * @throws {NexmarkOptionError} for an unknown option or a value out of range
 */
export function resolveNexmarkGeneratorOptions(
  options: NexmarkGeneratorOptions = {},
): ResolvedNexmarkGeneratorOptions {
  for (const option of Object.keys(options)) {
    if (!Object.hasOwn(nexmarkGeneratorDefaults, option)) {
      throw new NexmarkOptionError(
        option,
        `one of ${Object.keys(nexmarkGeneratorDefaults).join(", ")}`,
        "an unknown name",
      );
    }
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const resolved = { ...nexmarkGeneratorDefaults, ...Object.fromEntries(given) };

  for (const [option, range] of Object.entries(integerRanges)) {
    checkInteger(option, resolved[option as keyof NexmarkGeneratorOptions], range);
  }
  if (!(resolved.eventsPerSecond > 0 && Number.isFinite(resolved.eventsPerSecond))) {
    throw new NexmarkOptionError("eventsPerSecond", "a positive number", resolved.eventsPerSecond);
  }
  if (resolved.outOfOrderGroupSize % shuffleStride === 0) {
    throw new NexmarkOptionError(
      "outOfOrderGroupSize",
      `no multiple of ${shuffleStride}, which would repeat events`,
      resolved.outOfOrderGroupSize,
    );
  }
  if (typeof resolved.bidderOffsetTwice !== "boolean") {
    throw new NexmarkOptionError("bidderOffsetTwice", "true or false", resolved.bidderOffsetTwice);
  }
  return resolved;
}

function checkInteger(option: string, value: unknown, [smallest, largest]: Range): void {
  const fits = Number.isSafeInteger(value) && (value as number) >= smallest && (value as number) <= largest;
  if (!fits) throw new NexmarkOptionError(option, `an integer from ${smallest} to ${largest}`, value);
}
