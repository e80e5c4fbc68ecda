// Inputs and expected outputs of Apache Flink's tests of the window operators of its SQL: TUMBLE, HOP, CUMULATE, SESSION.
// Source: apache/flink, table runtime, operators/aggregate/window: SlicingWindowAggOperatorTest,
// UnslicingWindowAggOperatorTest; the test named in each entry.
//
// Flink runs each test in UTC and in Shanghai. Windows of hours have no time zone here: those of Shanghai begin eight hours
// earlier, and their tests run five days later, so that no time is before 1970. The windows of seconds are the same in both.
import { session } from "../../src/time/sessions.ts";
import { cumulative, sliding, tumbling, type WindowOptions } from "../../src/time/windows.ts";
import {
  clock,
  type ExpectedResult,
  expected,
  record,
  restart,
  type TranscriptStep,
  type WindowTranscript,
  watermark,
} from "./window-transcript.ts";

const sum = (key: string, value: number, start: number, end: number): ExpectedResult => ({
  key,
  value,
  window: [start, end],
});

const ones = (key: string, ...timestamps: number[]): TranscriptStep[] =>
  timestamps.map((timestamp) => record(key, 1, timestamp));

/** The input that the tests in event time share. */
const outOfOrder = (first: number): readonly TranscriptStep[] => [
  ...ones("key2", first, 3000),
  ...ones("key1", 20, 0, 999),
  ...ones("key2", 1998, 1999, 1000),
];

const inEventTime: readonly WindowTranscript[] = [
  {
    name: "testEventTimeHoppingWindows",
    windows: { assigner: sliding("3s", "1s") },
    steps: [
      ...outOfOrder(3999),
      watermark(999),
      expected(sum("key1", 3, -2000, 1000)),
      watermark(1999),
      expected(sum("key1", 3, -1000, 2000), sum("key2", 3, -1000, 2000)),
      watermark(2999),
      expected(sum("key1", 3, 0, 3000), sum("key2", 3, 0, 3000)),
      restart,
      watermark(3999),
      expected(sum("key2", 5, 1000, 4000)),
      ...ones("key2", 3500),
      watermark(4999),
      expected(sum("key2", 3, 2000, 5000)),
      ...ones("key1", 2999),
      watermark(5999),
      expected(sum("key2", 3, 3000, 6000)),
      watermark(6999),
      watermark(7999),
      expected(),
    ],
    late: [[1, 2999]],
  },
  {
    name: "testEventTimeCumulativeWindows",
    windows: { assigner: cumulative("3s", "1s") },
    steps: [
      ...outOfOrder(2999),
      watermark(999),
      expected(sum("key1", 3, 0, 1000)),
      watermark(1999),
      expected(sum("key1", 3, 0, 2000), sum("key2", 3, 0, 2000)),
      restart,
      ...ones("key2", 1000),
      watermark(1999),
      expected(),
      watermark(2999),
      expected(sum("key1", 3, 0, 3000), sum("key2", 5, 0, 3000)),
      watermark(3999),
      expected(sum("key2", 1, 3000, 4000)),
      record("key1", 2, 3500),
      watermark(4999),
      expected(sum("key2", 1, 3000, 5000), sum("key1", 2, 3000, 5000)),
      ...ones("key1", 2999),
      watermark(5999),
      expected(sum("key2", 1, 3000, 6000), sum("key1", 2, 3000, 6000)),
      watermark(6999),
      watermark(7999),
      expected(),
    ],
    late: [[1, 2999]],
  },
  {
    name: "testEventTimeTumblingWindows",
    windows: { assigner: tumbling("3s") },
    steps: [
      ...outOfOrder(3999),
      watermark(999),
      watermark(1999),
      expected(),
      restart,
      watermark(2999),
      expected(sum("key1", 3, 0, 3000), sum("key2", 3, 0, 3000)),
      watermark(3999),
      ...ones("key1", 2500),
      watermark(4999),
      expected(),
      ...ones("key2", 2999),
      watermark(5999),
      expected(sum("key2", 2, 3000, 6000)),
      watermark(6999),
      watermark(7999),
      expected(),
    ],
    late: [
      [1, 2500],
      [1, 2999],
    ],
  },
  {
    name: "testEventTimeSessionWindows",
    windows: { assigner: session("3s") },
    steps: [
      ...outOfOrder(3999),
      watermark(999),
      watermark(1999),
      restart,
      watermark(2999),
      expected(),
      watermark(3999),
      expected(sum("key1", 3, 0, 3999)),
      ...ones("key2", 3500),
      watermark(4999),
      ...ones("key1", 999),
      watermark(5999),
      expected(),
      watermark(6999),
      expected(sum("key2", 6, 1000, 6999)),
      watermark(7999),
      watermark(8999),
      expected(),
    ],
    late: [[1, 999]],
  },
  {
    name: "testSessionWindowsWithoutPartitionKey",
    windows: { assigner: session("3s") },
    steps: [
      ...ones("", 3999, 20),
      watermark(999),
      ...ones("", 2990),
      watermark(1999),
      restart,
      watermark(6999),
      expected(sum("", 3, 20, 6999)),
    ],
  },
];

const HOUR = 3_600_000;

/** @param zone hours that the wall clock is ahead of UTC */
function onClock(zone: number): readonly WindowTranscript[] {
  const midnight = zone === 0 ? 0 : 120 - zone;
  const options: WindowOptions = { time: "processing", offset: -zone * HOUR };
  const at = (hour: number, ms = 0): number => (midnight + hour) * HOUR + ms;
  const times = (hour: number): TranscriptStep => clock(at(hour));
  const total = (key: string, value: number, start: number, end: number): ExpectedResult =>
    sum(key, value, at(start), at(end));
  const some = (key: string, times: number): TranscriptStep[] =>
    Array.from({ length: times }, () => record(key, 1, 7000));
  return [
    {
      name: `testProcessingTimeHoppingWindows, UTC + ${zone} h`,
      windows: { assigner: sliding("3h", "1h", options) },
      steps: [
        clock(at(0, 3)),
        ...some("key2", 1),
        times(1),
        expected(total("key2", 1, -2, 1)),
        ...some("key2", 2),
        times(2),
        expected(total("key2", 3, -1, 2)),
        ...some("key1", 2),
        times(3),
        expected(total("key2", 3, 0, 3), total("key1", 2, 0, 3)),
        ...some("key1", 3),
        times(7),
        expected(
          total("key2", 2, 1, 4),
          total("key1", 5, 1, 4),
          total("key1", 5, 2, 5),
          total("key1", 3, 3, 6),
        ),
      ],
    },
    {
      name: `testProcessingTimeCumulativeWindows, UTC + ${zone} h`,
      windows: { assigner: cumulative("1d", "8h", options) },
      steps: [
        clock(at(0, 3)),
        ...some("key2", 1),
        times(8),
        expected(total("key2", 1, 0, 8)),
        ...some("key2", 2),
        times(16),
        expected(total("key2", 3, 0, 16)),
        ...some("key1", 2),
        times(24),
        expected(total("key2", 3, 0, 24), total("key1", 2, 0, 24)),
        ...some("key1", 1),
        ...some("key2", 1),
        ...some("key1", 1),
        times(56),
        expected(...[32, 40, 48].flatMap((end) => [total("key1", 2, 24, end), total("key2", 1, 24, end)])),
      ],
    },
    {
      name: `testProcessingTimeTumblingWindows, UTC + ${zone} h`,
      windows: { assigner: tumbling("5h", options) },
      steps: [
        clock(at(0, 3)),
        ...some("key2", 3),
        ...some("key1", 2),
        times(5),
        expected(total("key2", 3, 0, 5), total("key1", 2, 0, 5)),
        ...some("key1", 3),
        clock(at(10, 1000)),
        expected(total("key1", 3, 5, 10)),
      ],
    },
    {
      name: `testProcessingTimeSessionWindows, UTC + ${zone} h`,
      windows: { assigner: session("3s", { time: "processing" }) },
      steps: [
        clock(at(0, 3000)),
        ...some("key2", 3),
        ...some("key1", 2),
        restart,
        clock(at(0, 6000)),
        expected(sum("key2", 3, at(0, 3000), at(0, 6000)), sum("key1", 2, at(0, 3000), at(0, 6000))),
        clock(at(0, 7000)),
        ...some("key1", 1),
        clock(at(0, 8000)),
        ...some("key1", 1),
        expected(),
        clock(at(0, 12_000)),
        expected(sum("key1", 2, at(0, 7000), at(0, 11_000))),
      ],
    },
  ];
}

export const flinkSqlWindowTranscripts: readonly WindowTranscript[] = [
  ...inEventTime,
  ...onClock(0),
  ...onClock(8),
];
