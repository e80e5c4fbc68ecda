import { expect, test } from "vitest";
import type { PartitionHold, WorkerReport } from "../../src/runtime/reports.ts";
import { findWatermarkCauses, flowEdges } from "../../src/runtime/watermark-causes.ts";

const STAGES = ["orders", "enrich", "totals"];
const EDGES = [
  { id: "a", from: "orders" },
  { id: "b", from: "enrich" },
];

function report(worker: string, holds: readonly PartitionHold[], atMs = 1_000): WorkerReport {
  return { ...{ worker, host: "h", pid: 1, atMs, memoryBytes: 0, stages: [] }, holds };
}

function hold(
  partition: string,
  input: string,
  watermark: number | null,
  more: Partial<PartitionHold> = {},
): PartitionHold {
  const kind = input.includes(">") ? "channel" : "split";
  return {
    ...{ partition, kind, input, watermark, merged: watermark, sinceMs: 400, state: "active" },
    ...more,
  };
}

test("the way goes up through the slowest channels, across workers, to the split", () => {
  const one = report("1", [
    hold("totals.0", "b:1>0", 50),
    hold("enrich.0", "a:0>0", 90),
    hold("orders.0", "us", 90),
  ]);
  const two = report("2", [
    hold("enrich.1", "a:1>1", 50),
    hold("orders.1", "eu", 50, { state: "silent", sinceMs: 250 }),
  ]);
  expect(findWatermarkCauses(STAGES, EDGES, [one, two])).toEqual(
    [["orders.1"], ["enrich.1", "orders.1"], ["totals.0", "enrich.1", "orders.1"]].map((path, i) => ({
      ...{ stage: STAGES[i], watermark: 50, path, kind: "split", input: "eu" },
      ...{ inputWatermark: 50, forMs: 750, state: "silent" },
    })),
  );
});

test("a channel whose producer is further is what is waited for", () => {
  const holds = [hold("totals.0", "b:0>0", 50), hold("enrich.0", "a:0>0", 80), hold("orders.0", "us", 80)];
  expect(findWatermarkCauses(["totals"], EDGES, [report("1", holds)])).toMatchObject([
    { kind: "channel", input: "b:0>0", path: ["totals.0"], state: "active" },
  ]);
});

test("an input that woke up behind the partition's watermark is followed by its own", () => {
  const holds = [
    hold("totals.0", "b:0>0", 20, { merged: 70 }),
    hold("enrich.0", "a:0>0", 20, { merged: 20 }),
    hold("orders.0", "us", 20),
  ];
  expect(findWatermarkCauses(["totals"], EDGES, [report("1", holds)])).toMatchObject([
    { watermark: 70, input: "us", inputWatermark: 20 },
  ]);
});

test("of several partitions the slowest, of equals the one that stands longest; before any watermark too", () => {
  const holds = [
    hold("orders.0", "a", null, { sinceMs: 500 }),
    hold("orders.1", "b", null, { sinceMs: 300 }),
    hold("orders.2", "c", 10, { sinceMs: 1 }),
  ];
  expect(findWatermarkCauses(["orders"], EDGES, [report("1", holds)])).toMatchObject([
    { input: "b", watermark: null, forMs: 700 },
  ]);
});

test("says when the producer is run by nobody who reports, and of two reports of a partition believes the later", () => {
  const old = report("1", [hold("totals.0", "b:3>0", 5)], 1_000);
  const moved = report("2", [hold("totals.0", "b:4>0", 6)], 1_100);
  expect(findWatermarkCauses(STAGES, EDGES, [moved, old])).toMatchObject([
    { stage: "totals", kind: "channel", input: "b:4>0", state: "unreported" },
  ]);
});

test("a job without event time, one that has ended, and reports of earlier versions have no causes", () => {
  const untimed = [hold("totals.0", "b:0>0", null), hold("enrich.0", "a:0>0", null)];
  const source = hold("orders.0", "us", null, { state: "untimed" });
  expect(findWatermarkCauses(STAGES, EDGES, [report("1", [...untimed, source])])).toEqual([]);
  const { holds: _, ...earlier } = report("1", []);
  expect(findWatermarkCauses(STAGES, EDGES, [report("1", []), earlier])).toEqual([]);
});

test("where an operator assigns timestamps, the way up ends: what is further up has another time", () => {
  const operator = (name: string, kind: string, input: string) =>
    ({ name, type: "stateless", kind, input }) as const;
  const edge = (id: string, from: string, to: string, fromOperator: string) =>
    ({ id, from, to, fromOperator, fromTag: null, partitioning: "key" }) as const;
  const edges = flowEdges({
    format: 2,
    job: "j",
    stages: [
      {
        ...{ id: "orders", partitions: 1, source: true },
        operators: [
          operator("parse", "map", "head"),
          operator("times", "assignTimestamps", "parse"),
          operator("cents", "map", "times#large"),
        ],
      },
    ],
    edges: [edge("a", "orders", "raw", "parse"), edge("b", "orders", "totals", "cents")],
  });
  expect(edges).toEqual([
    { id: "a", from: "orders", timedBy: undefined },
    { id: "b", from: "orders", timedBy: "times" },
  ]);
  const holds = [
    hold("orders.0", "us", null, { state: "untimed" }),
    hold("raw.0", "a:0>0", null),
    hold("totals.0", "b:0>0", 50),
  ];
  expect(findWatermarkCauses(["orders", "raw", "totals"], edges, [report("1", holds)])).toEqual([
    {
      ...{ stage: "totals", watermark: 50, path: ["totals.0"], kind: "channel", input: "b:0>0" },
      ...{ inputWatermark: 50, forMs: 600, state: "active", timedBy: "times" },
    },
  ]);
});
