// What the window operator promises to triggers, as Apache Flink's contract tests have it: who is asked and when, what is
// emitted, kept and cleaned up, in windows of event time and on the clock alike.
// Source: apache/flink, streaming runtime, operators/windowing: WindowOperatorContractTest, run there by
// RegularWindowOperatorContractTest and EvictingWindowOperatorContractTest; the test named in each entry.
//
// The mocked assigners of the tests give any windows; here assigners of Weir give windows that stand in the same relation.
import type { TriggerResult } from "../../src/operators/trigger.ts";
import { session } from "../../src/time/sessions.ts";
import type { TimeDomain } from "../../src/time/window.ts";
import { sliding, tumbling, type WindowAssigner } from "../../src/time/windows.ts";
import {
  type Bounds,
  type ContractCase,
  type ContractStep,
  type Expectation,
  gone,
  holds,
  note,
  one,
  type Script,
} from "./window-contract.ts";

/** Cases that Flink runs in both times. @param time of the windows */
export function contractIn(time: TimeDomain): readonly ContractCase[] {
  /** Time when the moment `t` is over: windows in event time go at `end - 1`, those on the clock at `end`. */
  const over = (t: number): number => (time === "event" ? t : t + 1);
  const until = (t: number): ContractStep => ({ advance: over(t) });
  const lateness = time === "event" ? 20 : 0;
  const tumble = (size: number): WindowAssigner => tumbling(size, { time });
  const sessions = (gap: number): WindowAssigner => session(gap, { time }) as WindowAssigner;
  const test = (flink: string): string =>
    flink.replace("{time}", time === "event" ? "EventTime" : "ProcessingTime");
  const early: ContractStep = {
    trigger: { onElement: { sets: [over(0)], remembers: note } },
  };
  const first: Bounds = [-2, 2];
  const second: Bounds = [0, 4];
  const both = [
    ["a", [0], first],
    ["a", [0], second],
  ] as const;
  const onTime = (says: TriggerResult, contents: number, results: Expectation["results"]): ContractCase => ({
    name: test(`testOn{time}${says[0]?.toUpperCase()}${says.slice(1)}`),
    assigner: sliding(4, 2, { time }),
    steps: [
      early,
      one,
      holds({ contents: 2, remembered: 2, timers: 4, results: [] }),
      { trigger: { onTime: { says } } },
      until(0),
      holds({ contents, remembered: 2, timers: 2, cleared: 0, ...(results && { results }) }),
    ],
  });
  const far: Script = {
    onElement: { sets: [1_000], remembers: note },
    clear: { deletes: [1_000], forgets: true },
  };
  return [
    onTime("continue", 2, []),
    onTime("fire", 2, both),
    onTime("fireAndPurge", 0, both),
    onTime("purge", 0, []),
    ...[false, true].map(
      (merges): ContractCase => ({
        name: test(`testNo{time}FiringForPurged${merges ? "Merging" : ""}Window`),
        assigner: merges ? sessions(4) : tumble(4),
        steps: [
          { trigger: { onElement: { sets: [over(0)], says: "purge" } } },
          one,
          holds({ contents: 0, remembered: 0, open: 1, timers: 2 }),
          { trigger: { onTime: { says: "fire" } } },
          until(0),
          holds({ asked: [[over(0), [0, 4]]], results: [], timers: 1 }),
        ],
      }),
    ),
    {
      name: test("testNo{time}FiringForGarbageCollectedMergingWindow"),
      assigner: sessions(4),
      steps: [
        { trigger: { onElement: { sets: [over(10)] } } },
        one,
        holds({ contents: 1, open: 1, timers: 2 }),
        until(3),
        holds({ asked: [[over(3), [0, 4]]], cleared: 1, contents: 0, open: 0, timers: 1, results: [] }),
        until(10),
        holds({ asked: [], cleared: 1, timers: 0, results: [] }),
      ],
    },
    {
      name: test("test{time}TimerCreationAndDeletion"),
      assigner: tumble(2),
      steps: [
        holds({ timers: 0 }),
        { trigger: { onElement: { sets: [17] } } },
        one,
        holds({ timers: 2 }),
        { trigger: { onElement: { sets: [42] } } },
        one,
        holds({ timers: 3 }),
        { trigger: { onElement: { deletes: [42] } } },
        one,
        { trigger: { onElement: { deletes: [17] } } },
        one,
        holds({ timers: 1 }),
      ],
    },
    {
      name: test("test{time}TimerFiring"),
      assigner: tumble(100),
      steps: [
        ...[1, 17, 42].flatMap((at): ContractStep[] => [{ trigger: { onElement: { sets: [at] } } }, one]),
        holds({ timers: 4 }),
        { advance: 1 },
        holds({ asked: [[1, [0, 100]]], timers: 3 }),
        { advance: 15 },
        holds({ asked: [] }),
        { advance: 42 },
        holds({
          asked: [
            [17, [0, 100]],
            [42, [0, 100]],
          ],
          timers: 1,
        }),
      ],
    },
    {
      name: test("test{time}DeletedTimerDoesNotFire"),
      assigner: tumble(100),
      steps: [
        { trigger: { onElement: { sets: [1] } } },
        one,
        holds({ timers: 2 }),
        { trigger: { onElement: { deletes: [1] } } },
        one,
        holds({ timers: 1 }),
        { trigger: { onElement: { sets: [2] } } },
        one,
        holds({ timers: 2 }),
        { advance: 50 },
        holds({ asked: [[2, [0, 100]]], timers: 1 }),
      ],
    },
    {
      name: test("test{time}WindowsAreMergedEagerly"),
      assigner: sessions(4),
      steps: [
        {
          trigger: {
            onElement: { sets: [over(1)], remembers: note },
            onMerge: { sets: [over(1)], remembers: note },
            clear: { deletes: [over(1)], forgets: true },
          },
        },
        one,
        holds({ contents: 1, remembered: 1, open: 1, timers: 2, merged: [] }),
        {
          trigger: {
            onMerge: { sets: [over(1)], remembers: note },
            clear: { deletes: [over(1)], forgets: true },
          },
        },
        { record: ["a", 0, 1] },
        holds({ contents: 1, remembered: 1, open: 1, timers: 2, merged: [[0, 5]] }),
      ],
    },
    {
      name: test("testOn{time}PurgeDoesNotCleanupMergingSet"),
      assigner: sessions(4),
      steps: [
        { trigger: { onElement: { sets: [over(1)] }, onTime: { says: "purge" } } },
        one,
        holds({ contents: 1, open: 1, timers: 2, results: [] }),
        until(1),
        holds({ contents: 0, open: 1, timers: 1, results: [] }),
      ],
    },
    {
      name: test("test{time}GarbageCollectionTimer"),
      assigner: tumble(20),
      allowedLatenessMs: lateness,
      steps: [
        one,
        holds({ contents: 1, timers: 1, cleared: 0 }),
        { trigger: { onTime: { says: "fire" } } },
        until(19 + lateness),
        holds({ asked: [[over(19 + lateness), [0, 20]]], results: [["a", [0], [0, 20]]], cleared: 1 }),
        gone,
      ],
    },
    {
      name: test("test{time}TriggerTimerAndGarbageCollectionTimerCoincide"),
      assigner: tumble(20),
      steps: [
        { trigger: { onElement: { sets: [over(19)] } } },
        one,
        holds({ contents: 1, timers: 1, cleared: 0 }),
        until(19),
        holds({ asked: [[over(19), [0, 20]]], cleared: 1 }),
        gone,
      ],
    },
    {
      name: test("testStateAndTimerCleanupAt{time}GarbageCollection"),
      assigner: tumble(20),
      allowedLatenessMs: lateness,
      steps: [
        { trigger: far },
        one,
        holds({ contents: 1, remembered: 1, timers: 2, cleared: 0 }),
        until(19 + lateness),
        holds({ cleared: 1 }),
        gone,
      ],
    },
    ...[false, true].map(
      (merges): ContractCase => ({
        name: test(
          `testStateAndTimerCleanupAt{time}GarbageCollectionWithPurgingTrigger${merges ? "AndMergingWindows" : ""}`,
        ),
        assigner: merges ? sessions(20) : tumble(20),
        allowedLatenessMs: lateness,
        steps: [
          { trigger: { ...far, onElement: { ...far.onElement, says: "purge" } } },
          one,
          holds({ contents: 0, remembered: 1, open: 1, timers: 2, cleared: 0 }),
          until(19 + lateness),
          holds({ cleared: 1 }),
          gone,
        ],
      }),
    ),
    {
      name: test("testMergingWindowSetClearedAt{time}GarbageCollection"),
      assigner: sessions(20),
      allowedLatenessMs: lateness,
      steps: [one, holds({ contents: 1, open: 1, timers: 1 }), until(19 + lateness), gone],
    },
  ];
}
