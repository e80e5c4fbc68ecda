// q12 — how many bids each bidder made per 10 s of the clock: windows in processing time, whose rows no two runs share.
import { count } from "../../operators/aggregates.ts";
import type { WindowResult } from "../../operators/window.ts";
import { tumbling } from "../../time/windows.ts";
import type { AppendQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q12Row {
  readonly bidder: number;
  readonly total_bids: number;
}

export const q12: AppendQuery<Q12Row> = {
  result: "append",
  rows: (events) =>
    events
      .filter("bids", isBid)
      .map("bidders", ({ bid }) => bid.bidder)
      .keyBy((bidder) => bidder)
      .window(tumbling("10s").processingTime())
      .aggregate("bids-per-window", count())
      .map("columns", toRow),
};

function toRow({ key, value }: WindowResult<number, number>): Q12Row {
  return { bidder: key, total_bids: value };
}
