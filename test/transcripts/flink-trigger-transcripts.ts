// What single triggers answer, remember and wait for, as Apache Flink's tests of them have it.
// Source: apache/flink, streaming runtime, operators/windowing: EventTimeTriggerTest, ProcessingTimeTriggerTest,
// CountTriggerTest, ContinuousEventTimeTriggerTest; the test named in each entry.
import type { AnyTrigger, TriggerResult } from "../../src/operators/trigger.ts";
import { triggers } from "../../src/operators/triggers.ts";

export type Bounds = readonly [start: number, end: number];

/** Per window, the number of timers; windows that are not named have none. */
export type Waiting = readonly (readonly [window: Bounds, timers: number])[];

export type TriggerStep =
  /** A record without event time comes to each of these windows. */
  | { readonly add: readonly Bounds[]; readonly says: TriggerResult }
  /** Due timers fire. `fires` names the windows whose trigger says so, once for each time. */
  | { readonly watermark: number; readonly fires: readonly Bounds[] }
  | { readonly clock: number; readonly fires: readonly Bounds[] }
  /** The trigger is asked at this time although it set no timer: the window goes. */
  | { readonly goes: Bounds; readonly at: number; readonly says: TriggerResult }
  | { readonly clear: Bounds }
  | { readonly merge: readonly Bounds[]; readonly into: Bounds }
  /** Windows with state, and timers. */
  | { readonly remembers: readonly Bounds[]; readonly event?: Waiting; readonly processing?: Waiting };

export interface TriggerTranscript {
  readonly name: string;
  readonly trigger: AnyTrigger;
  /** What Flink expects instead, and why it is another number here. */
  readonly differs?: string;
  readonly steps: readonly TriggerStep[];
}

const a: Bounds = [0, 2];
const b: Bounds = [2, 4];
const c: Bounds = [4, 6];
const both: Bounds = [0, 4];

const goesOn = (...windows: Bounds[]): TriggerStep => ({ add: windows, says: "continue" });
const fires = (...windows: Bounds[]): TriggerStep => ({ add: windows, says: "fire" });
const one = (...windows: Bounds[]): Waiting => windows.map((window) => [window, 1]);
const nothing: TriggerStep = { remembers: [] };

const inEventTime = (name: string, steps: readonly TriggerStep[]): TriggerTranscript => ({
  name: `EventTimeTriggerTest ${name}`,
  trigger: triggers.eventTime(),
  steps,
});

const onClock = (name: string, steps: readonly TriggerStep[]): TriggerTranscript => ({
  name: `ProcessingTimeTriggerTest ${name}`,
  trigger: triggers.processingTime(),
  steps,
});

const everyThree = (name: string, steps: readonly TriggerStep[]): TriggerTranscript => ({
  name: `CountTriggerTest ${name}`,
  trigger: triggers.count(3),
  steps,
});

const continuous = (
  name: string,
  steps: readonly TriggerStep[],
  differs?: string,
  interval: number | string = "1h",
): TriggerTranscript => ({
  name: `ContinuousEventTimeTriggerTest ${name}`,
  trigger: triggers.continuousEventTime(interval as "1h"),
  ...(differs !== undefined && { differs }),
  steps,
});

const noTimerBehindTheEnd = "Flink sets a timer for the next interval too when it lies behind the end";

export const flinkTriggerTranscripts: readonly TriggerTranscript[] = [
  inEventTime("testWindowSeparationAndFiring", [
    goesOn(a, a, a, b, b),
    { remembers: [], event: one(a, b) },
    { watermark: 2, fires: [a] },
    { remembers: [], event: one(b) },
    { watermark: 4, fires: [b] },
    nothing,
  ]),
  inEventTime("testLateElementTriggersImmediately", [{ watermark: 2, fires: [] }, fires(a), nothing]),
  inEventTime("testClear", [
    goesOn(a, b),
    { remembers: [], event: one(a, b) },
    { clear: b },
    { remembers: [], event: one(a) },
    { clear: a },
    nothing,
  ]),
  inEventTime("testMergingWindows", [
    goesOn(a, b),
    { remembers: [], event: one(a, b) },
    { merge: [a, b], into: both },
    { remembers: [], event: one(both) },
    { watermark: 4, fires: [both] },
    nothing,
  ]),
  inEventTime("testMergingLateWindows", [
    goesOn(a, b),
    { remembers: [], event: one(a, b) },
    { watermark: 10, fires: [a, b] },
    nothing,
    { merge: [a, b], into: both },
    nothing,
  ]),

  onClock("testWindowSeparationAndFiring", [
    goesOn(a, a, a, b, b),
    { remembers: [], processing: one(a, b) },
    { clock: 2, fires: [a] },
    { remembers: [], processing: one(b) },
    { clock: 4, fires: [b] },
    nothing,
  ]),
  onClock("testClear", [
    goesOn(a, b),
    { remembers: [], processing: one(a, b) },
    { clear: b },
    { remembers: [], processing: one(a) },
    { clear: a },
    nothing,
  ]),
  onClock("testMergingWindows", [
    goesOn(a, b),
    { remembers: [], processing: one(a, b) },
    { merge: [a, b], into: both },
    { remembers: [], processing: one(both) },
    { clock: 4, fires: [both] },
    nothing,
  ]),
  onClock("testMergingLateWindows", [
    goesOn(a, b),
    { remembers: [], processing: one(a, b) },
    { clock: 10, fires: [a, b] },
    nothing,
    { merge: [a, b], into: both },
    nothing,
  ]),

  everyThree("testWindowSeparationAndFiring", [
    goesOn(a, b),
    { remembers: [a, b] },
    goesOn(a),
    fires(a),
    goesOn(b),
    { remembers: [b] },
    fires(b),
    nothing,
  ]),
  everyThree("testClear", [
    goesOn(a, b),
    { remembers: [a, b] },
    { clear: b },
    { remembers: [a] },
    { clear: a },
    nothing,
  ]),
  everyThree("testMergingWindows", [
    goesOn(a, b, c),
    { remembers: [a, b, c] },
    { merge: [a, b], into: both },
    { remembers: [both, c] },
    fires(both),
    { remembers: [c] },
    goesOn(c),
    fires(c),
    nothing,
  ]),
  everyThree("testMergeSubsumingWindow", [
    goesOn(b, c),
    { remembers: [b, c] },
    { merge: [b, c], into: [0, 8] },
    { remembers: [[0, 8]] },
    fires([0, 8]),
    nothing,
  ]),

  continuous(
    "testTriggerHandlesAllOnTimerCalls",
    [nothing, { watermark: 10, fires: [] }, fires(a), { goes: a, at: 20, says: "continue" }],
    undefined,
    5,
  ),
  continuous(
    "testWindowSeparationAndFiring",
    [
      goesOn(a, a, a, b, b),
      { remembers: [a, b], event: one(a, b) },
      { watermark: 2, fires: [a] },
      { remembers: [a, b], event: one(b) },
      { watermark: 4, fires: [b] },
      { remembers: [a, b] },
    ],
    noTimerBehindTheEnd,
  ),
  continuous("testLateElementTriggersImmediately", [{ watermark: 2, fires: [] }, fires(a), nothing]),
  continuous(
    "testClear",
    [
      goesOn(a, b),
      { remembers: [a, b], event: one(a, b) },
      { clear: b },
      { remembers: [a], event: one(a) },
      { clear: a },
      nothing,
    ],
    `${noTimerBehindTheEnd}, and leaves the timer at the end when it is cleared`,
  ),
  continuous(
    "testMergingWindows",
    [
      goesOn(a, b),
      { remembers: [a, b], event: one(a, b) },
      { merge: [a, b], into: both },
      { remembers: [both], event: one(both) },
      { watermark: 4, fires: [both] },
      { remembers: [both] },
    ],
    `${noTimerBehindTheEnd}, and leaves the timers of the parts`,
  ),
];
