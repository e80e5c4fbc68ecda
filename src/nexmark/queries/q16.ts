// q16 — the counts of q15 per channel and day, with the latest minute: distinct counts under many keys.
//
// Whom a channel has seen on a day stands in maps under that key, one entry each, so a bid is sent once and writes what
// is new.
import { map, value } from "../../state/descriptors.ts";
import type { MapState } from "../../state/map-state.ts";
import type { BidEvent } from "../events.ts";
import type { TableQuery } from "./query.ts";
import { dayOf, dayText, isBid, minuteOf, minuteText, type PriceRank, rankOf } from "./query-parts.ts";
import {
  addBid,
  meet,
  type Novelty,
  noCounts,
  noveltyOf,
  type RankCountColumns,
  type RankCounts,
  toColumns,
} from "./rank-counts.ts";
import { type TableStep, tableStep } from "./table-step.ts";

interface Q16Row extends RankCountColumns {
  readonly channel: string;
  /** `YYYY-MM-DD` */
  readonly day: string;
  /** The latest one with a bid, `HH:MM`. */
  readonly minute: string;
}

interface ChannelBid {
  readonly channel: string;
  readonly day: number;
  readonly minute: number;
  readonly bidder: number;
  readonly auction: number;
  readonly rank: PriceRank;
}

interface ChannelCounts {
  readonly counts: RankCounts;
  /** The latest one. */
  minute: number;
}

const seen = {
  counts: value<ChannelCounts>(),
  /** Ranks in which they were met, as bits. */
  bidders: map<number, number>(),
  auctions: map<number, number>(),
};

/** Key: see {@link keyOf}. */
const channels: TableStep<string, ChannelBid, typeof seen, Q16Row> = {
  state: seen,
  update({ minute, bidder, auction, rank }, state) {
    const before = state.counts.get();
    const all = before ?? { counts: [...noCounts], minute };
    addBid(all.counts, rank, see(bidder, rank, state.bidders), see(auction, rank, state.auctions));
    all.minute = Math.max(all.minute, minute);
    state.counts.set(all);
    return before === undefined ? "begun" : "changed";
  },
  row(state, key) {
    const all = state.counts.get();
    if (all === undefined) return undefined;
    const slash = key.indexOf("/");
    const day = Number(key.slice(0, slash));
    return {
      channel: key.slice(slash + 1),
      day: dayText(day),
      minute: minuteText(all.minute),
      ...toColumns(all.counts),
    };
  },
};

export const q16: TableQuery<Q16Row> = {
  result: "table",
  changes: (events, output) =>
    events
      .filter("bids", isBid)
      .map("ranks", toChannelBid)
      .keyBy(keyOf)
      .process("channels", tableStep(output, channels)),
};

function see(id: number, rank: PriceRank, met: MapState<number, number>): Novelty {
  const before = met.get(id) ?? 0;
  const novelty = noveltyOf(before, rank);
  if (novelty > 0) met.set(id, meet(before, rank));
  return novelty;
}

/** The number of the day comes first: a channel may have any characters. */
function keyOf({ day, channel }: ChannelBid): string {
  return `${day}/${channel}`;
}

function toChannelBid({ bid }: BidEvent): ChannelBid {
  const { channel, dateTime, bidder, auction, price } = bid;
  return { channel, day: dayOf(dateTime), minute: minuteOf(dateTime), bidder, auction, rank: rankOf(price) };
}
