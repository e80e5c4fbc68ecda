// Inputs and expected firings of Apache Beam's tests of composed triggers, as results of windows.
// Source: apache/beam, runners/core-java, core/triggers: the test named in each entry.
//
// Beam's tests ask a trigger whether it should fire; here the window's results tell. Sessions of Beam wait to be merged, those
// of Weir merge at once: where a test merges two windows, a record follows that makes them meet.
import { asTrigger, triggers } from "../../src/operators/triggers.ts";
import { globalWindow } from "../../src/time/global-window.ts";
import { session } from "../../src/time/sessions.ts";
import { tumbling } from "../../src/time/windows.ts";
import {
  clock,
  expected,
  record,
  type TranscriptStep,
  type WindowTranscript,
  watermark,
} from "./window-transcript.ts";

const {
  afterCount,
  afterEndOfWindow,
  afterProcessingTime,
  afterWatermark,
  allOf,
  anyOf,
  inOrder,
  repeatedly,
} = triggers;

/** Records are their timestamps. */
const input = (...timestamps: number[]): TranscriptStep[] =>
  timestamps.map((timestamp) => record("key", timestamp, timestamp));

const values = (value: readonly number[], start: number, end: number, more: object = {}) =>
  ({ value, window: [start, end], ...more }) as const;

const early = { timing: "early" } as const;
const onTime = { timing: "onTime" } as const;
const late = { timing: "late" } as const;
const kept = { allowedLatenessMs: 1_000 } as const;

/** A first window is done with `first` at its end and fires for each record; the session that it becomes part of is not. */
const rewinds = (name: string, trigger: ReturnType<typeof asTrigger>): WindowTranscript => ({
  name,
  windows: { assigner: session(10), trigger, ...kept },
  steps: [
    ...input(1),
    watermark(11),
    expected(values([1], 1, 11, onTime)),
    ...input(1),
    expected(values([1, 1], 1, 11, late)),
    ...input(5),
    expected(),
    ...input(3),
    expected(),
    watermark(15),
    expected(values([1, 1, 3, 5], 1, 15, onTime)),
    ...input(2),
    expected(values([1, 1, 2, 3, 5], 1, 15, late)),
    ...input(2),
    expected(values([1, 1, 2, 2, 3, 5], 1, 15, late)),
  ],
});

/** Both windows are done with their ends, and the session that they become part of has ended too. */
const alreadyFinished = (name: string, trigger: ReturnType<typeof asTrigger>): WindowTranscript => ({
  name,
  windows: { assigner: session(10), trigger, ...kept },
  steps: [
    ...input(1, 15),
    watermark(30),
    expected(values([1], 1, 11, onTime), values([15], 15, 25, onTime)),
    ...input(1),
    expected(values([1, 1], 1, 11, late)),
    ...input(7),
    expected(values([1, 1, 7, 15], 1, 25, late)),
  ],
});

/** One condition of two is enough. */
const anyOfTwo = (name: string, counts: readonly [number, number], fires: boolean): WindowTranscript => ({
  name: `AfterFirst ${name}, counts of ${counts.join(" and ")}`,
  windows: {
    assigner: tumbling(10),
    trigger: asTrigger(anyOf(afterCount(counts[0]), afterCount(counts[1]))),
  },
  steps: [
    ...input(1),
    expected(...(fires ? [values([1], 0, 10, early)] : [])),
    // Over, or not there yet.
    ...(fires ? [...input(2, 3, 4), expected()] : []),
  ],
});

/** What ends with a window begins again when it grows, and counts from there. */
const untilFiveOrEnd = asTrigger(
  inOrder(anyOf(afterCount(5), afterEndOfWindow()), repeatedly(afterCount(1))),
);

/** Results of one window of [0, 100) with one record each, of the named timings. */
const timings = (
  name: string,
  trigger: ReturnType<typeof afterWatermark>,
  [beforeEnd, afterwards]: readonly [boolean, boolean],
): WindowTranscript => ({
  name: `AfterWatermark ${name}, with counts of one`,
  windows: { assigner: tumbling(100), trigger: asTrigger(trigger), ...kept },
  steps: [
    ...input(1),
    expected(...(beforeEnd ? [values([1], 0, 100, early)] : [])),
    watermark(98),
    expected(),
    watermark(99),
    expected(values([1], 0, 100, onTime)),
    ...input(2),
    expected(...(afterwards ? [values([1, 2], 0, 100, late)] : [])),
  ],
});

const endThenEach = asTrigger(inOrder(afterEndOfWindow(), repeatedly(afterCount(1))));
const earlyAndLate = asTrigger(afterWatermark({ early: afterCount(100), late: afterCount(1) }));
const fifteenMinutes = afterProcessingTime("15m");

export const beamConditionTranscripts: readonly WindowTranscript[] = [
  {
    name: "AfterEach testAfterEachInSequence, with one record instead of a bundle of three",
    windows: {
      assigner: tumbling(10),
      trigger: asTrigger(
        inOrder(
          anyOf(repeatedly(afterCount(2)), afterCount(3)),
          anyOf(repeatedly(afterCount(5)), afterEndOfWindow()),
        ),
      ),
    },
    steps: [
      ...input(1),
      expected(),
      ...input(2),
      expected(values([1, 2], 0, 10, early)),
      ...input(3),
      expected(values([1, 2, 3], 0, 10, early)),
      ...input(1, 2, 3, 4),
      expected(),
      ...input(5),
      expected(values([1, 1, 2, 2, 3, 3, 4, 5], 0, 10, early)),
      watermark(10),
      expected(values([1, 1, 2, 2, 3, 3, 4, 5], 0, 10, onTime)),
    ],
  },
  ...[allOf(afterCount(1), afterCount(2)), allOf(afterCount(2), afterCount(1))].map(
    (condition, position): WindowTranscript => ({
      name: `AfterAll testT${position + 1}FiresFirst`,
      windows: { assigner: tumbling(100), trigger: asTrigger(condition) },
      steps: [
        ...input(1),
        expected(),
        ...input(2),
        expected(values([1, 2], 0, 100)),
        ...input(3),
        watermark(200),
      ],
    }),
  ),
  {
    ...rewinds(
      "AfterAll testOnMergeRewinds",
      asTrigger(inOrder(allOf(afterEndOfWindow(), afterCount(1)), repeatedly(afterCount(1)))),
    ),
  },
  rewinds("AfterWatermark testOnMergeRewinds", endThenEach),
  rewinds("AfterWatermark testEarlyAndLateOnMergeRewinds", earlyAndLate),
  alreadyFinished("AfterWatermark testOnMergeAlreadyFinished", endThenEach),
  alreadyFinished("AfterWatermark testEarlyAndLateOnMergeAlreadyFinished", earlyAndLate),
  {
    name: "AfterPane testAfterPaneElementCountFixedWindows",
    windows: { assigner: tumbling(10), trigger: asTrigger(afterCount(2)) },
    steps: [
      ...input(1),
      expected(),
      ...input(2, 11),
      expected(values([1, 2], 0, 10)),
      watermark(100),
      expected(),
    ],
  },
  {
    name: "AfterPane testAfterPaneElementCountSessions, its first half",
    windows: { assigner: session(10), trigger: asTrigger(afterCount(2)) },
    steps: [...input(1, 2), expected(values([1, 2], 1, 12)), watermark(100), expected()],
  },
  {
    name: "AfterProcessingTime testAfterProcessingTimeFixedWindows",
    windows: { assigner: tumbling(10), trigger: asTrigger(afterProcessingTime(5)) },
    steps: [
      clock(10),
      ...input(1),
      clock(12),
      expected(),
      ...input(11, 12, 13),
      clock(14),
      expected(),
      ...input(2, 3),
      clock(15),
      expected(values([1, 2, 3], 0, 10)),
      clock(18),
      expected(values([11, 12, 13], 10, 20)),
      watermark(100),
      expected(),
    ],
  },
  {
    name: "AfterProcessingTime testAfterProcessingTimeWithMergingWindow",
    windows: { assigner: session(10), trigger: asTrigger(afterProcessingTime(5)) },
    steps: [
      clock(10),
      ...input(1),
      clock(12),
      ...input(3),
      expected(),
      clock(16),
      expected(values([1, 3], 1, 13)),
    ],
  },
  {
    name: "Repeatedly testShouldFireAfterMerge",
    windows: { assigner: session(10), trigger: asTrigger(repeatedly(afterCount(2))) },
    steps: [...input(1), expected(), ...input(5), expected(values([1, 5], 1, 15))],
  },
  {
    name: "Repeatedly testRepeatedlyAfterFirstElementCount, testRepeatedlyAfterFirstProcessingTime",
    windows: {
      assigner: globalWindow(),
      trigger: asTrigger(repeatedly(anyOf(fifteenMinutes, afterCount(5)))),
    },
    steps: [
      ...input(1),
      expected(),
      ...input(2, 3, 4, 5),
      expected({ value: [1, 2, 3, 4, 5] }),
      ...input(6),
      clock(15 * 60_000),
      expected({ value: [1, 2, 3, 4, 5, 6] }),
    ],
  },
  {
    name: "Repeatedly testRepeatedlyElementCount",
    windows: { assigner: globalWindow(), trigger: asTrigger(repeatedly(afterCount(5))) },
    steps: [...input(1, 2, 3, 4), expected(), ...input(5), expected({ value: [1, 2, 3, 4, 5] })],
  },
  {
    name: "Repeatedly testRepeatedlyProcessingTime",
    windows: { assigner: globalWindow(), trigger: asTrigger(repeatedly(fifteenMinutes)) },
    steps: [...input(1), expected(), clock(15 * 60_000), expected({ value: [1] }), clock(60 * 60_000)],
  },
  anyOfTwo("testNeitherShouldFireFixedWindows", [2, 3], false),
  anyOfTwo("testOnlyT1ShouldFireFixedWindows", [1, 2], true),
  anyOfTwo("testOnlyT2ShouldFireFixedWindows", [2, 1], true),
  anyOfTwo("testBothShouldFireFixedWindows", [1, 1], true),
  {
    name: "AfterFirst and OrFinally testShouldFireAfterMerge, with single records instead of the last bundle",
    windows: { assigner: session(10), trigger: untilFiveOrEnd, ...kept },
    steps: [
      ...input(1),
      expected(),
      watermark(11),
      expected(values([1], 1, 11, onTime)),
      ...input(5),
      expected(),
      ...input(1, 2, 3),
      expected(),
      ...input(4),
      expected(values([1, 1, 2, 3, 4, 5], 1, 15, early)),
      ...input(5),
      expected(values([1, 1, 2, 3, 4, 5, 5], 1, 15, early)),
    ],
  },
  timings("testEarlyAndAtWatermark", afterWatermark({ early: afterCount(1) }), [true, false]),
  timings("testAtWatermarkAndLate", afterWatermark({ late: afterCount(1) }), [false, true]),
  timings("testEarlyAndAtWatermarkAndLate", afterWatermark({ early: afterCount(1), late: afterCount(1) }), [
    true,
    true,
  ]),
  {
    name: "OrFinally testActualFiresAndFinishes",
    windows: { assigner: tumbling(100), trigger: asTrigger(anyOf(afterCount(2), afterCount(100))) },
    steps: [...input(1), expected(), ...input(2), expected(values([1, 2], 0, 100)), ...input(3, 4)],
  },
  {
    name: "OrFinally testActualFiresOnly",
    windows: {
      assigner: tumbling(100),
      trigger: asTrigger(anyOf(repeatedly(afterCount(2)), afterCount(100))),
    },
    steps: [
      ...input(1),
      expected(),
      ...input(2),
      expected(values([1, 2], 0, 100)),
      ...input(3, 4),
      expected(values([1, 2, 3, 4], 0, 100)),
    ],
  },
  {
    name: "OrFinally testActualFiresButUntilFinishes",
    windows: { assigner: tumbling(10), trigger: asTrigger(anyOf(repeatedly(afterCount(2)), afterCount(3))) },
    steps: [
      ...input(1),
      expected(),
      ...input(2),
      expected(values([1, 2], 0, 10)),
      ...input(3),
      expected(values([1, 2, 3], 0, 10)),
      ...input(4, 5, 6),
    ],
  },
];
