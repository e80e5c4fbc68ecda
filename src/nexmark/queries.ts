// The Nexmark queries by name. Each is a job on the public dataflow calls; rows have their columns in published order.
//
// Source: https://github.com/nexmark/nexmark (the queries, as SQL).
import type { Job } from "../dataflow/job.ts";
import { type Q0Row, q0 } from "./queries/q0.ts";
import { type Q1Row, q1 } from "./queries/q1.ts";
import { type Q2Row, q2 } from "./queries/q2.ts";
import { type Q3Row, q3 } from "./queries/q3.ts";
import { type Q5Row, q5 } from "./queries/q5.ts";
import { type Q7Row, q7 } from "./queries/q7.ts";
import { type Q8Row, q8 } from "./queries/q8.ts";
import type { QueryParts } from "./queries/query-parts.ts";

/** The rows of each query. */
export interface NexmarkRows {
  q0: Q0Row;
  q1: Q1Row;
  q2: Q2Row;
  q3: Q3Row;
  q5: Q5Row;
  q7: Q7Row;
  q8: Q8Row;
}

export type NexmarkQuery = keyof NexmarkRows;

/** Builds the job of a query. */
export const nexmarkQueries: {
  readonly [Query in NexmarkQuery]: (parts: QueryParts<NexmarkRows[Query]>) => Job;
} = Object.freeze({ q0, q1, q2, q3, q5, q7, q8 });

/** Whether a text, for example of a command line, names a query. */
export function isNexmarkQuery(text: string): text is NexmarkQuery {
  return Object.hasOwn(nexmarkQueries, text);
}
