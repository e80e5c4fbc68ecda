// q2 — the bids for every 123rd auction id: a filter that keeps little.
import type { BidEvent, NexmarkEvent } from "../events.ts";
import type { AppendQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q2Row {
  readonly auction: number;
  readonly price: number;
}

export const q2: AppendQuery<Q2Row> = {
  result: "append",
  rows: (events) =>
    events
      .filter("wanted-bids", isWantedBid)
      .map("columns", ({ bid }): Q2Row => ({ auction: bid.auction, price: bid.price })),
};

function isWantedBid(event: NexmarkEvent): event is BidEvent {
  return isBid(event) && event.bid.auction % 123 === 0;
}
