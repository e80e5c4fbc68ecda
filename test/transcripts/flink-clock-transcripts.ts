// Inputs and expected outputs of Apache Flink's tests of triggers that wait for intervals on the clock.
// Source: apache/flink, ContinuousProcessingTimeTriggerTest, ProcessingTimeoutTriggerTest (streaming runtime,
// operators/windowing), the tests named in each entry.
import { asTrigger, triggers } from "../../src/operators/triggers.ts";
import { session } from "../../src/time/sessions.ts";
import { tumbling, type WindowAssigner } from "../../src/time/windows.ts";
import {
  clock,
  type ExpectedResult,
  expected,
  record,
  type TranscriptStep,
  type WindowTranscript,
} from "./window-transcript.ts";

const { afterCount, afterProcessingTime, anyOf, repeatedly } = triggers;

const everyFive = { trigger: triggers.continuousProcessingTime(5) } as const;

const came = (value: number, nowMs: number): TranscriptStep[] => [clock(nowMs), record("", value, nowMs)];

const sum = (value: number, start: number, end: number): ExpectedResult => ({ value, window: [start, end] });

export const flinkClockTranscripts: readonly WindowTranscript[] = [
  {
    name: "ContinuousProcessingTimeTriggerTest testProcessingTimeWindowFiring; the last result of a window comes at its end, in Flink a millisecond earlier",
    windows: { assigner: tumbling(10, { time: "processing" }), ...everyFive },
    steps: [
      ...came(1, 0),
      ...came(2, 2),
      clock(5),
      expected(sum(3, 0, 10)),
      ...came(3, 7),
      clock(9),
      expected(),
      clock(10),
      expected(sum(6, 0, 10)),
      ...came(3, 10),
      clock(15),
      expected(sum(3, 10, 20)),
      ...came(3, 18),
      clock(20),
      expected(sum(6, 10, 20)),
    ],
  },
  {
    name: "ContinuousProcessingTimeTriggerTest testEventTimeWindowFiring; the first window goes on, while in Flink it stops when the clock passes its end",
    windows: { assigner: tumbling(10), ...everyFive },
    steps: [
      clock(0),
      record("", 1, 1),
      record("", 2, 3),
      record("", 3, 7),
      clock(5),
      expected(sum(6, 0, 10)),
      record("", 3, 8),
      clock(10),
      expected(sum(9, 0, 10)),
      record("", 3, 12),
      clock(15),
      expected(sum(9, 0, 10), sum(3, 10, 20)),
    ],
  },
  {
    name: "ContinuousProcessingTimeTriggerTest testMergingWindows",
    windows: { assigner: session(10, { time: "processing" }) as WindowAssigner, ...everyFive },
    steps: [
      ...came(1, 0),
      ...came(2, 2),
      clock(5),
      expected(sum(3, 0, 12)),
      clock(9),
      expected(),
      clock(10),
      expected(sum(3, 0, 12)),
      clock(15),
      expected(sum(3, 0, 12)),
      clock(100),
      expected(),
    ],
  },
  {
    name: "ProcessingTimeoutTriggerTest testWindowFireWithoutResetTimer, with conditions",
    windows: {
      assigner: tumbling(2),
      trigger: asTrigger(repeatedly(anyOf(afterCount(3), afterProcessingTime(50)))),
    },
    steps: [
      record("", 1, 0),
      record("", 1, 0),
      clock(40),
      expected(),
      clock(50),
      expected(sum(2, 0, 2)),
      record("", 1, 0),
      record("", 1, 0),
      expected(),
      record("", 1, 0),
      expected(sum(5, 0, 2)),
    ],
  },
];
