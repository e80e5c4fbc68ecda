import { describe, expect, test } from "vitest";
import type { PartitionMetrics } from "../../src/actors/partition-metrics.ts";
import type { JobPlan } from "../../src/plan/plan.ts";
import { PastFigures } from "../../src/runtime/past-figures.ts";
import { summariseStages } from "../../src/runtime/reports.ts";

const plan = {
  stages: [{ id: "count", operators: [{ type: "sink", name: "out" }] }],
} as unknown as JobPlan;

function metrics(partition: string, recordsIn: number, watermark = 500): PartitionMetrics {
  return {
    ...{ partition, stage: "count", state: "running", recordsIn, recordsOut: 2 * recordsIn, watermark },
    ...{ backlogEntries: 3, mailboxEntries: 1, commits: 1 },
    time: { busyMs: 10, idleMs: 20, backpressuredMs: 30, stateWaitMs: 40, commitWaitMs: 50 },
    operators: { out: { recordsIn, recordsOut: 0, skipped: 1, deadLetters: 2, late: 3 } },
  };
}

describe("figures of the past", () => {
  test("counters of a worker stay what they were when a partition leaves it; gauges go with the partition", () => {
    const [both] = summariseStages(plan, [metrics("count.0", 10, 100), metrics("count.1", 5)]);
    const past = new PastFigures();
    past.add(metrics("count.0", 10, 100));
    const [after] = summariseStages(plan, [metrics("count.1", 5)], past.all());
    expect(after).toEqual({ ...both, partitions: 1, backlogEntries: 3, watermark: 500 });
  });

  test("many attempts of many partitions add up in one entry per stage", () => {
    const past = new PastFigures();
    for (let attempt = 0; attempt < 4; attempt++) past.add(metrics(`count.${attempt % 2}`, 10));
    expect(past.all()).toHaveLength(1);
    expect(summariseStages(plan, [], past.all())).toMatchObject([
      {
        ...{
          partitions: 0,
          recordsIn: 40,
          recordsOut: 80,
          backlogEntries: 0,
          watermark: null,
          sinkRecords: 40,
        },
        ...{ commits: 4, skipped: 4, deadLetters: 8, late: 12, busyMs: 40, commitWaitMs: 200 },
      },
    ]);
  });

  test("a stage that the worker never ran is not told", () => {
    expect(summariseStages(plan, [], new PastFigures().all())).toEqual([]);
  });
});
