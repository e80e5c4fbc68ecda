// q18 — the last bid of every bidder for every auction: the latest one, and of those at the same time the last to arrive.
import { value } from "../../state/descriptors.ts";
import { type BidColumns, type NumberedBid, toBidColumns, toNumberedBid } from "./bid-columns.ts";
import type { TableQuery } from "./query.ts";
import { isBid, pairKey } from "./query-parts.ts";
import { type TableStep, tableStep } from "./table-step.ts";

const last = { bid: value<NumberedBid>() };

/** Key: bidder and auction. */
const lastBids: TableStep<number | string, NumberedBid, typeof last, BidColumns> = {
  state: last,
  update(bid, state) {
    const before = state.bid.peek();
    if (before !== undefined && !isAfter(bid, before)) return "none";
    state.bid.set(bid);
    return before === undefined ? "begun" : "changed";
  },
  row(state) {
    const bid = state.bid.peek();
    return bid && toBidColumns(bid);
  },
};

export const q18: TableQuery<BidColumns> = {
  result: "table",
  changes: (events, output) =>
    events
      .filter("bids", isBid)
      .map("numbered", toNumberedBid)
      .keyBy(({ bidder, auction }) => pairKey(bidder, auction))
      .process("last-bids", tableStep(output, lastBids)),
};

function isAfter(a: NumberedBid, b: NumberedBid): boolean {
  return a.date_time === b.date_time ? a.seq > b.seq : a.date_time > b.date_time;
}
