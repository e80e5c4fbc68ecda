// q16 — the counts of q15 per channel and day, with the latest minute: distinct counts under many keys.
//
// Whom a channel has seen on a day stands under that key (seen-ids.ts), so a bid is sent once and writes what is new.
import { value } from "../../state/descriptors.ts";
import type { BidEvent } from "../events.ts";
import type { TableQuery } from "./query.ts";
import { dayOf, dayText, isBid, minuteOf, minuteText, type PriceRank, rankOf } from "./query-parts.ts";
import {
  type Novelty,
  noCounts,
  type RankCountColumns,
  type RankCounts,
  toColumns,
  withBid,
} from "./rank-counts.ts";
import {
  areMany,
  auctionBit,
  bidderBit,
  type FewIds,
  manyIds,
  moveToMany,
  noIds,
  seeAmongFew,
  seeAmongMany,
} from "./seen-ids.ts";
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

interface ChannelDay {
  readonly counts: RankCounts;
  /** The latest one. */
  readonly minute: number;
  /** Who was met; null: see the maps. */
  readonly few: FewIds | null;
}

const seen = { day: value<ChannelDay>(), ...manyIds };

/** Key: see {@link keyOf}. */
const channels: TableStep<string, ChannelBid, typeof seen, Q16Row> = {
  state: seen,
  update({ minute, bidder, auction, rank }, state) {
    const before = state.day.peek();
    const known = before === undefined ? noIds : before.few;
    let few: number[] | null = null;
    let bidderIs: Novelty;
    let auctionIs: Novelty;
    if (known === null) {
      bidderIs = seeAmongMany(bidder, rank, state.bidders);
      auctionIs = seeAmongMany(auction, rank, state.auctions);
    } else {
      few = known.slice();
      bidderIs = seeAmongFew(bidder, bidderBit, rank, few);
      auctionIs = seeAmongFew(auction, auctionBit, rank, few);
      if (areMany(few)) {
        moveToMany(few, state);
        few = null;
      }
    }
    state.day.set({
      counts: withBid(before?.counts ?? noCounts, rank, bidderIs, auctionIs),
      minute: Math.max(before?.minute ?? minute, minute),
      few,
    });
    return before === undefined ? "begun" : "changed";
  },
  row(state, key) {
    const known = state.day.peek();
    if (known === undefined) return undefined;
    const slash = key.indexOf("/");
    const day = Number(key.slice(0, slash));
    return {
      channel: key.slice(slash + 1),
      day: dayText(day),
      minute: minuteText(known.minute),
      ...toColumns(known.counts),
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

/** The number of the day comes first: a channel may have any characters. */
function keyOf({ day, channel }: ChannelBid): string {
  return `${day}/${channel}`;
}

function toChannelBid({ bid }: BidEvent): ChannelBid {
  const { channel, dateTime, bidder, auction, price } = bid;
  return { channel, day: dayOf(dateTime), minute: minuteOf(dateTime), bidder, auction, rank: rankOf(price) };
}
