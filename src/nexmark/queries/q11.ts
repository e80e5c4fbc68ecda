// q11 — how many bids each bidder made in one go: sessions that end when there was no bid for more than 10 s.
import { count } from "../../operators/aggregates.ts";
import type { WindowResult } from "../../operators/window.ts";
import { session } from "../../time/sessions.ts";
import type { AppendQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q11Row {
  readonly bidder: number;
  readonly bid_count: number;
  /** Epoch ms. */
  readonly starttime: number;
  /** Ten seconds after the last bid, epoch ms. */
  readonly endtime: number;
}

export const q11: AppendQuery<Q11Row> = {
  result: "append",
  rows: (events) =>
    events
      .filter("bids", isBid)
      .map("bidders", ({ bid }) => bid.bidder)
      .keyBy((bidder) => bidder)
      .window(session("10s"))
      .aggregate("bids-per-session", count())
      .map("columns", toRow),
};

function toRow({ key, value, window }: WindowResult<number, number>): Q11Row {
  return { bidder: key, bid_count: value, starttime: window.start, endtime: window.end };
}
