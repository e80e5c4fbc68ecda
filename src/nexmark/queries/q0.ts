// q0 — every bid passes through: what the engine itself costs.
import { defineJob, type Job } from "../../dataflow/job.ts";
import type { BidEvent } from "../events.ts";
import { eventsOf, isBid, type QueryParts } from "./query-parts.ts";

export interface Q0Row {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  /** Epoch ms. */
  readonly date_time: number;
  readonly extra: string;
}

export function q0({ name, source, sink, sinkOptions }: QueryParts<Q0Row>): Job {
  return defineJob(name, (job) => {
    eventsOf(job, source).filter("bids", isBid).map("columns", toRow).to("rows", sink, sinkOptions);
  });
}

function toRow({ bid }: BidEvent): Q0Row {
  return {
    auction: bid.auction,
    bidder: bid.bidder,
    price: bid.price,
    date_time: bid.dateTime,
    extra: bid.extra,
  };
}
