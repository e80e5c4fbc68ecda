import { describe, expect, test } from "vitest";
import { SourceAlignment } from "../../src/actors/source-alignment.ts";
import { SourceHead } from "../../src/actors/source-head.ts";
import type { TraceMark } from "../../src/core/batch.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { FailureHandler } from "../../src/operators/failure.ts";
import { createOperatorMetrics } from "../../src/operators/operator.ts";
import { monotonic } from "../../src/time/watermark-strategies.ts";

function mark(index: number, name: string): TraceMark {
  return { index, traceId: name, spanId: "s", flags: 1, emittedMs: 0 };
}

/** The marks of a batch that a source read with marks of its own, by value and trace. */
function marksOf(records: number[], own: TraceMark[], sampled: TraceMark[]): [unknown, string][] {
  const clock = new ManualClock();
  const metrics = createOperatorMetrics();
  const receiver = { onBatch() {}, onWatermark() {} };
  const failure = new FailureHandler({
    operator: "numbers",
    partition: 0,
    parallelism: 1,
    clock,
    metrics,
    onError: "skip",
    output: receiver,
    side: () => undefined,
  });
  const reader = {
    read: () => ({ records, traces: own, position: 1, end: true }),
    close() {},
  };
  const asked: number[] = [];
  const head = new SourceHead(
    {
      name: "numbers",
      partition: "numbers.0",
      plan: {
        source: { description: "", bounded: true, replayable: true, splits: () => [], open: () => reader },
        timestamp: (n) => ((n as number) < 0 ? Number.NaN : (n as number)),
        watermarks: monotonic(),
        idleAfterMs: undefined,
        alignment: undefined,
        onError: "skip",
      },
      batchRecords: 100,
      clock,
      telemetry: {
        sample(_partition, count) {
          asked.push(count);
          return sampled.length === 0 ? undefined : sampled;
        },
        step: () => undefined,
      },
      metrics,
      failure,
      host: { post: (action) => action(), fail() {} },
      alignment: new SourceAlignment({ job: "j", stages: [], edges: [], hash: "" }),
    },
    [{ split: { id: "only" }, reader, progress: undefined }],
    Number.NEGATIVE_INFINITY,
  );
  const batch = head.next()?.batch;
  const traces = batch?.traces ?? [];
  expect(asked).toEqual([records.filter((n) => n >= 0).length - (traces.length - sampled.length)]);
  return traces.map(({ index, traceId }) => [batch?.values[index], traceId]);
}

describe("marks of a source", () => {
  test("stay with their records when others are left out, also among equal ones", () => {
    expect(
      marksOf([-1, 5, 5, -2, 5, 7], [mark(0, "a"), mark(1, "b"), mark(4, "c"), mark(5, "d")], []),
    ).toEqual([
      [5, "b"],
      [5, "c"],
      [7, "d"],
    ]);
  });

  test("leave the others to be sampled, in ascending order of index", () => {
    const own = [mark(1, "own-1"), mark(2, "own-2"), mark(5, "own-5")];
    // The records without a mark are 10, 13, 14, 16.
    const sampled = [mark(0, "first"), mark(1, "second"), mark(3, "fourth")];
    expect(marksOf([10, 11, 12, 13, 14, 15, 16], own, sampled)).toEqual([
      [10, "first"],
      [11, "own-1"],
      [12, "own-2"],
      [13, "second"],
      [15, "own-5"],
      [16, "fourth"],
    ]);
  });
});
