// q0 — every bid passes through: what the engine itself costs.
import type { BidEvent } from "../events.ts";
import type { AppendQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q0Row {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  /** Epoch ms. */
  readonly date_time: number;
  readonly extra: string;
}

export const q0: AppendQuery<Q0Row> = {
  result: "append",
  rows: (events) => events.filter("bids", isBid).map("columns", toRow),
};

function toRow({ bid }: BidEvent): Q0Row {
  return {
    auction: bid.auction,
    bidder: bid.bidder,
    price: bid.price,
    date_time: bid.dateTime,
    extra: bid.extra,
  };
}
