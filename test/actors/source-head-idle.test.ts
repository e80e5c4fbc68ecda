import { describe, expect, test } from "vitest";
import { SourceHead } from "../../src/actors/source-head.ts";
import type { SourceBatch } from "../../src/connectors/contract.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { noTelemetry } from "../../src/core/ports/telemetry.ts";
import { FailureHandler } from "../../src/operators/failure.ts";
import { createOperatorMetrics } from "../../src/operators/operator.ts";

describe("SourceHead", () => {
  test("tells the watermark of splits that fall silent one after the other, also when nobody looks in between", () => {
    const clock = new ManualClock();
    const metrics = createOperatorMetrics();
    const receiver = { onBatch() {}, onWatermark() {} };
    const failure = new FailureHandler({
      operator: "readings",
      partition: 0,
      parallelism: 1,
      clock,
      metrics,
      onError: "fail",
      output: receiver,
      side: () => undefined,
    });
    const reader = (timestamps: readonly number[]) => {
      let next = 0;
      return {
        read(): SourceBatch<unknown> | Promise<SourceBatch<unknown>> {
          const timestamp = timestamps[next++];
          if (timestamp === undefined) return new Promise(() => {});
          return { records: [timestamp], timestamps: [timestamp], position: next, end: false };
        },
        close() {},
      };
    };
    const head = new SourceHead(
      {
        name: "readings",
        partition: "readings.0",
        plan: {
          source: {
            description: "",
            bounded: false,
            replayable: true,
            splits: () => [],
            open: () => reader([]),
          },
          timestamp: undefined,
          outOfOrdernessMs: 0,
          idleAfterMs: 100,
          onError: "fail",
        },
        batchRecords: 10,
        clock,
        telemetry: noTelemetry,
        metrics,
        failure,
        host: { post: (action) => action(), fail() {} },
      },
      [
        { split: { id: "first" }, reader: reader([]), progress: undefined },
        { split: { id: "second" }, reader: reader([500]), progress: undefined },
      ],
      Number.NEGATIVE_INFINITY,
    );
    clock.advance(60);
    expect(head.next()).toMatchObject({ watermark: undefined, idle: false });
    expect(head.next()).toBeUndefined();
    // The first split falls silent, then the second; the partition is held back all the time and takes no work.
    clock.advance(60);
    clock.advance(100);
    expect(head.next()).toEqual({ batch: undefined, watermark: 499, idle: true, ended: false });
    expect(head.next()).toBeUndefined();
  });
});
