import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProgressMeter, type StageProgress } from "../../src/cli/progress-meter.ts";
import type { StageReport, WorkerReport } from "../../src/runtime/reports.ts";

const shapes = [{ id: "count", partitions: 4, isSource: false }];

function stage(figures: Partial<StageReport>): StageReport {
  return {
    ...{
      stage: "count",
      partitions: 2,
      recordsIn: 0,
      recordsOut: 0,
      backlogEntries: 0,
      commits: 0,
      watermark: null,
    },
    ...{ skipped: 0, deadLetters: 0, late: 0, sinkRecords: 0 },
    ...{ busyMs: 0, backpressuredMs: 0, idleMs: 0, stateWaitMs: 0, commitWaitMs: 0 },
    ...figures,
  };
}

function report(worker: string, atMs: number, figures: Partial<StageReport>): WorkerReport {
  return { worker, host: "host", pid: 1, atMs, memoryBytes: 1, stages: [stage(figures)] };
}

function look(meter: ProgressMeter, nowMs: number, ...reports: WorkerReport[]): StageProgress {
  return meter.observe(reports, nowMs)[0]!;
}

describe("ProgressMeter", () => {
  test("adds up the workers, and knows rates from the second report on", () => {
    const meter = new ProgressMeter(shapes);
    const first = look(
      meter,
      10_000,
      report("a", 10_000, { recordsIn: 100, sinkRecords: 10, backlogEntries: 3 }),
      report("b", 10_000, { recordsIn: 50, recordsOut: 5 }),
    );
    expect(first).toMatchObject({ recordsIn: 150, recordsOut: 5, recordsWritten: 10, backlogEntries: 3 });
    expect(first).toMatchObject({ inPerSecond: 0, reportedPartitions: 4 });
    const second = look(
      meter,
      10_500,
      report("a", 10_500, { recordsIn: 200, sinkRecords: 20 }),
      report("b", 11_000, { recordsIn: 60, recordsOut: 25 }),
    );
    // a: 100 in half a second on its own clock; b: 10 in a second.
    expect(second).toMatchObject({ recordsIn: 260, inPerSecond: 210, outPerSecond: 40 });
  });

  test("a report that is seen twice changes nothing, until it is too old for a rate", () => {
    const meter = new ProgressMeter(shapes);
    look(meter, 1_000, report("a", 1_000, { recordsIn: 0 }));
    const fresh = look(meter, 2_000, report("a", 2_000, { recordsIn: 500 }));
    expect(look(meter, 2_500, report("a", 2_000, { recordsIn: 500 }))).toEqual(fresh);
    expect(look(meter, 6_000, report("a", 2_000, { recordsIn: 500 }))).toMatchObject({
      ...{ recordsIn: 500, inPerSecond: 0, busy: undefined },
    });
  });

  test("a worker's last word counts once, also when it comes after the worker was gone", () => {
    const meter = new ProgressMeter(shapes);
    look(meter, 1_000, report("a", 1_000, { recordsIn: 100 }));
    expect(look(meter, 2_000)).toMatchObject({ recordsIn: 100, reportedPartitions: 0, backlogEntries: 0 });
    expect(look(meter, 2_100, report("a", 1_900, { recordsIn: 130 })).recordsIn).toBe(130);
    expect(look(meter, 2_200, report("a", 1_900, { recordsIn: 130 })).recordsIn).toBe(130);
  });

  test("totals stay when partitions move: the next owner counts from zero", () => {
    const meter = new ProgressMeter(shapes);
    look(meter, 1_000, report("a", 1_000, { recordsIn: 100 }));
    expect(look(meter, 2_000, report("a", 2_000, { recordsIn: 60 })).recordsIn).toBe(100);
    expect(
      look(meter, 3_000, report("a", 3_000, { recordsIn: 70 }), report("b", 3_000, { recordsIn: 5 }))
        .recordsIn,
    ).toBe(115);
  });

  test("totals never decrease, whatever the workers report", () => {
    const figures = fc.record({
      worker: fc.constantFrom("a", "b", "c"),
      recordsIn: fc.nat(1_000),
      pause: fc.nat(4_000),
    });
    fc.assert(
      fc.property(fc.array(figures), (steps) => {
        const meter = new ProgressMeter(shapes);
        let nowMs = 0;
        let highest = 0;
        for (const { worker, recordsIn, pause } of steps) {
          nowMs += pause;
          const seen = look(meter, nowMs, report(worker, nowMs, { recordsIn }));
          expect(seen.recordsIn).toBeGreaterThanOrEqual(highest);
          expect(seen.inPerSecond).toBeGreaterThanOrEqual(0);
          highest = seen.recordsIn;
        }
      }),
    );
  });

  test("the delay is that of the slowest worker, on its own clock; a silent worker falls behind", () => {
    const meter = new ProgressMeter(shapes);
    const reports = [
      // This worker's clock is an hour ahead.
      report("a", 3_610_000, { watermark: 3_609_900 }),
      report("b", 10_000, { watermark: 9_300 }),
    ];
    expect(look(meter, 10_000, ...reports)).toMatchObject({ watermark: 9_300, watermarkDelayMs: 700 });
    expect(look(meter, 15_000, ...reports).watermarkDelayMs).toBe(5_700);
    expect(
      look(new ProgressMeter(shapes), 1, report("a", 1, { watermark: null })).watermarkDelayMs,
    ).toBeNull();
  });

  test("shares of time are those since the last report, and add up to one", () => {
    const meter = new ProgressMeter(shapes);
    look(meter, 1_000, report("a", 1_000, { idleMs: 1_000_000 }));
    const times = { busyMs: 60, backpressuredMs: 10, idleMs: 1_000_020, stateWaitMs: 4, commitWaitMs: 6 };
    expect(look(meter, 2_000, report("a", 2_000, times))).toMatchObject({
      ...{ busy: 0.6, backpressured: 0.1, idle: 0.2, waiting: 0.1 },
    });
  });

  test("stages that nobody reports, and reports of stages that are not shown, do no harm", () => {
    const meter = new ProgressMeter([...shapes, { id: "quiet", partitions: 1, isSource: true }]);
    const stray = { ...report("a", 1_000, {}), stages: [stage({ stage: "stray", recordsIn: 9 })] };
    expect(meter.observe([stray], 1_000)).toMatchObject([
      { recordsIn: 0 },
      { recordsIn: 0, busy: undefined },
    ]);
  });
});
