// q13 — every bid with what a small, unchanging table says about its auction: a lookup in memory.
import type { BidEvent } from "../events.ts";
import type { AppendQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q13Row {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  /** Epoch ms. */
  readonly date_time: number;
  readonly value: string;
}

/** The table is looked up by the remainder of the auction's id. */
const keys = 10_000;
const noRows: readonly Q13Row[] = Object.freeze([]);

export const q13: AppendQuery<Q13Row> = {
  result: "append",
  rows: (events, sideInput) =>
    events.filter("bids", isBid).flatMap("enrich", ({ bid }: BidEvent): readonly Q13Row[] => {
      const value = sideInput.get(bid.auction % keys);
      if (value === undefined) return noRows;
      const { auction, bidder, price, dateTime } = bid;
      return [{ auction, bidder, price, date_time: dateTime, value }];
    }),
};
