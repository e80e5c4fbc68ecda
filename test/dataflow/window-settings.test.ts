import { describe, expect, test } from "vitest";
import { type WindowSettings, windowLabel, windowProblems } from "../../src/dataflow/window-settings.ts";
import type { Trigger } from "../../src/operators/trigger.ts";
import { evictors, triggers } from "../../src/operators/triggers.ts";
import { countWindow } from "../../src/time/count-windows.ts";
import { globalWindow } from "../../src/time/global-window.ts";
import { session } from "../../src/time/sessions.ts";
import { cumulative, sliding, tumbling } from "../../src/time/windows.ts";

const lonely: Trigger = { label: "lonely", clocks: [], onElement: () => "fire" };
const perMinute = tumbling("1m");

describe("window settings", () => {
  test.each<[why: string, settings: WindowSettings, keepsRecords: boolean, says: string]>([
    [
      "sessions and a trigger that cannot merge",
      { assigner: session("1m"), trigger: lonely },
      false,
      "give the trigger an onMerge",
    ],
    [
      "an evictor without records",
      { assigner: perMinute, evictor: evictors.count(3) },
      false,
      "use apply, or remove the evictor",
    ],
    [
      "lateness on the clock",
      { assigner: perMinute.processingTime(), allowedLatenessMs: 5 },
      false,
      "in processing time nothing is late",
    ],
    [
      "lateness without an end",
      { assigner: globalWindow(), trigger: lonely, allowedLatenessMs: 5 },
      false,
      "the global window never ends",
    ],
    ["the global window without a trigger", { assigner: globalWindow() }, false, "say when it emits"],
    [
      "the global window and a trigger at its end on the clock",
      { assigner: globalWindow(), trigger: triggers.processingTime() },
      false,
      "which waits for its end",
    ],
    [
      "count windows with a trigger in time",
      { assigner: countWindow(5), trigger: triggers.eventTime() },
      false,
      "emit when they are full",
    ],
    [
      "count windows with lateness",
      { assigner: countWindow(5), allowedLatenessMs: 1 },
      true,
      "emit when they are full",
    ],
    [
      "count windows that discard",
      { assigner: countWindow(5), discarding: true },
      true,
      "emit when they are full",
    ],
    [
      "windows on the clock and a trigger in event time",
      { assigner: perMinute.processingTime(), trigger: triggers.eventTime() },
      false,
      "which waits for event time",
    ],
    [
      "no trigger",
      { assigner: perMinute, trigger: (() => "fire") as never },
      false,
      "for its trigger; give one of",
    ],
    ["no evictor", { assigner: perMinute, evictor: 5 as never }, true, "for its evictor; give one of"],
    ["no windows", { assigner: "1m" as never }, false, 'give tumbling("1m")'],
  ])("refuses %s", (_why, settings, keepsRecords, says) => {
    const problems = windowProblems(settings, keepsRecords);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(says);
  });

  test.each<[label: string, settings: WindowSettings]>([
    ["tumbling window of 1m", { assigner: perMinute }],
    [
      "sliding window of 10s every 2s, offset 1s, processing time",
      { assigner: sliding("10s", "2s", { offset: "1s", time: "processing" }) },
    ],
    [
      "cumulative window of 7d in steps of 1d, Europe/Berlin",
      { assigner: cumulative("7d", "1d", { timeZone: "Europe/Berlin" }) },
    ],
    [
      "session window with gap 5m, allowed lateness 1h",
      { assigner: session("5m"), allowedLatenessMs: 3_600_000 },
    ],
    [
      "session window with a gap per record, processing time",
      { assigner: session(() => 5, { time: "processing" }) },
    ],
    [
      "global window, trigger every 5 records, discarding",
      { assigner: globalWindow(), trigger: triggers.count(5), discarding: true },
    ],
    ["count window of 5 every 2", { assigner: countWindow(5, 2) }],
    [
      "tumbling window of 1m, evictor the last 3 records, after",
      { assigner: perMinute, evictor: evictors.count(3, { when: "after" }) },
    ],
  ])("is called: %s", (label, settings) => {
    expect(windowLabel(settings)).toBe(label);
    expect(windowProblems(settings, true)).toEqual([]);
  });
});
