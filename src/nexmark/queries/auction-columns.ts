// AuctionColumns — an auction as q20 and q23 join it to bids.
import type { Auction } from "../events.ts";

export interface AuctionColumns {
  readonly item_name: string;
  readonly description: string;
  readonly initial_bid: number;
  readonly reserve: number;
  /** Epoch ms. */
  readonly auction_date_time: number;
  /** Epoch ms. */
  readonly expires: number;
  readonly seller: number;
  readonly category: number;
  readonly auction_extra: string;
}

export function toAuctionColumns(auction: Auction): AuctionColumns {
  return {
    item_name: auction.itemName,
    description: auction.description,
    initial_bid: auction.initialBid,
    reserve: auction.reserve,
    auction_date_time: auction.dateTime,
    expires: auction.expires,
    seller: auction.seller,
    category: auction.category,
    auction_extra: auction.extra,
  };
}
