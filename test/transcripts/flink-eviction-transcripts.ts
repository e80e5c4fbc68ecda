// Inputs and expected outputs of Apache Flink's tests of its window operator with evictors.
// Source: apache/flink, EvictingWindowOperatorTest (streaming runtime, operators/windowing), the tests named in each entry.
import { evictors, triggers } from "../../src/operators/triggers.ts";
import { globalWindow } from "../../src/time/global-window.ts";
import { tumbling } from "../../src/time/windows.ts";
import {
  type Entry,
  expected,
  record,
  restart,
  type TranscriptStep,
  type WindowTranscript,
  watermark,
} from "./window-transcript.ts";

const everyTwo = { assigner: globalWindow(), trigger: triggers.count(2) } as const;

const ones = (key: string, ...timestamps: number[]): TranscriptStep[] =>
  timestamps.map((timestamp) => record(key, 1, timestamp));

const sums = (...all: (readonly [key: string, value: number])[]): TranscriptStep =>
  expected(...all.map(([key, value]) => ({ key, value })));

/** The beginning that the tests of counts share. */
const eightOnes: readonly TranscriptStep[] = [
  ...ones("key2", 3000, 3999),
  ...ones("key1", 20, 0, 999),
  ...ones("key2", 1998, 1999, 1000),
  restart,
  sums(["key2", 2], ["key2", 4], ["key1", 2]),
  ...ones("key1", 10999),
  ...ones("key2", 1000),
];

const grows = (record: Entry, last: Entry): number => last.value - record.value;

const values: readonly TranscriptStep[] = [
  record("key2", 1, 3000),
  record("key2", 4, 3999),
  record("key1", 1, 20),
  record("key1", 1, 0),
  record("key1", 5, 999),
  record("key2", 5, 1998),
  record("key2", 6, 1999),
  record("key2", 1, 1000),
];

export const flinkEvictionTranscripts: readonly WindowTranscript[] = [
  {
    name: "testCountEvictorEvictAfter",
    windows: everyTwo,
    evictor: evictors.count(4, { when: "after" }),
    steps: [...eightOnes, sums(["key1", 4], ["key2", 6]), ...ones("key2", 1000, 1000), sums(["key2", 6])],
  },
  {
    name: "testTimeEvictorEvictAfter",
    windows: everyTwo,
    evictor: evictors.time("2s", { when: "after" }),
    steps: [
      ...ones("key2", 1000, 4000),
      ...ones("key1", 20, 0, 999),
      ...ones("key2", 3500, 2001, 1001),
      sums(["key2", 2], ["key1", 2], ["key2", 3]),
      ...ones("key1", 10999),
      ...ones("key2", 1002),
      sums(["key1", 4], ["key2", 5]),
    ],
  },
  {
    name: "testTimeEvictorEvictBefore",
    windows: { assigner: tumbling("4s"), trigger: triggers.count(2) },
    evictor: evictors.time("2s"),
    steps: [
      ...ones("key2", 1000, 3999),
      ...ones("key1", 20, 0, 999, 5999),
      ...ones("key2", 3500, 2001, 1001),
      expected(
        { key: "key2", value: 1, window: [0, 4000] },
        { key: "key1", value: 2, window: [0, 4000] },
        { key: "key2", value: 3, window: [0, 4000] },
      ),
      ...ones("key1", 6500),
      ...ones("key2", 1002),
      expected({ key: "key1", value: 2, window: [4000, 8000] }, { key: "key2", value: 3, window: [0, 4000] }),
    ],
  },
  {
    name: "testDeltaEvictorEvictBefore",
    windows: everyTwo,
    evictor: evictors.delta<Entry>(2, grows),
    steps: [
      ...values,
      sums(["key2", 4], ["key2", 11], ["key1", 2]),
      record("key1", 3, 10999),
      record("key2", 10, 1000),
      sums(["key1", 8], ["key2", 10]),
    ],
  },
  {
    name: "testDeltaEvictorEvictAfter",
    windows: everyTwo,
    evictor: evictors.delta<Entry>(2, grows, { when: "after" }),
    steps: [
      ...values,
      sums(["key2", 5], ["key2", 15], ["key1", 2]),
      record("key1", 9, 10999),
      record("key2", 10, 1000),
      sums(["key1", 16], ["key2", 22]),
    ],
  },
  {
    name: "testCountTrigger, testCountTriggerWithApply",
    windows: everyTwo,
    evictor: evictors.count(4),
    steps: [...eightOnes, sums(["key1", 4], ["key2", 4])],
  },
  {
    name: "testTumblingWindowWithApply",
    windows: { assigner: tumbling("4s") },
    evictor: evictors.count(4),
    steps: [
      ...ones("key1", 10, 100),
      watermark(1999),
      ...ones("key1", 1997, 1998, 2310, 2310),
      ...ones("key2", 2310, 2310),
      watermark(3999),
      expected({ key: "key1", value: 4, window: [0, 4000] }, { key: "key2", value: 2, window: [0, 4000] }),
    ],
  },
];
