// Inputs and expected outputs of Apache Beam's trigger transcripts. Windows are [start, end) here, [start, last] there.
// Source: apache/beam, sdks/python/apache_beam/testing/data/trigger_transcripts.yaml, the transcripts named in each entry.
//
// Beam asks a trigger after a bundle of records, Weir after each record. Where that makes a difference, `differs` says so
// and the expectation is Weir's; docs/semantics.md lists them.
import { asTrigger, triggers } from "../../src/operators/triggers.ts";
import { session } from "../../src/time/sessions.ts";
import { tumbling } from "../../src/time/windows.ts";
import {
  expected,
  record,
  type TranscriptStep,
  type WindowTranscript,
  watermark,
} from "./window-transcript.ts";

export interface BeamTranscript extends WindowTranscript {
  readonly differs?: string;
}

const { afterCount, afterWatermark } = triggers;

/** Records are their timestamps. */
const input = (...timestamps: number[]): TranscriptStep[] =>
  timestamps.map((timestamp) => record("key", timestamp, timestamp));

const values = (value: readonly number[], start: number, end: number, more: object = {}) =>
  ({ value, window: [start, end], ...more }) as const;

export const beamTriggerTranscripts: readonly BeamTranscript[] = [
  {
    name: "fixed_default",
    windows: { assigner: tumbling(10) },
    steps: [
      ...input(1, 2, 3, 10, 11),
      watermark(25),
      expected(values([1, 2, 3], 0, 10), values([10, 11], 10, 20)),
    ],
  },
  {
    name: "fixed_default_late_data",
    windows: { assigner: tumbling(10), allowedLatenessMs: 1_000 },
    steps: [
      ...input(1, 2, 3, 10, 11, 25),
      watermark(100),
      expected(
        values([1, 2, 3], 0, 10, { timing: "onTime", index: 0 }),
        values([10, 11], 10, 20, { timing: "onTime" }),
        values([25], 20, 30, { timing: "onTime" }),
      ),
      ...input(7),
      expected(values([1, 2, 3, 7], 0, 10, { timing: "late", index: 1 })),
    ],
  },
  {
    name: "early_late_sessions",
    differs: "the first bundle of three records fires after its second record, and so later pairs are others",
    windows: {
      assigner: session(10),
      trigger: asTrigger(afterWatermark({ early: afterCount(2), late: afterCount(3) })),
      allowedLatenessMs: 1_000,
    },
    steps: [
      ...input(1, 2, 3),
      expected(values([1, 2], 1, 12, { timing: "early", index: 0 })),
      ...input(4),
      expected(values([1, 2, 3, 4], 1, 14, { timing: "early", index: 1 })),
      ...input(5),
      expected(),
      ...input(6),
      expected(values([1, 2, 3, 4, 5, 6], 1, 16, { timing: "early", index: 2 })),
      watermark(100),
      expected(values([1, 2, 3, 4, 5, 6], 1, 16, { timing: "onTime", index: 3 })),
      ...input(1),
      expected(),
      ...input(3, 4),
      expected(values([1, 1, 2, 3, 3, 4, 4, 5, 6], 1, 16, { timing: "late", index: 4 })),
    ],
  },
  {
    name: "early_late_sessions, one record of the first bundle less: the pairs are Beam's",
    windows: {
      assigner: session(10),
      trigger: asTrigger(afterWatermark({ early: afterCount(2), late: afterCount(3) })),
      allowedLatenessMs: 1_000,
    },
    steps: [
      ...input(2, 3),
      expected(values([2, 3], 2, 13, { timing: "early", index: 0 })),
      ...input(4),
      expected(),
      ...input(5),
      expected(values([2, 3, 4, 5], 2, 15, { timing: "early", index: 1 })),
      ...input(6),
      watermark(100),
      expected(values([2, 3, 4, 5, 6], 2, 16, { timing: "onTime", index: 2 })),
      ...input(2),
      expected(),
      ...input(3, 4),
      expected(values([2, 2, 3, 3, 4, 4, 5, 6], 2, 16, { timing: "late", index: 3 })),
    ],
  },
  {
    name: "discarding_early_fixed",
    differs:
      "a pane fires after its second record, not after its bundle; and an empty last pane is not emitted",
    windows: {
      assigner: tumbling(10),
      trigger: asTrigger(afterWatermark({ early: afterCount(2) })),
      discarding: true,
    },
    steps: [
      ...input(1, 2, 3),
      expected(values([1, 2], 0, 10, { timing: "early", index: 0 })),
      ...input(4),
      expected(values([3, 4], 0, 10, { timing: "early", index: 1 })),
      ...input(14),
      expected(),
      ...input(5),
      expected(),
      ...input(18),
      expected(values([14, 18], 10, 20, { timing: "early", index: 0 })),
      ...input(6),
      expected(values([5, 6], 0, 10, { timing: "early", index: 2 })),
      ...input(7),
      watermark(100),
      expected(values([7], 0, 10, { timing: "onTime", index: 3 })),
    ],
  },
  {
    name: "garbage_collection",
    differs: "a pane holds the two records that made it fire, not the rest of their bundle",
    windows: {
      assigner: tumbling(10),
      trigger: asTrigger(afterCount(2)),
      allowedLatenessMs: 10,
      discarding: true,
    },
    steps: [
      ...input(1, 2, 3, 10, 11, 25),
      expected(values([1, 2], 0, 10), values([10, 11], 10, 20)),
      watermark(100),
      expected(),
    ],
  },
  {
    name: "known_late_data_watermark, known_late_data_no_watermark_hold_possible",
    windows: { assigner: tumbling(10) },
    steps: [watermark(5), ...input(2, 3, 7, 8), watermark(11), expected(values([2, 3, 7, 8], 0, 10, {}))],
  },
];
