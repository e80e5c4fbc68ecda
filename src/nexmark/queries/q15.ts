// q15 — per day the number of bids, bidders and auctions, in all and by rank of price: distinct counts of one hot key.
//
// A day as key would hold everybody that bid on it, in one partition. So a bid first passes by its bidder, then by its
// auction, and learns from each whether it is the first of the day there; the day only counts. Every row of a day counts
// whole bids.
import { emits, type ProcessDefinition } from "../../operators/keyed-process.ts";
import { value } from "../../state/descriptors.ts";
import type { BidEvent } from "../events.ts";
import type { TableQuery } from "./query.ts";
import { dayOf, dayText, isBid, type PriceRank, pairKey, rankOf } from "./query-parts.ts";
import {
  meet,
  type Novelty,
  noCounts,
  noveltyOf,
  type RankCountColumns,
  type RankCounts,
  toColumns,
  withBid,
} from "./rank-counts.ts";
import { type TableStep, tableStep } from "./table-step.ts";

interface Q15Row extends RankCountColumns {
  /** `YYYY-MM-DD` */
  readonly day: string;
}

interface DayBid {
  readonly bidder: number;
  readonly auction: number;
  readonly day: number;
  readonly rank: PriceRank;
}

/** After its bidder was seen. */
interface BidderSeen {
  readonly auction: number;
  readonly day: number;
  readonly rank: PriceRank;
  readonly bidderIs: Novelty;
}

/** After its auction was seen, too. */
interface AuctionSeen {
  readonly day: number;
  readonly rank: PriceRank;
  readonly bidderIs: Novelty;
  readonly auctionIs: Novelty;
}

/** Ranks of the day, as bits. */
const met = { met: value({ default: 0 }) };

/** Key: bidder and day. */
const bidders: ProcessDefinition<number | string, DayBid, BidderSeen, typeof met> = {
  state: met,
  emits: emits<BidderSeen>(),
  onRecord({ auction, day, rank }, context) {
    const { met } = context.state;
    const before = met.get();
    const bidderIs = noveltyOf(before, rank);
    if (bidderIs > 0) met.set(meet(before, rank));
    context.emit({ auction, day, rank, bidderIs });
  },
};

/** Key: auction and day. */
const auctions: ProcessDefinition<number | string, BidderSeen, AuctionSeen, typeof met> = {
  state: met,
  emits: emits<AuctionSeen>(),
  onRecord({ day, rank, bidderIs }, context) {
    const { met } = context.state;
    const before = met.get();
    const auctionIs = noveltyOf(before, rank);
    if (auctionIs > 0) met.set(meet(before, rank));
    context.emit({ day, rank, bidderIs, auctionIs });
  },
};

const counted = { counts: value<RankCounts>() };

/** Key: day. */
const days: TableStep<number, AuctionSeen, typeof counted, Q15Row> = {
  state: counted,
  update({ rank, bidderIs, auctionIs }, state) {
    const before = state.counts.peek();
    state.counts.set(withBid(before ?? noCounts, rank, bidderIs, auctionIs));
    return before === undefined ? "begun" : "changed";
  },
  row(state, day) {
    const counts = state.counts.peek();
    return counts && { day: dayText(day), ...toColumns(counts) };
  },
};

export const q15: TableQuery<Q15Row> = {
  result: "table",
  changes: (events, output) =>
    events
      .filter("bids", isBid)
      .map("ranks", toDayBid)
      .keyBy(({ bidder, day }) => pairKey(bidder, day))
      .process("bidders", bidders)
      .keyBy(({ auction, day }) => pairKey(auction, day))
      .process("auctions", auctions)
      .keyBy(({ day }) => day)
      .process("days", tableStep(output, days)),
};

function toDayBid({ bid }: BidEvent): DayBid {
  return { bidder: bid.bidder, auction: bid.auction, day: dayOf(bid.dateTime), rank: rankOf(bid.price) };
}
