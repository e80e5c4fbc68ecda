// What the window operator promises to triggers, as Apache Flink's contract tests have it: those that it runs in one time only.
// Source: apache/flink, streaming runtime, operators/windowing: WindowOperatorContractTest, and testReducingWindow of
// RegularWindowOperatorContractTest; the test named in each entry.
import type { TriggerResult } from "../../src/operators/trigger.ts";
import { globalWindow } from "../../src/time/global-window.ts";
import { session } from "../../src/time/sessions.ts";
import { sliding, tumbling, type WindowAssigner } from "../../src/time/windows.ts";
import { type ContractCase, type ContractStep, gone, holds, note, one } from "./window-contract.ts";

/** What the trigger of the tests about single records does. */
const onRecord = (says: TriggerResult): ContractStep => ({
  trigger: { onElement: { says, sets: ["end"], remembers: note } },
});

const sliding42: Pick<ContractCase, "assigner"> = { assigner: sliding(4, 2) };
const inBoth = (values: readonly number[]) =>
  [
    ["a", values, [-2, 2]],
    ["a", values, [0, 4]],
  ] as const;

export const contractOnce: readonly ContractCase[] = [
  {
    name: "testLateSideOutput, its first half",
    assigner: tumbling(10),
    steps: [{ advance: 20 }, { record: ["a", 0, 5] }, gone],
    late: [[0, 5]],
  },
  {
    name: "testAssignerWithMultipleWindows",
    ...sliding42,
    steps: [{ trigger: { onElement: { says: "fire" } } }, one, holds({ results: inBoth([0]) })],
  },
  {
    name: "testWindowsDontInterfere, windows of two keys",
    assigner: tumbling(2),
    steps: [
      { record: ["a", 0, 0] },
      { record: ["b", 1, 0] },
      holds({ results: [], contents: 2, timers: 2 }),
      { trigger: { onElement: { says: "fire" } } },
      { record: ["b", 1, 0] },
      { record: ["a", 0, 0] },
      holds({
        results: [
          ["a", [0, 0], [0, 2]],
          ["b", [1, 1], [0, 2]],
        ],
      }),
    ],
  },
  {
    name: "testOnElementContinue",
    ...sliding42,
    steps: [
      onRecord("continue"),
      one,
      holds({ contents: 2, remembered: 2, timers: 4, cleared: 0, results: [] }),
    ],
  },
  {
    name: "testOnElementFire",
    ...sliding42,
    steps: [
      onRecord("fire"),
      one,
      holds({ contents: 2, remembered: 2, timers: 4, cleared: 0, results: inBoth([0]) }),
    ],
  },
  {
    name: "testOnElementFireAndPurge",
    ...sliding42,
    steps: [
      onRecord("fireAndPurge"),
      one,
      holds({ contents: 0, remembered: 2, timers: 4, cleared: 0, results: inBoth([0]) }),
    ],
  },
  {
    name: "testOnElementPurge",
    ...sliding42,
    steps: [
      { trigger: { onElement: { says: "purge", sets: [0], remembers: note } } },
      one,
      holds({ contents: 0, remembered: 2, timers: 4, cleared: 0, results: [] }),
    ],
  },
  {
    name: "testReducingWindow",
    ...sliding42,
    steps: [
      { record: ["a", 1, 0] },
      { record: ["a", 1, 0] },
      onRecord("fire"),
      { record: ["a", 1, 0] },
      holds({ contents: 2, remembered: 2, timers: 4, cleared: 0, results: inBoth([1, 1, 1]) }),
    ],
  },
  {
    name: "testMergingOfExistingEventTimeWindows",
    assigner: session(2) as WindowAssigner,
    steps: [
      {
        trigger: {
          onElement: { sets: [0], remembers: note },
          onMerge: { sets: [0], remembers: note },
          clear: { deletes: [0], forgets: true },
        },
      },
      one,
      holds({ contents: 1, remembered: 1, open: 1, timers: 2 }),
      { record: ["a", 1, 3] },
      holds({ contents: 2, remembered: 2, open: 2, timers: 4 }),
      { record: ["a", 2, 2] },
      holds({ contents: 1, remembered: 1, open: 1, timers: 2, merged: [[0, 5]], results: [] }),
    ],
  },
  {
    name: "testOnElementPurgeDoesNotCleanupMergingSet",
    assigner: session(2) as WindowAssigner,
    steps: [
      { trigger: { onElement: { says: "purge" } } },
      one,
      holds({ contents: 0, open: 1, timers: 1, results: [] }),
    ],
  },
  {
    name: "testNoEventTimeGarbageCollectionTimerForGlobalWindow, testNoProcessingTime...",
    assigner: globalWindow(),
    steps: [one, holds({ contents: 1, timers: 0 })],
  },
  {
    name: "testProcessingTimeGarbageCollectionTimerIsAlwaysWindowMaxTimestamp",
    assigner: tumbling(20, { time: "processing" }),
    allowedLatenessMs: 20,
    steps: [
      one,
      holds({ contents: 1, timers: 1, cleared: 0 }),
      { advance: 20 },
      holds({ cleared: 1, timers: 0 }),
      gone,
    ],
  },
  {
    name: "testProcessingElementsWithinAllowedLateness",
    assigner: tumbling(2),
    allowedLatenessMs: 20,
    steps: [
      { trigger: { onElement: { says: "fire" } } },
      { advance: 20 },
      one,
      holds({ results: [["a", [0], [0, 2]]], cleared: 0, contents: 1, timers: 1 }),
    ],
    late: [],
  },
  {
    name: "testLateWindowDropping",
    assigner: tumbling(2),
    allowedLatenessMs: 20,
    steps: [{ trigger: { onElement: { says: "fire" } } }, { advance: 21 }, one, holds({ results: [] }), gone],
    late: [[0, 0]],
  },
  {
    name: "testStateSnapshotAndRestore, two sessions",
    assigner: session(2) as WindowAssigner,
    steps: [
      { trigger: { onElement: { sets: [0], remembers: note } } },
      one,
      { record: ["a", 1, 3] },
      holds({ contents: 2, remembered: 2, open: 2, timers: 4 }),
      { restart: true },
      { trigger: { onTime: { at: 0, says: "fire" }, clear: { deletes: [0], forgets: true } } },
      holds({ contents: 2, remembered: 2, open: 2, timers: 4, cleared: 0, results: [] }),
      { advance: 20 },
      holds({
        asked: [
          [0, [0, 2]],
          [0, [3, 5]],
          [1, [0, 2]],
          [4, [3, 5]],
        ],
        results: [
          ["a", [0], [0, 2]],
          ["a", [1], [3, 5]],
        ],
        cleared: 2,
      }),
      gone,
    ],
  },
];
