// What all queries have in common: where events come from, how time runs, where rows go.
import type { Sink, Source } from "../../connectors/contract.ts";
import type { JobBuilder } from "../../dataflow/job.ts";
import type { Stream } from "../../dataflow/stream.ts";
import type { SinkOptions } from "../../dataflow/stream-options.ts";
import type { AuctionEvent, BidEvent, NexmarkEvent, PersonEvent } from "../events.ts";

/** What a query is built from. */
export interface QueryParts<Row> {
  /** Name of the job. */
  readonly name: string;
  readonly source: Source<NexmarkEvent>;
  readonly sink: Sink<Row>;
  /** For example `{ parallelism: 1 }`, to have all rows in one file. */
  readonly sinkOptions?: SinkOptions | undefined;
}

/** The combined stream. Watermark: the highest `dateTime` so far less 4 s. */
export function eventsOf(job: JobBuilder, source: Source<NexmarkEvent>): Stream<NexmarkEvent> {
  return job.source("events", source, { timestamp: (event) => event.dateTime, outOfOrderness: "4s" });
}

export function isPerson(event: NexmarkEvent): event is PersonEvent {
  return event.event_type === 0;
}

export function isAuction(event: NexmarkEvent): event is AuctionEvent {
  return event.event_type === 1;
}

export function isBid(event: NexmarkEvent): event is BidEvent {
  return event.event_type === 2;
}
