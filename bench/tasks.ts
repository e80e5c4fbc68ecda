// What one benchmark process runs: a task is plain JSON, so that it can be handed to a child process.

import { defineJob, type Job } from "../src/dataflow/job.ts";
import { nexmarkSource } from "../src/nexmark/nexmark-source.ts";
import { type NexmarkQuery, nexmarkJob } from "../src/nexmark/queries.ts";
import { count } from "../src/operators/aggregates.ts";
import { discard, firstRecords, gated, pooledBids, scheduledBids, whenVisible } from "./sources.ts";

interface TaskBase {
  readonly job: string;
  /** Undefined: embedded. */
  readonly redis: string | undefined;
  readonly parallelism: number;
  /** Epoch ms. */
  readonly startAtMs: number;
}

export type Task = TaskBase &
  (
    | { readonly kind: "count"; readonly records: number }
    | { readonly kind: "query"; readonly query: NexmarkQuery; readonly events: number; readonly seed: number }
    | { readonly kind: "latency"; readonly ratePerSecond: number; readonly seconds: number }
    | { readonly kind: "takeover"; readonly ratePerSecond: number; readonly seconds: number }
  );

/** What the sinks of a task saw; sent back by the process. */
export interface Observed {
  /** Due time to visible result in ms, of results after the warm-up. */
  readonly latenciesMs: number[];
  readonly firstRecords: { partition: number; atMs: number }[];
}

/** Results of the first seconds are not counted: code is still being compiled. */
const WARM_UP_MS = 2_000;

export function createTaskJob(task: Task, observed: Observed): Job {
  switch (task.kind) {
    case "count":
      return defineJob(task.job, (job) => {
        job
          .source("bids", pooledBids(task.records, task.startAtMs))
          .keyBy((bid) => bid.auction)
          .aggregate("count", count())
          .to("discard", discard());
      });
    case "query": {
      const source = gated(nexmarkSource({ events: task.events, seed: task.seed }), task.startAtMs);
      return nexmarkJob(task.query, { name: task.job, source, sink: discard() });
    }
    case "latency":
      return defineJob(task.job, (job) => {
        job
          .source("bids", scheduledBids(task.ratePerSecond, task.seconds, task.startAtMs))
          .keyBy((bid) => bid.auction)
          .reduce("latest", (_, bid) => bid)
          .to(
            "visible",
            whenVisible((bids, nowMs) => {
              for (const bid of bids)
                if (bid.dueMs > task.startAtMs + WARM_UP_MS) observed.latenciesMs.push(nowMs - bid.dueMs);
            }),
          );
      });
    case "takeover":
      return defineJob(task.job, (job) => {
        job
          .source("bids", scheduledBids(task.ratePerSecond, task.seconds, task.startAtMs))
          .keyBy((bid) => bid.auction)
          .aggregate("count", count())
          .to(
            "first",
            firstRecords((partition, atMs) => observed.firstRecords.push({ partition, atMs })),
          );
      });
  }
}
