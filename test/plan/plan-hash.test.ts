import { describe, expect, test } from "vitest";
import { defineJob, type JobBuilder } from "../../src/dataflow/job.ts";
import type { KeyedStream } from "../../src/dataflow/keyed-stream.ts";
import type { Stream } from "../../src/dataflow/stream.ts";
import { count, sum } from "../../src/operators/aggregates.ts";
import { comparePlans } from "../../src/plan/compare.ts";
import { describePlan, hashDescription, type PlanDescription } from "../../src/plan/description.ts";
import type { JobPlan } from "../../src/plan/plan.ts";
import { list, type StateDescriptors, value } from "../../src/state/descriptors.ts";
import type { Duration } from "../../src/time/duration.ts";
import { tumbling } from "../../src/time/windows.ts";
import { type Bid, testSink, testSource } from "../dataflow/fixtures.ts";

interface Variation {
  readonly job?: string;
  readonly parallelism?: number;
  readonly build?: (job: JobBuilder) => void;
}

function planOf({ job = "bids", parallelism = 2, build = original }: Variation = {}): JobPlan {
  return defineJob(job, build).plan({ parallelism });
}

/** What was stored when the job started, as it comes back. */
function stored(plan: JobPlan): PlanDescription {
  return JSON.parse(JSON.stringify(describePlan(plan))) as PlanDescription;
}

const source = (job: JobBuilder): Stream<Bid> =>
  job.source("bids", testSource<Bid>(), { timestamp: (bid) => bid.at });

const parsed = (job: JobBuilder): Stream<Bid> => source(job).map("parse", (bid) => bid);
const byAuction = (stream: Stream<Bid>): KeyedStream<number, Bid> => stream.keyBy((bid) => bid.auction);

function total(keyed: KeyedStream<number, Bid>, size: Duration = "1m"): void {
  keyed
    .window(tumbling(size))
    .aggregate(
      "total",
      sum((bid) => bid.price),
    )
    .to("out", testSink());
}

function track(
  keyed: KeyedStream<number, Bid>,
  state: StateDescriptors = { last: value<number>(), all: list<Bid>() },
): void {
  keyed.process("track", { state, onRecord() {} }).to("tracked", testSink());
}

function original(job: JobBuilder): void {
  const keyed = byAuction(parsed(job));
  total(keyed);
  track(keyed);
}

/** One description per way of changing the job, with the sentences that it must lead to. */
const CHANGES: readonly (readonly [what: string, variation: Variation, sentences: readonly string[]])[] = [
  [
    "another parallelism",
    { parallelism: 3 },
    ['stage "bids" has 3 partitions, it had 2', 'stage "total" has 3 partitions, it had 2'],
  ],
  ["another name", { job: "offers" }, ['the job is named "offers", it was "bids"']],
  [
    "another window",
    {
      build(job) {
        const keyed = byAuction(parsed(job));
        total(keyed, "2m");
        track(keyed);
      },
    },
    ['operator "total" is a tumbling window of 2m, it was a tumbling window of 1m'],
  ],
  [
    "an operator removed and one added",
    {
      build(job) {
        const keyed = byAuction(source(job).filter("valid", () => true));
        total(keyed);
        track(keyed);
      },
    },
    [
      'map "parse" is gone',
      'filter "valid" is new',
      'the edge from "parse" to stage "total" (key) is gone',
      'the edge from "valid" to stage "total" (key) is new',
    ],
  ],
  [
    "a stateful operator gone, with its stage named after another",
    {
      build(job) {
        track(byAuction(parsed(job)));
      },
    },
    [
      'stage "total" is gone',
      'stage "track" is new',
      'sink "out" is gone',
      'tumbling window of 1m "total" is gone (its state would be lost)',
      'operator "track" runs in stage "track", it ran in "total"',
      'operator "tracked" runs in stage "track", it ran in "total"',
      'the edge from "parse" to stage "total" (key) is gone',
      'the edge from "parse" to stage "track" (key) is new',
    ],
  ],
];

describe("the hash of a plan", () => {
  test("does not depend on user code, descriptions, layouts of state or the order of independent parts", () => {
    const reordered = (job: JobBuilder): void => {
      const keyed = job
        .source("bids", testSource<Bid>({ description: "somewhere else" }), {
          timestamp: () => 0,
          outOfOrderness: "1h",
        })
        .map("parse", (bid) => ({ ...bid, price: 0 }), { onError: "skip" })
        .keyBy((bid) => bid.bidder);
      keyed
        .window(tumbling("1m"))
        .aggregate(
          "total",
          sum(() => 1),
        )
        .to("out", testSink({ guarantee: "idempotent" }));
      keyed
        .process("track", {
          state: { every: list<Bid>(), last: value<number>({ version: 2 }) },
          onRecord() {},
        })
        .to("tracked", testSink());
    };
    expect(planOf({ build: reordered }).hash).toBe(planOf().hash);
    expect(comparePlans(stored(planOf()), planOf({ build: reordered }))).toEqual([]);
  });

  test("is the digest of the description, also after a round trip through JSON", () => {
    const plan = planOf();
    expect(plan.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(hashDescription(stored(plan))).toBe(plan.hash);
  });

  test.each(CHANGES)("changes with %s, and the sentences say what", (_what, variation, sentences) => {
    const changed = planOf(variation);
    expect(changed.hash).not.toBe(planOf().hash);
    expect(comparePlans(stored(planOf()), changed)).toEqual(sentences);
  });
});

describe("comparePlans", () => {
  /** Every value inside a description, with a way to put another one in its place. */
  function* leavesOf(
    node: unknown,
    path: readonly (string | number)[] = [],
  ): Generator<readonly (string | number)[]> {
    if (Array.isArray(node)) {
      for (const [index, item] of node.entries()) yield* leavesOf(item, [...path, index]);
    } else if (typeof node === "object" && node !== null) {
      for (const [name, item] of Object.entries(node)) yield* leavesOf(item, [...path, name]);
    } else yield path;
  }

  function changedAt(description: PlanDescription, path: readonly (string | number)[]): PlanDescription {
    const copy = structuredClone(description) as unknown as Record<string | number, unknown>;
    const holder = path.slice(0, -1).reduce((at, step) => at[step] as Record<string | number, unknown>, copy);
    const last = path[path.length - 1] as string | number;
    const before = holder[last];
    holder[last] =
      typeof before === "number"
        ? before + 1
        : typeof before === "boolean"
          ? !before
          : `${before ?? ""}changed`;
    return copy as unknown as PlanDescription;
  }

  test("notices a change of every single fact in the description", () => {
    const plan = planOf();
    const description = stored(plan);
    const paths = [...leavesOf(description)];
    expect(paths.length).toBeGreaterThan(30);
    for (const path of paths) {
      const changes = comparePlans(changedAt(description, path), plan);
      expect(changes, path.join(".")).not.toEqual([]);
    }
  });

  test("notices a changed partitioning and a changed input", () => {
    const before = planOf({
      build(job) {
        const a = source(job).map("a", (bid) => bid);
        a.map("b", (bid) => bid)
          .rebalance()
          .keyBy((bid) => bid.auction)
          .aggregate("n", count())
          .to("out", testSink());
        a.rebalance().to("side", testSink());
      },
    });
    const after = planOf({
      build(job) {
        const bids = source(job);
        const a = bids.map("a", (bid) => bid);
        bids
          .map("b", (bid) => bid)
          .keyBy((bid) => bid.auction)
          .aggregate("n", count())
          .to("out", testSink());
        a.broadcast().to("side", testSink());
      },
    });
    expect(comparePlans(stored(before), after)).toEqual([
      'operator "b" reads head, it read a',
      'the edge from "a" to stage "side" is partitioned by broadcast, it was by rebalance',
    ]);
  });
});
