// The Nexmark queries by name, and the job of each on the public dataflow calls. Rows have their columns in published
// order.
//
// Source: https://github.com/nexmark/nexmark (the queries, as SQL).
import type { Sink, Source } from "../connectors/contract.ts";
import { defineJob, type Job } from "../dataflow/job.ts";
import type { Stream } from "../dataflow/stream.ts";
import type { SinkOptions } from "../dataflow/stream-options.ts";
import type { Change } from "../operators/change.ts";
import type { NexmarkEvent } from "./events.ts";
import { q0 } from "./queries/q0.ts";
import { q1 } from "./queries/q1.ts";
import { q2 } from "./queries/q2.ts";
import { q3 } from "./queries/q3.ts";
import { q4 } from "./queries/q4.ts";
import { q5 } from "./queries/q5.ts";
import { q6 } from "./queries/q6.ts";
import { q7 } from "./queries/q7.ts";
import { q8 } from "./queries/q8.ts";
import { q9 } from "./queries/q9.ts";
import { q11 } from "./queries/q11.ts";
import { q12 } from "./queries/q12.ts";
import { q13 } from "./queries/q13.ts";
import { q14 } from "./queries/q14.ts";
import { q15 } from "./queries/q15.ts";
import { q16 } from "./queries/q16.ts";
import { q17 } from "./queries/q17.ts";
import { q18 } from "./queries/q18.ts";
import { q19 } from "./queries/q19.ts";
import { q20 } from "./queries/q20.ts";
import { q21 } from "./queries/q21.ts";
import { q22 } from "./queries/q22.ts";
import { q23 } from "./queries/q23.ts";
import type { QueryDefinition } from "./queries/query.ts";
import { defaultSideInput, type SideInput } from "./side-input.ts";

export type NexmarkQuery =
  | "q0"
  | "q1"
  | "q2"
  | "q3"
  | "q4"
  | "q5"
  | "q6"
  | "q7"
  | "q8"
  | "q9"
  | "q11"
  | "q12"
  | "q13"
  | "q14"
  | "q15"
  | "q16"
  | "q17"
  | "q18"
  | "q19"
  | "q20"
  | "q21"
  | "q22"
  | "q23";

/** What each query computes, and whether its rows are appended or a table that is updated. */
export const nexmarkQueries: Readonly<Record<NexmarkQuery, QueryDefinition>> = Object.freeze({
  q0,
  q1,
  q2,
  q3,
  q4,
  q5,
  q6,
  q7,
  q8,
  q9,
  q11,
  q12,
  q13,
  q14,
  q15,
  q16,
  q17,
  q18,
  q19,
  q20,
  q21,
  q22,
  q23,
});

/** Whether a text, for example of a command line, names a query. */
export function isNexmarkQuery(text: string): text is NexmarkQuery {
  return Object.hasOwn(nexmarkQueries, text);
}

/** What the job of a query is built from. */
export interface NexmarkJobParts {
  /** Name of the job. */
  readonly name: string;
  readonly source: Source<NexmarkEvent>;
  readonly sink: Sink<object>;
  /** For example `{ parallelism: 1 }`, to have all rows in one file. */
  readonly sinkOptions?: SinkOptions | undefined;
  /** Every change of the result, with `op` in front of the columns, instead of the result. Default false. */
  readonly changelog?: boolean | undefined;
  /** What q13 looks auctions up in. Default: {@link defaultSideInput}. */
  readonly sideInput?: SideInput | undefined;
}

/** Watermark: the highest `dateTime` so far less 4 s. */
export function nexmarkJob(query: NexmarkQuery, parts: NexmarkJobParts): Job {
  const { name, source, sink, sinkOptions } = parts;
  return defineJob(name, (job) => {
    const events = job.source("events", source, {
      timestamp: (event) => event.dateTime,
      outOfOrderness: "4s",
    });
    nexmarkRows(query, events, parts).to("rows", sink, sinkOptions);
  });
}

/**
 * What a query gives, for jobs that do more than one thing with the events.
 *
 * @param events with event time; queries with windows need their watermarks
 */
export function nexmarkRows(
  name: NexmarkQuery,
  events: Stream<NexmarkEvent>,
  { changelog = false, sideInput }: Pick<NexmarkJobParts, "changelog" | "sideInput"> = {},
): Stream<object> {
  const query = nexmarkQueries[name];
  if (query.result === "table")
    return changelog
      ? query.changes(events, "changelog").map("changes", withOp)
      : query.changes(events, "final").map("table", ({ row }) => row);
  const rows = query.rows(events, sideInput ?? defaultSideInput());
  return changelog ? rows.map("changes", (row) => withOp({ op: "+I", row })) : rows;
}

function withOp({ op, row }: Change<object>): object {
  return { op, ...row };
}
