// q22 — bids with three directories of their URL: splitting a text.
import type { BidEvent } from "../events.ts";
import type { AppendQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q22Row {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  /** Null when the URL is shorter, as the other two. */
  readonly dir1: string | null;
  readonly dir2: string | null;
  readonly dir3: string | null;
}

/** Of the text cut at each slash: scheme, nothing, host, and then the three. */
const firstDirectory = 3;

export const q22: AppendQuery<Q22Row> = {
  result: "append",
  rows: (events) => events.filter("bids", isBid).map("directories", toRow),
};

function toRow({ bid: { auction, bidder, price, channel, url } }: BidEvent): Q22Row {
  const parts = url.split("/", firstDirectory + 3);
  const dir1 = parts[firstDirectory] ?? null;
  const dir2 = parts[firstDirectory + 1] ?? null;
  const dir3 = parts[firstDirectory + 2] ?? null;
  return { auction, bidder, price, channel, dir1, dir2, dir3 };
}
