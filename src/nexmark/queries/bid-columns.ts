// BidColumns — a bid with all its columns, as q18 and q19 give it.
import type { BidEvent } from "../events.ts";

export interface BidColumns {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  /** Epoch ms. */
  readonly date_time: number;
  readonly extra: string;
}

/** A bid that knows its place in the order of arrival. */
export interface NumberedBid extends BidColumns {
  readonly seq: number;
}

/** The bid without its number. */
export function toBidColumns({
  auction,
  bidder,
  price,
  channel,
  url,
  date_time,
  extra,
}: NumberedBid): BidColumns {
  return { auction, bidder, price, channel, url, date_time, extra };
}

export function toNumberedBid({ bid, seq }: BidEvent): NumberedBid {
  return {
    auction: bid.auction,
    bidder: bid.bidder,
    price: bid.price,
    channel: bid.channel,
    url: bid.url,
    date_time: bid.dateTime,
    extra: bid.extra,
    seq,
  };
}
