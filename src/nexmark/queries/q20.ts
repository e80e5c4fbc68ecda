// q20 — the bids for auctions of one category, with all columns of both: a join of wide rows, filtered on one side.
//
// Auctions of other categories come along as their id alone: a bid for one of them need not wait any longer. So of bids
// only those are kept that are there before their auction.
import { emits, type ProcessDefinition } from "../../operators/keyed-process.ts";
import { list, value } from "../../state/descriptors.ts";
import type { AuctionEvent, BidEvent } from "../events.ts";
import { type AuctionColumns, toAuctionColumns } from "./auction-columns.ts";
import type { AppendQuery } from "./query.ts";
import { isAuction, isBid } from "./query-parts.ts";

interface BidSide {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  /** Epoch ms. */
  readonly bid_date_time: number;
  readonly bid_extra: string;
}

interface Q20Row extends BidSide, AuctionColumns {}

interface Opened {
  readonly auction: number;
  /** Null: of another category. */
  readonly columns: AuctionColumns | null;
}

const sides = {
  /** Whether the auction is of the category; undefined before it is there. */
  wanted: value<boolean>(),
  auction: value<AuctionColumns>(),
  /** Bids that came before their auction. */
  early: list<BidSide>(),
};

/** Key: id of the auction. */
const join: ProcessDefinition<number, Opened | BidSide, Q20Row, typeof sides> = {
  state: sides,
  emits: emits<Q20Row>(),
  onRecord(record, context) {
    const { wanted, auction, early } = context.state;
    if ("columns" in record) {
      const { columns } = record;
      wanted.set(columns !== null);
      if (columns !== null) {
        auction.set(columns);
        for (const bid of early.peek()) context.emit(toRow(bid, columns));
      }
      early.clear();
      return;
    }
    const known = wanted.get();
    if (known === undefined) early.append(record);
    else if (known) context.emit(toRow(record, auction.peek() as AuctionColumns));
  },
};

const category = 10;

export const q20: AppendQuery<Q20Row> = {
  result: "append",
  rows: (events) =>
    events
      .filter("auctions", isAuction)
      .map("opened", toOpened)
      .union(events.filter("bids", isBid).map("bid-columns", toBidSide))
      .keyBy(({ auction }) => auction)
      .process("bids-with-auction", join),
};

function toOpened({ auction }: AuctionEvent): Opened {
  const columns = auction.category === category ? toAuctionColumns(auction) : null;
  return { auction: auction.id, columns };
}

function toBidSide({ bid }: BidEvent): BidSide {
  return {
    auction: bid.auction,
    bidder: bid.bidder,
    price: bid.price,
    channel: bid.channel,
    url: bid.url,
    bid_date_time: bid.dateTime,
    bid_extra: bid.extra,
  };
}

/** Column by column: many times faster than spreading both. */
function toRow(bid: BidSide, auction: AuctionColumns): Q20Row {
  return {
    auction: bid.auction,
    bidder: bid.bidder,
    price: bid.price,
    channel: bid.channel,
    url: bid.url,
    bid_date_time: bid.bid_date_time,
    bid_extra: bid.bid_extra,
    item_name: auction.item_name,
    description: auction.description,
    initial_bid: auction.initial_bid,
    reserve: auction.reserve,
    auction_date_time: auction.auction_date_time,
    expires: auction.expires,
    seller: auction.seller,
    category: auction.category,
    auction_extra: auction.auction_extra,
  };
}
