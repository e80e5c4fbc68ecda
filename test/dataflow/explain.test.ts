import { describe, expect, test } from "vitest";
import { explain, explainPlan, formatExplanation } from "../../src/dataflow/explain.ts";
import { defineJob, type Job } from "../../src/dataflow/job.ts";
import { mean } from "../../src/operators/aggregates.ts";
import { tumbling } from "../../src/time/windows.ts";
import { type Bid, testSink, testSource } from "./fixtures.ts";

/** A job with every kind of line that explain can print. */
function auctions(): Job {
  return defineJob("auctions", (job) => {
    const parsed = job
      .source("bids", testSource<Bid>({ maxParallelism: 1, description: "json file bids.json" }), {
        timestamp: (bid) => bid.at,
        outOfOrderness: "5m",
        idleAfter: "30s",
      })
      .map("parse", (bid) => bid, { onError: "deadLetter" });
    parsed.deadLetters().to("rejected", testSink({ description: "console" }));
    const keyed = parsed.keyBy((bid) => bid.auction);
    keyed
      .window(tumbling("1d"))
      .aggregate(
        "mean-price",
        mean((bid) => bid.price),
        { onError: "skip" },
      )
      .filter((result) => result.value > 10)
      .to(
        "report",
        testSink({ description: "file out.ndjson", guarantee: "transactional", maxParallelism: 1 }),
      );
    keyed.reduce("best", (a, b) => (a.price > b.price ? a : b), { parallelism: 2 }).to("bests", testSink());
  });
}

describe("explain", () => {
  test("prints stages, widths, chained operators, channels and the reason of each cut", () => {
    const plan = auctions().plan({ parallelism: 4 });
    expect(explain(plan)).toBe(`job auctions: 4 stages, 8 partitions, 10 channels
plan ${plan.hash.slice(0, 12)}

stage bids × 1
  bids: source, json file bids.json, bounded, event time, out of order by 5m, idle after 30s
  parse: map, on error: deadLetter
    rejected: sink of dead letters, console, append

stage mean-price × 4
  from parse: key, 4 channels
    keyBy: records with the same key must meet in one partition
  mean-price: tumbling window of 1d, state accumulator (scalar, msgpack 1), on error: skip
    filter-1: filter

stage report × 1
  from filter-1: rebalance, 4 channels
    parallelism: file out.ndjson allows at most 1 partition, from 4 partitions to 1
  report: sink, file out.ndjson, transactional

stage best × 2
  from parse: key, 2 channels
    keyBy: records with the same key must meet in one partition
  best: reduce, state reduced (scalar, msgpack 1)
    bests: sink, test sink, append
`);
  });

  test("counts one channel per pair of partitions, and one per partition where records go forward", () => {
    const plan = defineJob("counts", (job) => {
      const a = job.source("a", testSource(), { parallelism: 3 });
      const b = job.source("b", testSource(), { parallelism: 3 });
      a.union(b).to("out", testSink());
      a.broadcast().to("all", testSink(), { parallelism: 5 });
    }).plan({ parallelism: 2 });
    expect(explainPlan(plan).edges.map((edge) => [edge.id, edge.channels])).toEqual([
      ["a-to-out", 3],
      ["b-to-out", 3],
      ["a-to-all", 15],
    ]);
  });

  test("is the same from the JSON as from the plan", () => {
    const plan = auctions().plan({ parallelism: 4 });
    const explanation = explainPlan(plan);
    expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
    expect(formatExplanation(JSON.parse(JSON.stringify(explanation)))).toBe(explain(plan));
  });

  test("says what a source cannot do", () => {
    const plan = defineJob("lines", (job) => {
      job
        .source("stdin", testSource({ bounded: false, replayable: false, description: "lines of stdin" }), {
          onError: "skip",
        })
        .to("out", testSink());
    }).plan({ parallelism: 1 });
    expect(explain(plan)).toContain(
      "  stdin: source, lines of stdin, unbounded, not replayable, no event time, on error: skip\n",
    );
  });
});
