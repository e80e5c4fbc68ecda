// q9 — every auction with its winning bid: a join in a range of time, of which the best row per auction is kept.

import type { AuctionEvent, BidEvent } from "../events.ts";
import { type Contest, contest, enterContest, type Lot, type Offer } from "./contest.ts";
import type { TableQuery } from "./query.ts";
import { isAuction, isBid } from "./query-parts.ts";
import { type TableStep, tableStep } from "./table-step.ts";

interface Q9Row {
  /** Of the auction. */
  readonly id: number;
  readonly item_name: string;
  readonly description: string;
  readonly initial_bid: number;
  readonly reserve: number;
  /** Epoch ms. */
  readonly date_time: number;
  /** Epoch ms. */
  readonly expires: number;
  readonly seller: number;
  readonly category: number;
  readonly extra: string;
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  /** Epoch ms. */
  readonly bid_date_time: number;
  readonly bid_extra: string;
}

interface WideLot extends Lot {
  readonly item_name: string;
  readonly description: string;
  readonly initial_bid: number;
  readonly reserve: number;
  readonly seller: number;
  readonly category: number;
  readonly extra: string;
}

interface WideOffer extends Offer {
  readonly bidder: number;
  readonly extra: string;
}

/** Key: id of the auction. */
const winners: TableStep<number, WideLot | WideOffer, Contest<WideLot, WideOffer>, Q9Row> = {
  state: contest<WideLot, WideOffer>(),
  update(record, state) {
    const changed = enterContest(record, state);
    if (record.kind === "lot") return "begun";
    return changed ? "changed" : "none";
  },
  row({ lot, best }) {
    const bid = best.peek();
    const auction = bid && lot.peek();
    return auction && toRow(auction, bid);
  },
};

export const q9: TableQuery<Q9Row> = {
  result: "table",
  changes: (events, output) =>
    events
      .filter("auctions", isAuction)
      .map("lots", toLot)
      .union(events.filter("bids", isBid).map("offers", toOffer))
      .keyBy(({ auction }) => auction)
      .process("winners", tableStep(output, winners)),
};

function toLot({ auction }: AuctionEvent): WideLot {
  return {
    kind: "lot",
    auction: auction.id,
    opens: auction.dateTime,
    expires: auction.expires,
    item_name: auction.itemName,
    description: auction.description,
    initial_bid: auction.initialBid,
    reserve: auction.reserve,
    seller: auction.seller,
    category: auction.category,
    extra: auction.extra,
  };
}

function toOffer({ bid, seq }: BidEvent): WideOffer {
  return {
    kind: "offer",
    auction: bid.auction,
    price: bid.price,
    time: bid.dateTime,
    seq,
    bidder: bid.bidder,
    extra: bid.extra,
  };
}

function toRow(lot: WideLot, offer: WideOffer): Q9Row {
  return {
    id: lot.auction,
    item_name: lot.item_name,
    description: lot.description,
    initial_bid: lot.initial_bid,
    reserve: lot.reserve,
    date_time: lot.opens,
    expires: lot.expires,
    seller: lot.seller,
    category: lot.category,
    extra: lot.extra,
    auction: offer.auction,
    bidder: offer.bidder,
    price: offer.price,
    bid_date_time: offer.time,
    bid_extra: offer.extra,
  };
}
