// q17 — per auction and day the number of bids by rank of price, and the lowest, highest, mean and total price.
import { value } from "../../state/descriptors.ts";
import type { BidEvent } from "../events.ts";
import type { TableQuery } from "./query.ts";
import { dayOf, dayText, isBid, pairKey, rankOf, truncatedMean } from "./query-parts.ts";
import { type TableStep, tableStep } from "./table-step.ts";

interface Q17Row {
  readonly auction: number;
  /** `YYYY-MM-DD` */
  readonly day: string;
  readonly total_bids: number;
  readonly rank1_bids: number;
  readonly rank2_bids: number;
  readonly rank3_bids: number;
  readonly min_price: number;
  readonly max_price: number;
  /** Truncated. */
  readonly avg_price: number;
  readonly sum_price: number;
}

interface AuctionBid {
  readonly auction: number;
  readonly day: number;
  readonly price: number;
}

interface Statistics {
  readonly auction: number;
  readonly day: number;
  /** Bids of rank 1, 2 and 3. */
  readonly rank1: number;
  readonly rank2: number;
  readonly rank3: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
}

const statistics = { statistics: value<Statistics>() };

/** Key: auction and day. */
const auctions: TableStep<number | string, AuctionBid, typeof statistics, Q17Row> = {
  state: statistics,
  update({ auction, day, price }, state) {
    const before = state.statistics.peek();
    const rank = rankOf(price);
    state.statistics.set({
      auction,
      day,
      rank1: (before?.rank1 ?? 0) + (rank === 1 ? 1 : 0),
      rank2: (before?.rank2 ?? 0) + (rank === 2 ? 1 : 0),
      rank3: (before?.rank3 ?? 0) + (rank === 3 ? 1 : 0),
      min: Math.min(before?.min ?? price, price),
      max: Math.max(before?.max ?? price, price),
      sum: (before?.sum ?? 0) + price,
    });
    return before === undefined ? "begun" : "changed";
  },
  row(state) {
    const all = state.statistics.peek();
    return all && toRow(all);
  },
};

export const q17: TableQuery<Q17Row> = {
  result: "table",
  changes: (events, output) =>
    events
      .filter("bids", isBid)
      .map("prices", toAuctionBid)
      .keyBy(({ auction, day }) => pairKey(auction, day))
      .process("auctions", tableStep(output, auctions)),
};

function toAuctionBid({ bid }: BidEvent): AuctionBid {
  return { auction: bid.auction, day: dayOf(bid.dateTime), price: bid.price };
}

function toRow({ auction, day, rank1, rank2, rank3, min, max, sum }: Statistics): Q17Row {
  const count = rank1 + rank2 + rank3;
  return {
    auction,
    day: dayText(day),
    total_bids: count,
    rank1_bids: rank1,
    rank2_bids: rank2,
    rank3_bids: rank3,
    min_price: min,
    max_price: max,
    avg_price: truncatedMean(sum, count),
    sum_price: sum,
  };
}
