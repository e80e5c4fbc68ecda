// q14 — bids in a range of converted price, with the time of day and a count of letters: expressions per record.
import type { BidEvent, NexmarkEvent } from "../events.ts";
import { convertPrice } from "./q1.ts";
import type { AppendQuery } from "./query.ts";
import { isBid, minuteOf } from "./query-parts.ts";

interface Q14Row {
  readonly auction: number;
  readonly bidder: number;
  /** price × 0.908, decimal notation with exactly three decimals. */
  readonly price: string;
  readonly bid_time_type: "dayTime" | "nightTime" | "otherTime";
  /** Epoch ms. */
  readonly date_time: number;
  readonly extra: string;
  /** How often the letter c stands in `extra`. */
  readonly c_counts: number;
}

// Bounds in thousandths, of price × 908. A product that is no safe integer is rounded, but far above the upper bound.
const above = 1_000_000_000;
const below = 50_000_000_000;

const letterC = 0x63;

export const q14: AppendQuery<Q14Row> = {
  result: "append",
  rows: (events) => events.filter("bids-in-range", isInRange).map("columns", toRow),
};

function isInRange(event: NexmarkEvent): event is BidEvent {
  if (!isBid(event)) return false;
  const thousandths = event.bid.price * 908;
  return thousandths > above && thousandths < below;
}

function toRow({ bid: { auction, bidder, price, dateTime, extra } }: BidEvent): Q14Row {
  return {
    auction,
    bidder,
    price: convertPrice(price),
    bid_time_type: timeType(Math.floor(minuteOf(dateTime) / 60)),
    date_time: dateTime,
    extra,
    c_counts: countC(extra),
  };
}

function timeType(hour: number): Q14Row["bid_time_type"] {
  if (hour >= 8 && hour <= 18) return "dayTime";
  return hour <= 6 || hour >= 20 ? "nightTime" : "otherTime";
}

function countC(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) === letterC) count++;
  return count;
}
