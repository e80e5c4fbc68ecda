// q2 — the bids for every 123rd auction id: a filter that keeps little.
import { defineJob, type Job } from "../../dataflow/job.ts";
import type { BidEvent, NexmarkEvent } from "../events.ts";
import { eventsOf, isBid, type QueryParts } from "./query-parts.ts";

export interface Q2Row {
  readonly auction: number;
  readonly price: number;
}

export function q2({ name, source, sink, sinkOptions }: QueryParts<Q2Row>): Job {
  return defineJob(name, (job) => {
    eventsOf(job, source)
      .filter("wanted-bids", isWantedBid)
      .map("columns", ({ bid }): Q2Row => ({ auction: bid.auction, price: bid.price }))
      .to("rows", sink, sinkOptions);
  });
}

function isWantedBid(event: NexmarkEvent): event is BidEvent {
  return isBid(event) && event.bid.auction % 123 === 0;
}
