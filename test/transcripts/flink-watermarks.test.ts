// What Apache Flink expects of watermarks, restated as tables: inputs and the watermark or idleness they bring about.
//
// Facts from apache/flink, flink-runtime and flink-core, src/test/java/org/apache/flink:
//   streaming/runtime/watermarkstatus/StatusWatermarkValveTest.java
//   api/common/eventtime/WatermarkOutputMultiplexerTest.java, BoundedOutOfOrdernessWatermarksTest.java,
//   AscendingTimestampsWatermarksTest.java
// Idleness and alignment of splits (WatermarksWithIdlenessTest, SourceOperatorSplitWatermarkAlignmentTest) are in
// flink-source-head.test.ts. Where Weir differs, the row says how, and docs/semantics.md why.
import { describe, expect, test } from "vitest";
import { boundedOutOfOrderness, monotonic, promisedBy } from "../../src/time/watermark-strategies.ts";
import { WatermarkMerge } from "../../src/time/watermarks.ts";

/** Input, what it states, and what comes out: watermarks and changes of idleness, in order. */
type Step = readonly [
  input: number,
  statement: number | "idle" | "active",
  outcome: readonly (number | string)[],
];

interface Transcript {
  readonly name: string;
  readonly inputs: number;
  readonly steps: readonly Step[];
}

/** Drives the merge as a partition does: every statement carries the input's watermark and whether it is idle. */
function play({ inputs, steps }: Transcript): (readonly (number | string)[])[] {
  const merge = new WatermarkMerge(inputs);
  const watermarks = new Array<number>(inputs).fill(Number.NEGATIVE_INFINITY);
  const idle = new Array<boolean>(inputs).fill(false);
  return steps.map(([input, statement]) => {
    const before = merge.idle;
    if (typeof statement === "number") {
      // Channels and splits keep their promise: a lower watermark arrives as the one that stands (ChannelHead, SplitState).
      watermarks[input] = Math.max(watermarks[input] as number, statement);
    } else idle[input] = statement === "idle";
    const advanced = merge.update(input, watermarks[input] as number, idle[input] as boolean);
    const woke = before && !merge.idle ? ["active"] : [];
    const slept = !before && merge.idle ? ["idle"] : [];
    return [...woke, ...(advanced === undefined ? [] : [advanced]), ...slept];
  });
}

const SAME_AS_FLINK: readonly Transcript[] = [
  {
    name: "testSingleInputIncreasingWatermarks",
    inputs: 1,
    steps: [
      [0, 0, [0]],
      [0, 25, [25]],
    ],
  },
  {
    name: "testSingleInputDecreasingWatermarksYieldsNoOutput",
    inputs: 1,
    steps: [
      [0, 25, [25]],
      [0, 18, []],
      [0, 42, [42]],
    ],
  },
  {
    name: "testSingleInputWatermarkStatusToggling",
    inputs: 1,
    steps: [
      [0, "active", []],
      [0, "idle", ["idle"]],
      [0, "idle", []],
      [0, "active", ["active"]],
    ],
  },
  {
    name: "testMultipleInputYieldsWatermarkOnlyWhenAllChannelsReceivesWatermarks",
    inputs: 3,
    steps: [
      [0, 0, []],
      [1, 0, []],
      [2, 0, [0]],
    ],
  },
  {
    name: "testMultipleInputIncreasingWatermarks",
    inputs: 3,
    steps: [
      [0, 0, []],
      [1, 0, []],
      [2, 0, [0]],
      [0, 12, []],
      [2, 8, []],
      [2, 10, []],
      [1, 15, [10]],
      [2, 17, [12]],
      [0, 20, [15]],
    ],
  },
  {
    name: "testMultipleInputDecreasingWatermarksYieldsNoOutput",
    inputs: 3,
    steps: [
      [0, 25, []],
      [1, 10, []],
      [2, 17, [10]],
      [0, 12, []],
      [1, 8, []],
      [2, 15, []],
    ],
  },
  {
    name: "testMultipleInputWatermarkStatusToggling",
    inputs: 2,
    steps: [
      [0, "active", []],
      [1, "active", []],
      [1, "idle", []],
      [0, "idle", ["idle"]],
      [0, "idle", []],
      [1, "idle", []],
      [1, "active", ["active"]],
      [0, "active", []],
    ],
  },
  {
    name: "testMultipleInputWatermarkAdvancingWithPartiallyIdleChannels",
    inputs: 3,
    steps: [
      [0, 15, []],
      [1, 10, []],
      [2, "idle", [10]],
      [1, 18, [15]],
      [0, 20, [18]],
    ],
  },
  {
    name: "testMultipleInputWatermarkAdvancingAsChannelsIndividuallyBecomeIdle",
    inputs: 3,
    steps: [
      [0, 25, []],
      [1, 10, []],
      [2, 17, [10]],
      [1, "idle", [17]],
      [2, "idle", [25]],
    ],
  },
  {
    name: "testMultipleInputFlushMaxWatermarkAndWatermarkStatusOnceAllInputsBecomeIdle",
    inputs: 3,
    steps: [
      [0, 10, []],
      [1, 5, []],
      [2, 3, [3]],
      [0, "idle", []],
      [1, "idle", []],
      [2, "idle", [10, "idle"]],
    ],
  },
  {
    name: "testMultipleInputFlushMaxWatermarkOnceAllInputsBecomeIdleWithUnalignedLastChannel",
    inputs: 3,
    steps: [
      [0, 100, []],
      [1, 50, []],
      [2, 70, [50]],
      [1, "idle", [70]],
      [1, "active", []],
      [1, 60, []],
      [0, "idle", []],
      [2, "idle", []],
      [1, "idle", [100, "idle"]],
    ],
  },
  {
    name: "testMultipleInputWatermarkRealignmentAfterResumeActive",
    inputs: 3,
    steps: [
      [0, 10, []],
      [1, 7, []],
      [2, 3, [3]],
      [2, "idle", [7]],
      [2, "active", []],
      [2, 5, []],
      [2, 9, []],
      [1, 12, [9]],
    ],
  },
  {
    name: "testNoOutputWhenAllActiveChannelsAreUnaligned",
    inputs: 3,
    steps: [
      [0, 10, []],
      [1, 7, []],
      [2, "idle", [7]],
      [2, "active", []],
      [0, "idle", []],
      [1, "idle", []],
    ],
  },
  {
    name: "testUnalignedActiveChannelBecomesIdle",
    inputs: 2,
    steps: [
      [0, 7, []],
      [1, 10, [7]],
      [0, "idle", [10]],
      [0, "active", []],
      [0, 9, []],
      [0, "idle", []],
    ],
  },
  {
    name: "WatermarkOutputMultiplexer: multipleImmediateWatermark",
    inputs: 3,
    steps: [
      [0, 2, []],
      [1, 5, []],
      [2, "idle", [2]],
    ],
  },
  {
    name: "WatermarkOutputMultiplexer: whenImmediateOutputBecomesIdleWatermarkAdvances",
    inputs: 2,
    steps: [
      [0, 2, []],
      [1, 5, [2]],
      [0, "idle", [5]],
    ],
  },
  {
    name: "WatermarkOutputMultiplexer: whenAllImmediateOutputsBecomeIdleWatermarkAdvances",
    inputs: 2,
    steps: [
      [0, 5, []],
      [1, 2, [2]],
      [0, "idle", []],
      [1, "idle", [5, "idle"]],
    ],
  },
  {
    name: "WatermarkOutputMultiplexer: combinedWatermarkDoesNotRegressWhenIdleOutputRegresses",
    inputs: 2,
    steps: [
      [0, 2, []],
      [1, 5, [2]],
      [0, "idle", [5]],
      [0, "active", []],
      [0, 3, []],
    ],
  },
];

/** The steps of Flink with Weir's outcomes; the comments say what Flink has there. */
const DIFFERENT: readonly Transcript[] = [
  {
    // An idle input may still raise its watermark: Flink drops such a statement until the input is active again.
    name: "testSingleInputWatermarksIntactDuringIdleness",
    inputs: 1,
    steps: [
      [0, 25, [25]],
      [0, "idle", ["idle"]],
      [0, 50, [50]], // Flink: nothing
      [0, "active", ["active"]],
      [0, 50, []], // Flink: 50
    ],
  },
  {
    // An input that woke up behind is waited for: Flink leaves it out until it has caught up.
    name: "testWatermarkAdvancesWhenReactivatedChannelBecomesOnlyAlignedChannel",
    inputs: 3,
    steps: [
      [0, 10, []],
      [1, 7, []],
      [2, "idle", [7]],
      [2, "active", []],
      [0, "idle", []],
      [1, "idle", []],
      [0, "active", []], // Flink: 10, although input 2 is active and has promised nothing
      [2, "idle", [10]], // Flink: nothing more
    ],
  },
  {
    name: "testRealignmentAfterResumeActiveEmitsNewMinWatermark",
    inputs: 3,
    steps: [
      [0, 10, []],
      [1, 20, []],
      [2, 30, [10]],
      [2, "idle", []],
      [0, "idle", [20]],
      [0, "active", []],
      [1, "idle", []],
      [2, "active", []], // Flink: 30, although input 0 is active at 10
      [0, "idle", [30]], // Flink: nothing more
      [2, "idle", ["idle"]],
    ],
  },
];

describe("StatusWatermarkValveTest and WatermarkOutputMultiplexerTest", () => {
  test.each(SAME_AS_FLINK)("as Flink: $name", (transcript) => {
    expect(play(transcript)).toEqual(transcript.steps.map(([, , outcome]) => outcome));
  });

  test.each(DIFFERENT)("other than Flink, on purpose: $name", (transcript) => {
    expect(play(transcript)).toEqual(transcript.steps.map(([, , outcome]) => outcome));
  });
});

describe("BoundedOutOfOrdernessWatermarksTest", () => {
  test.each([
    { name: "testWatermarkBeforeRecords", times: [], watermark: Number.NEGATIVE_INFINITY },
    { name: "testWatermarkAfterEvent", times: [1337], watermark: 1326 },
    { name: "testWatermarkAfterNonMonotonousEvents", times: [12345, 12300, 12340, 12280], watermark: 12334 },
    { name: "testRepeatedProbe", times: [723456], watermark: 723445 },
  ])("$name", ({ times, watermark }) => {
    const generator = boundedOutOfOrderness(10).create({ id: "s" }, undefined);
    generator.observe(times, times);
    expect([promisedBy(generator, "s"), promisedBy(generator, "s")]).toEqual([watermark, watermark]);
  });
});

describe("AscendingTimestampsWatermarksTest", () => {
  test.each([
    { name: "testWatermarkBeforeRecords", times: [], watermark: Number.NEGATIVE_INFINITY },
    { name: "testWatermarkAfterEvent", times: [1337], watermark: 1336 },
    { name: "testWatermarkAfterEventWithLowerTimestamp", times: [12345, 12340], watermark: 12344 },
  ])("$name", ({ times, watermark }) => {
    const generator = monotonic().create({ id: "s" }, undefined);
    generator.observe(times, times);
    expect(promisedBy(generator, "s")).toBe(watermark);
  });
});
