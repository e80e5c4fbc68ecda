// What Apache Flink expects of idleness and alignment of the splits of a source, restated for a source partition.
//
// Facts from apache/flink, src/test/java/org/apache/flink:
//   flink-core       api/common/eventtime/WatermarksWithIdlenessTest.java
//   flink-runtime    streaming/api/operators/SourceOperatorSplitWatermarkAlignmentTest.java
//
// Flink tells a source the largest watermark that it may have (4, say); Weir the group's smallest one and its own drift.
// A second source of the group, "group", stands for the rest of the job here. Flink's test generator takes a record's
// timestamp for the watermark, and so does this one.
import { describe, expect, test } from "vitest";
import { SourceAlignment } from "../../src/actors/source-alignment.ts";
import type { SourceHead } from "../../src/actors/source-head.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { collect, collection, defineJob, type JobBuilder } from "../../src/index.ts";
import { punctuated } from "../../src/time/watermark-strategies.ts";
import { drain, FedSplit, openHead } from "../actors/source-head-harness.ts";

describe("WatermarksWithIdlenessTest", () => {
  test.each([0, -1])("testZeroTimeout, testNegativeTimeout: %d", (idleAfter) => {
    const build = (job: JobBuilder): void =>
      void job.source("s", collection([1]), { timestamp: (n) => n, idleAfter }).to("out", collect());
    expect(() => defineJob("idle", build)).toThrow(
      `option "idleAfter": ${idleAfter} must be longer than zero`,
    );
  });

  interface Silence {
    readonly name: string;
    /** ms that pass, or a record. */
    readonly steps: readonly (readonly [step: number | "record", idle: boolean])[];
  }

  test.each<Silence>([
    { name: "testInitiallyActive", steps: [[0, false]] },
    { name: "testIdleWithoutEvents", steps: [[200, true]] },
    {
      name: "testRepeatedIdleChecks",
      steps: [
        [200, true],
        [100, true],
      ],
    },
    {
      name: "testActiveAfterIdleness",
      steps: [
        [200, true],
        ["record", false],
      ],
    },
    {
      name: "testIdleActiveIdle",
      steps: [
        [200, true],
        ["record", false],
        [200, true],
      ],
    },
  ])("$name", async ({ steps }) => {
    const clock = new ManualClock();
    const split = new FedSplit();
    const head = openHead({ splits: { split }, plan: { idleAfterMs: 122 }, clock });
    drain(head);
    for (const [step, idle] of steps) {
      if (step === "record") await split.feed(5);
      else clock.advance(step);
      expect(drain(head).idle).toBe(idle);
    }
  });
});

/** A source with these splits, and the largest watermark that the group allows it. */
function source(
  names: readonly string[],
  clock = new ManualClock(),
): {
  readonly head: SourceHead;
  readonly splits: Readonly<Record<string, FedSplit>>;
  readonly allow: (maxWatermark: number) => void;
} {
  const plan = {
    alignment: { group: "group-1", maxDriftMs: 1 },
    watermarks: punctuated((_record, timestamp) => timestamp),
    idleAfterMs: 100,
  };
  const job = defineJob("aligned", (job) => {
    for (const name of ["readings", "group"])
      job
        .source(name, collection([1]), {
          ...{ timestamp: (n) => n, alignment: { group: "group-1", maxDrift: 1 }, parallelism: 1 },
        })
        .to(`${name}-out`, collect());
  });
  const alignment = new SourceAlignment(job.plan({ parallelism: 1 }));
  const splits = Object.fromEntries(names.map((name) => [name, new FedSplit()]));
  return {
    head: openHead({ splits, plan, clock, alignment }),
    splits,
    allow: (maxWatermark) => alignment.observe(new Map([["group.0", maxWatermark - 1]]), new Set()),
  };
}

describe("SourceOperatorSplitWatermarkAlignmentTest", () => {
  test("testSplitWatermarkAlignment", async () => {
    const { head, splits, allow } = source(["0", "1"]);
    const { 0: first, 1: second } = splits as Record<0 | 1, FedSplit>;
    for (const time of [5, 11]) await first.feed(time);
    for (const time of [3, 12]) await second.feed(time);
    // Here the splits of one source count for the group too: the second one is behind, and is read first.
    allow(4);
    expect(head.next()?.batch?.values).toEqual([5]);
    expect(head.next()?.batch?.values).toEqual([3]);
    expect(head.next()?.batch?.values).toEqual([12]);
    expect(head.next()).toBeUndefined(); // both are past 4
    allow(5);
    expect(head.next()?.batch?.values).toEqual([11]);
    expect(head.next()).toBeUndefined();
    expect([first.reads, second.reads]).toEqual([2, 2]);
  });

  test("testSingleSplitWatermarkAlignmentAndIdleness: a split that must wait is not idle", async () => {
    const clock = new ManualClock();
    const { head, splits, allow } = source(["0"], clock);
    allow(4);
    for (const time of [1, 1, 1, 1, 5, 105]) await splits["0"]!.feed(time);
    const seen: unknown[] = [];
    for (let i = 0; i < 10; i++) {
      const { records, idle } = drain(head);
      seen.push(...records);
      expect(idle).toBe(false);
      clock.advance(100);
    }
    expect(seen).toEqual([1, 1, 1, 1, 5]);
  });

  test("testMultiSplitWatermarkAlignmentAndIdleness: it holds event time, while the others are read", async () => {
    const clock = new ManualClock();
    const { head, splits, allow } = source(["0", "1"], clock);
    for (const time of [5, 105]) await splits["0"]!.feed(time);
    for (const time of [3, 3, 3, 3, 3, 3, 3, 105]) await splits["1"]!.feed(time);
    allow(4);
    const seen: unknown[] = [];
    for (let work = head.next(); work !== undefined; work = head.next()) {
      seen.push(...(work.batch?.values ?? []));
      expect(work.idle).toBe(false);
      clock.advance(99);
    }
    expect(seen.filter((time) => time === 105)).toEqual([105]);
    expect(head.watermark).toBe(5);
  });

  test("testSplitWatermarkAlignmentWithFinishedSplit: what has ended waits for nothing", async () => {
    const { head, splits, allow } = source(["0", "1"]);
    await splits["0"]!.end(5);
    await splits["1"]!.end(3);
    allow(100);
    drain(head);
    allow(4);
    expect([head.ended, head.hold]).toEqual([true, undefined]);
  });

  test("testBackpressureAndIdleness: a partition that is held back declares nobody idle", async () => {
    const clock = new ManualClock();
    const { head, splits, allow } = source(["0", "1"], clock);
    allow(1_000);
    for (const time of [42, 44]) await splits["0"]!.feed(time);
    expect(head.next()?.batch?.values).toEqual([42]);
    for (let i = 0; i < 10; i++) clock.advance(100); // its consumers lag behind: nobody calls next()
    expect([head.idle, head.watermark]).toEqual([false, Number.NEGATIVE_INFINITY]);
    for (let i = 0; i < 10; i++) {
      drain(head);
      clock.advance(100);
    }
    // Both have been asked in vain by now. Flink keeps the watermark back here; Weir goes on to the furthest split.
    expect(drain(head)).toMatchObject({ idle: true, watermark: 44 });
  });
});
