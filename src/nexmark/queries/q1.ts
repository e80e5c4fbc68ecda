// q1 — every bid with its price in another currency: exact decimal arithmetic per record.
import type { BidEvent } from "../events.ts";
import type { AppendQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q1Row {
  readonly auction: number;
  readonly bidder: number;
  /** price × 0.908, decimal notation with exactly three decimals. */
  readonly price: string;
  /** Epoch ms. */
  readonly date_time: number;
  readonly extra: string;
}

export const q1: AppendQuery<Q1Row> = {
  result: "append",
  rows: (events) => events.filter("bids", isBid).map("convert", toRow),
};

function toRow({ bid }: BidEvent): Q1Row {
  return {
    auction: bid.auction,
    bidder: bid.bidder,
    price: convertPrice(bid.price),
    date_time: bid.dateTime,
    extra: bid.extra,
  };
}

/** Up to here price × 908 is a safe integer. */
const largestFastPrice = Math.floor(Number.MAX_SAFE_INTEGER / 908);

/** `.000` to `.999` */
const decimals: readonly string[] = Array.from(
  { length: 1_000 },
  (_, thousandths) => `.${String(thousandths).padStart(3, "0")}`,
);

/**
 * price × 0.908 without rounding. Hot: once per bid.
 *
 * @param price any safe integer
 */
export function convertPrice(price: number): string {
  if (price < 0) return `-${convertPrice(-price)}`;
  if (price > largestFastPrice) {
    const thousandths = BigInt(price) * 908n;
    return `${thousandths / 1_000n}${decimals[Number(thousandths % 1_000n)]}`;
  }
  const thousandths = price * 908;
  const rest = thousandths % 1_000;
  // The difference is divisible, so the quotient is exact; thousandths / 1000 rounded down need not be.
  return `${(thousandths - rest) / 1_000}${decimals[rest]}`;
}
