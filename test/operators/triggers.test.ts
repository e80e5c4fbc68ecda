import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../../src/core/options.ts";
import { count } from "../../src/operators/aggregates.ts";
import type { Trigger } from "../../src/operators/trigger.ts";
import type { TriggerCondition } from "../../src/operators/trigger-conditions.ts";
import { evictors, triggers } from "../../src/operators/triggers.ts";
import type { WindowResult } from "../../src/operators/window.ts";
import { type OperatorHarness, operatorHarness } from "../../src/testing/index.ts";
import { globalWindow } from "../../src/time/global-window.ts";
import { session } from "../../src/time/sessions.ts";
import { tumbling } from "../../src/time/windows.ts";

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

interface Item {
  readonly key: string;
  readonly value: number;
}

type Harness = OperatorHarness<Item, WindowResult<string, number>>;

/** Counts and timings of what a window of [0, 10) emits. */
function fired(condition: TriggerCondition, act: (harness: Harness) => void): string[] {
  const harness: Harness = operatorHarness({
    key: (item: Item) => item.key,
    build: (items) =>
      items.window(tumbling(10)).trigger(condition).allowedLateness(100).aggregate("count", count()),
  });
  act(harness);
  return timings(harness);
}

const timings = (harness: Harness): string[] =>
  harness.takeOutput().map(({ value }) => `${value.value} ${value.pane?.timing}`);

const add = (harness: Harness, times: number): void => {
  for (let i = 0; i < times; i++) harness.push({ key: "a", value: i }, 5);
};

describe("composed triggers", () => {
  test("afterCount fires once, and what comes later is dropped", () => {
    expect(fired(afterCount(2), (harness) => add(harness, 5))).toEqual(["2 early"]);
  });

  test("repeatedly starts again, and accumulates", () => {
    expect(fired(repeatedly(afterCount(2)), (harness) => add(harness, 5))).toEqual(["2 early", "4 early"]);
  });

  test("afterWatermark without `late` is over at the end of the window", () => {
    const act = (harness: Harness): void => {
      add(harness, 3);
      harness.watermark(9);
      add(harness, 3);
      harness.watermark(20);
    };
    expect(fired(afterWatermark(), act)).toEqual(["3 onTime"]);
    expect(fired(afterWatermark({ late: afterCount(2) }), act)).toEqual(["3 onTime", "5 late"]);
    expect(fired(afterWatermark({ early: afterCount(2) }), act)).toEqual(["2 early", "3 onTime"]);
  });

  test("inOrder takes one after the other, each from its own beginning", () => {
    expect(fired(inOrder(afterCount(1), afterCount(3)), (harness) => add(harness, 9))).toEqual([
      "1 early",
      "4 early",
    ]);
  });

  test("allOf waits for all, anyOf for the first", () => {
    const act = (harness: Harness): void => {
      add(harness, 3);
      harness.watermark(9);
    };
    expect(fired(allOf(afterCount(2), afterEndOfWindow()), act)).toEqual(["3 onTime"]);
    expect(fired(anyOf(afterCount(2), afterEndOfWindow()), act)).toEqual(["2 early"]);
    expect(fired(repeatedly(anyOf(afterCount(2), afterEndOfWindow())), act)).toEqual(["2 early", "3 onTime"]);
  });

  test("afterProcessingTime fires so long after the first record, with what has come until then", () => {
    const act = (harness: Harness): void => {
      add(harness, 1);
      harness.clock.advance(40);
      add(harness, 1);
      harness.clock.advance(9);
      expect(harness.takeOutput()).toEqual([]);
      harness.clock.advance(1);
      harness.watermark(9);
    };
    expect(fired(afterWatermark({ early: afterProcessingTime(50) }), act)).toEqual(["2 early", "2 onTime"]);
  });

  test("a trigger of the user has state of its own in each window, and merges it", () => {
    /** Fires when the sum of what it has seen passes ten. */
    const aboveTen: Trigger<Item, number> = {
      label: "above ten",
      clocks: [],
      onElement({ value }, context) {
        context.state = (context.state ?? 0) + value;
        return context.state > 10 ? "fireAndPurge" : "continue";
      },
      onMerge(states, context) {
        context.state = states.reduce<number>((sum, state) => sum + (state ?? 0), 0);
      },
    };
    const harness = operatorHarness({
      key: (item: Item) => item.key,
      build: (items) => items.window(session(10)).trigger(aboveTen).aggregate("count", count()),
    });
    harness.push({ key: "a", value: 5 }, 0);
    harness.push({ key: "a", value: 5 }, 20);
    harness.push({ key: "b", value: 9 }, 0);
    harness.restart();
    expect(harness.takeOutput()).toEqual([]);
    harness.push({ key: "a", value: 1 }, 10);
    expect(harness.takeOutput().map((one) => one.value)).toEqual([
      { key: "a", value: 3, window: { start: 0, end: 30 }, pane: { timing: "early", index: 0 } },
    ]);
  });

  test("continuous event time ends with the input, also on the global window", () => {
    const harness = operatorHarness({
      key: (item: Item) => item.key,
      build: (items) =>
        items.window(globalWindow()).trigger(triggers.continuousEventTime(10)).aggregate("count", count()),
    });
    harness.push({ key: "a", value: 1 }, 3);
    harness.push({ key: "a", value: 1 }, 4);
    harness.watermark(10);
    harness.end();
    expect(harness.takeOutput()).toHaveLength(3);
    expect(harness.state).toEqual({ entries: 0, timers: 0 });
  });

  test("refuses what makes no trigger and no evictor", () => {
    expect(() => triggers.count(0)).toThrow(InvalidOptionError);
    expect(() => afterCount(1.5)).toThrow(InvalidOptionError);
    expect(() => anyOf()).toThrow("at least one condition");
    expect(() => repeatedly(triggers.count(3) as never)).toThrow("no part of another");
    expect(() => evictors.count(3, { when: "now" as "after" })).toThrow(InvalidOptionError);
    expect(() => evictors.delta(Number.NaN, () => 0)).toThrow(InvalidOptionError);
  });
});
