// Inputs and expected firings of Apache Beam's tests of its default trigger, as results of windows.
// Source: apache/beam, runners/core-java, core/triggers: DefaultTriggerStateMachineTest, the test named in each entry.
//
// A watermark of Beam says that later records are not older; one of Weir that they are newer: it is one less here.
import { session } from "../../src/time/sessions.ts";
import { sliding, tumbling } from "../../src/time/windows.ts";
import {
  type ExpectedResult,
  expected,
  record,
  type TranscriptStep,
  type WindowTranscript,
  watermark,
} from "./window-transcript.ts";

const input = (...timestamps: number[]): TranscriptStep[] =>
  timestamps.map((timestamp) => record("key", timestamp, timestamp));

const values = (
  value: readonly number[],
  start: number,
  end: number,
  timing: "onTime" | "late",
): ExpectedResult => ({ value, window: [start, end], timing });

const kept = { allowedLatenessMs: 1_000 } as const;

export const beamDefaultTranscripts: readonly WindowTranscript[] = [
  {
    name: "testDefaultTriggerFixedWindows",
    windows: { assigner: tumbling(100), ...kept },
    steps: [
      ...input(1, 101),
      watermark(98),
      expected(),
      watermark(99),
      expected(values([1], 0, 100, "onTime")),
      ...input(2),
      expected(values([1, 2], 0, 100, "late")),
      watermark(199),
      expected(values([101], 100, 200, "onTime")),
      ...input(3, 102),
      expected(values([1, 2, 3], 0, 100, "late"), values([101, 102], 100, 200, "late")),
    ],
  },
  {
    name: "testDefaultTriggerSlidingWindows",
    windows: { assigner: sliding(100, 50), ...kept },
    steps: [
      ...input(1, 50),
      expected(),
      watermark(49),
      expected(values([1], -50, 50, "onTime")),
      ...input(2),
      expected(values([1, 2], -50, 50, "late")),
      watermark(98),
      expected(),
      watermark(99),
      expected(values([1, 2, 50], 0, 100, "onTime")),
      ...input(3),
      expected(values([1, 2, 3], -50, 50, "late"), values([1, 2, 3, 50], 0, 100, "late")),
    ],
  },
  {
    name: "testDefaultTriggerSessions, without the windows that are part of another one",
    windows: { assigner: session(100), ...kept },
    steps: [
      ...input(1, 50),
      watermark(99),
      expected(),
      watermark(148),
      expected(),
      watermark(149),
      expected(values([1, 50], 1, 150, "onTime")),
      ...input(40),
      expected(values([1, 40, 50], 1, 150, "late")),
    ],
  },
];
