// What windows must not do at the edges of their lives: lateness, merging, purging, failing records, the end of the input.
import { describe, expect, test } from "vitest";
import type { Aggregate } from "../../../src/core/aggregate.ts";
import { MAX_WATERMARK } from "../../../src/core/batch.ts";
import { ManualClock } from "../../../src/core/clock.ts";
import { collectList, count, sum } from "../../../src/operators/aggregates.ts";
import { LATE_TAG } from "../../../src/operators/event-time.ts";
import type { Trigger } from "../../../src/operators/trigger.ts";
import { asTrigger, evictors, triggers } from "../../../src/operators/triggers.ts";
import { type WindowDefinition, type WindowResult, windowOperator } from "../../../src/operators/window.ts";
import { countWindow } from "../../../src/time/count-windows.ts";
import { globalWindow } from "../../../src/time/global-window.ts";
import { session } from "../../../src/time/sessions.ts";
import { cumulative, sliding, tumbling, type WindowAssigner } from "../../../src/time/windows.ts";
import { type HarnessOptions, KeyedHarness } from "../../support/keyed-harness.ts";

const { afterCount, afterEndOfWindow, afterWatermark, inOrder, anyOf, repeatedly } = triggers;

/** Results as `value timing [start, end)`. */
function shown(harness: KeyedHarness): string[] {
  return harness.emitted().map((result) => {
    const { value, window, pane } = result as WindowResult<string, unknown>;
    return `${JSON.stringify(value)} ${pane?.timing ?? "only"} [${window.start}, ${window.end})`;
  });
}

function harnessOf(definition: WindowDefinition, options: HarnessOptions = {}): KeyedHarness {
  return new KeyedHarness(windowOperator(definition), { sides: [LATE_TAG], ...options });
}

const total = (): Aggregate<number, number, number> => sum((record: number) => record);

/** Changes its accumulator in place. */
const listInPlace: Aggregate<number, number[], number[]> = {
  create: () => [],
  add(accumulator, record) {
    accumulator.push(record);
    return accumulator;
  },
  merge(a, b) {
    a.push(...b);
    return a;
  },
  result: (accumulator) => [...accumulator],
};

describe("lateness", () => {
  const late = (harness: KeyedHarness) => harness.emitted(LATE_TAG);

  test.each([
    ["tumbling", tumbling(10), 9],
    ["sliding", sliding(10, 5), 14],
    ["cumulative", cumulative(10, 5), 9],
    ["sessions", session(10), 14],
  ] as const)(
    "a record of %s is late from the very watermark at which its last window goes",
    (_, assigner, end) => {
      for (const lateness of [0, 1, 20]) {
        const definition = {
          assigner: assigner as WindowAssigner,
          aggregate: total(),
          allowedLatenessMs: lateness,
        };
        const before = harnessOf(definition);
        before.advance(end + lateness - 1);
        before.records(["a", 1, 5]);
        expect(late(before)).toEqual([]);
        before.advance(MAX_WATERMARK);
        expect(before.emitted().length).toBeGreaterThan(0);
        const after = harnessOf(definition);
        after.advance(end + lateness);
        after.records(["a", 1, 5]);
        after.advance(MAX_WATERMARK);
        expect(late(after)).toEqual([1]);
        expect(after.emitted()).toEqual([]);
        after.commit();
        expect(after.backend.contents()).toEqual({});
      }
    },
  );

  test("a late record of cumulative windows is in those that still go on", () => {
    const harness = harnessOf({ assigner: cumulative(15, 5), aggregate: total() });
    harness.records(["a", 1, 1]);
    harness.advance(4);
    harness.records(["a", 10, 2]);
    harness.advance(9);
    harness.records(["a", 100, 3]);
    harness.commit();
    harness.crash();
    harness.advance(14);
    harness.records(["a", 1_000, 4]);
    expect(shown(harness)).toEqual(["1 only [0, 5)", "11 only [0, 10)", "111 only [0, 15)"]);
    expect(late(harness)).toEqual([1_000]);
  });

  test("within the lateness a window that has fired becomes part of a session that has not", () => {
    const harness = harnessOf({ assigner: session(10), aggregate: listInPlace, allowedLatenessMs: 100 });
    harness.records(["a", 1, 0], ["a", 2, 30]);
    harness.advance(12);
    harness.advance(35);
    harness.records(["a", 3, 10]); // [0, 20) has ended: fires at once
    harness.commit();
    harness.crash();
    harness.records(["a", 4, 20]); // [0, 40) has not
    harness.advance(39);
    expect(shown(harness)).toEqual(["[1] onTime [0, 10)", "[1,3] late [0, 20)", "[1,3,2,4] onTime [0, 40)"]);
    harness.advance(139);
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
  });
});

describe("merged sessions", () => {
  test.each([false, true])(
    "an accumulator that moves is not changed in storage; skipping records: %s",
    (skips) => {
      // The oldest part is empty, because it was purged: the accumulator of the other one takes its place.
      const trigger: Trigger<number> = {
        label: "purges tens, fails for negatives",
        clocks: [],
        onElement(record) {
          if (record < 0) throw new Error("no");
          return record === 10 ? "purge" : "continue";
        },
        onEventTime: (time, { window }) => (time === window.end - 1 ? "fire" : "continue"),
        onMerge() {},
      };
      const harness = harnessOf(
        { assigner: session(10), aggregate: listInPlace, trigger },
        { shares: true, onError: skips ? "skip" : "fail" },
      );
      harness.records(["a", 10, 0], ["a", 2, 20]);
      harness.commit();
      if (skips) harness.records(["a", -1, 10]);
      harness.records(["a", 3, 10], ["a", 4, 11]);
      harness.crash();
      if (skips) harness.records(["a", -1, 10]);
      harness.records(["a", 3, 10]);
      harness.advance(100);
      expect(shown(harness)).toEqual(["[2,3] only [0, 30)".replace("only", "onTime")]);
    },
  );

  test("a failing record leaves both windows, their timers and their trigger's state as they were", () => {
    let fails = true;
    const gap = session((record: number) => (record === 7 && fails ? 10 : 10));
    const harness = harnessOf(
      {
        assigner: gap as WindowAssigner,
        aggregate: {
          ...listInPlace,
          merge(a, b) {
            if (fails) throw new Error("no merging");
            return listInPlace.merge(a, b);
          },
        },
        trigger: triggers.continuousEventTime(50),
      },
      { onError: "skip" },
    );
    harness.records(["a", 1, 0], ["a", 2, 20]);
    harness.records(["a", 7, 10]);
    fails = false;
    harness.advance(60);
    expect(shown(harness)).toEqual(["[1] onTime [0, 10)", "[2] onTime [20, 30)"]);
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
  });
});

describe("composed conditions whose turn comes later", () => {
  const run = (trigger: Trigger, act: (harness: KeyedHarness) => void): string[] => {
    const harness = harnessOf({
      assigner: tumbling(10),
      aggregate: total(),
      trigger: trigger as never,
      allowedLatenessMs: 100,
    });
    harness.records(["a", 1, 1], ["a", 1, 2]);
    harness.commit();
    harness.crash();
    act(harness);
    harness.advance(MAX_WATERMARK);
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
    return shown(harness);
  };

  test("the end of the window comes although no record follows", () => {
    for (const last of [afterEndOfWindow(), afterWatermark(), anyOf(afterEndOfWindow(), afterCount(9))]) {
      const trigger = asTrigger(inOrder(afterCount(2), last));
      expect(run(trigger, (harness) => harness.advance(9))).toEqual(["2 early [0, 10)", "2 onTime [0, 10)"]);
    }
  });

  test("a session that was over at its end, and grows, is on time once more", () => {
    for (const condition of [afterWatermark(), inOrder(afterEndOfWindow()), afterEndOfWindow()]) {
      const harness = harnessOf({
        assigner: session(10),
        aggregate: total(),
        trigger: asTrigger(condition),
        allowedLatenessMs: 100,
      });
      harness.records(["a", 1, 0]);
      harness.advance(12);
      harness.commit();
      harness.crash();
      harness.records(["a", 2, 10]);
      harness.advance(MAX_WATERMARK);
      expect(shown(harness)).toEqual(["1 onTime [0, 10)", "2 onTime [0, 20)"]);
      harness.commit();
      expect(harness.backend.contents()).toEqual({});
    }
  });

  test("it does not come again when the window goes", () => {
    for (const last of [afterEndOfWindow(), afterWatermark()]) {
      const trigger = asTrigger(repeatedly(inOrder(afterCount(2), last)));
      const results = run(trigger, (harness) => {
        harness.advance(9);
        harness.advance(50);
      });
      expect(results).toEqual(["2 early [0, 10)", "2 onTime [0, 10)"]);
    }
    const repeated = asTrigger(repeatedly(afterWatermark()));
    expect(run(repeated, (harness) => harness.advance(50))).toEqual(["2 onTime [0, 10)"]);
  });
});

describe("continuous triggers", () => {
  test("a session fires at multiples of the interval, not where one of its parts would have ended", () => {
    const harness = harnessOf({
      assigner: session(10),
      aggregate: total(),
      trigger: triggers.continuousEventTime(20),
    });
    harness.records(["a", 1, 0], ["a", 1, 8], ["a", 1, 15]);
    for (let watermark = 1; watermark < 40; watermark++) harness.advance(watermark);
    expect(harness.outputs.get("")?.length).toBe(2);
    expect(shown(harness)).toEqual(["3 early [0, 25)", "3 onTime [0, 25)"]);
  });

  test("one result however many intervals pass at once, and what comes before the end is early", () => {
    const steps = (watermarks: number[]): string[] => {
      const harness = harnessOf({
        assigner: tumbling(100),
        aggregate: total(),
        trigger: triggers.continuousEventTime(10),
      });
      harness.records(["a", 1, 5]);
      for (const watermark of watermarks) harness.advance(watermark, 1);
      return shown(harness);
    };
    expect(steps([150])).toEqual(["1 early [0, 100)", "1 onTime [0, 100)"]);
    expect(steps([12, 99])).toEqual(["1 early [0, 100)", "1 early [0, 100)", "1 onTime [0, 100)"]);
  });

  test("a record behind the watermark waits for the next multiple", () => {
    const harness = harnessOf({
      assigner: tumbling(100),
      aggregate: total(),
      trigger: triggers.continuousEventTime(10),
    });
    harness.advance(55);
    harness.records(["a", 1, 5]);
    harness.advance(56);
    expect(shown(harness)).toEqual([]);
    harness.advance(60);
    expect(shown(harness)).toEqual(["1 early [0, 100)"]);
  });

  test.each(["purging", "discarding"])(
    "the global window of a key without records sets no timers, %s",
    (how) => {
      for (const inner of [triggers.continuousEventTime(10), triggers.continuousProcessingTime(10)]) {
        const harness = harnessOf(
          {
            assigner: globalWindow(),
            aggregate: total(),
            trigger: how === "purging" ? triggers.purging(inner) : inner,
            discarding: how === "discarding",
          },
          { clock: new ManualClock(0) },
        );
        harness.records(["a", 1, 5]);
        harness.advance(10);
        harness.advanceClock(10);
        expect(shown(harness)).toEqual(["1 early [-Infinity, Infinity)"]);
        harness.commit();
        expect(harness.backend.contents()).toEqual({});
        harness.records(["a", 2, 15]);
        harness.advance(20);
        harness.advanceClock(10);
        expect(harness.emitted()).toHaveLength(2);
      }
    },
  );
});

describe("processing time", () => {
  const assigners = [tumbling(10, { time: "processing" }), sliding(20, 10, { time: "processing" })] as const;

  test.each(assigners)("a clock that steps back opens no window again: $kind", (assigner) => {
    for (const trigger of [undefined, triggers.processingTime()]) {
      const harness = harnessOf({ assigner, aggregate: total(), trigger }, { clock: new ManualClock(1_000) });
      harness.records(["a", 1]);
      harness.advanceClock(10);
      harness.advanceClock(-8);
      harness.records(["a", 10]);
      harness.advanceClock(8);
      harness.advanceClock(30);
      const windows = harness.emitted().map((result) => (result as WindowResult<string, number>).window.end);
      expect(new Set(windows).size).toBe(windows.length);
      const shares = assigner.kind === "tumbling" ? 1 : 2;
      const values = harness.emitted().map((result) => (result as WindowResult<string, number>).value);
      expect(values.reduce((a, b) => a + b)).toBe(11 * shares);
      harness.commit();
      expect(harness.backend.contents()).toEqual({});
    }
  });

  test("what waits for the clock fires when the input ends, before its time", () => {
    for (const assigner of [...assigners, session(10, { time: "processing" })]) {
      const harness = harnessOf({ assigner, aggregate: total() }, { clock: new ManualClock(1_000) });
      harness.records(["a", 1], ["b", 2]);
      harness.commit();
      harness.crash();
      harness.advance(MAX_WATERMARK, 1);
      expect(harness.emitted().length).toBeGreaterThanOrEqual(2);
      harness.commit();
      expect(harness.backend.contents()).toEqual({});
    }
  });
});

describe("failing results", () => {
  const failing = (records: readonly number[]): number[] => {
    if (records.includes(13)) throw new Error("unlucky");
    return [...records];
  };

  test.each(["skip", "deadLetter"] as const)(
    "%s: a window whose result fails goes all the same",
    (onError) => {
      const definitions: WindowDefinition[] = [
        { assigner: tumbling(10), aggregate: { ...listInPlace, result: failing } },
        { assigner: sliding(20, 10), aggregate: { ...listInPlace, result: failing } },
        { assigner: session(10), aggregate: { ...listInPlace, result: failing } },
        { assigner: session(10), apply: (_key, _window, records) => [failing(records as number[])] },
        {
          assigner: sliding(20, 10),
          allowedLatenessMs: 5,
          apply: (_key, _window, records) => [failing(records as number[])],
          evictor: evictors.count(5, { when: "after" }),
        },
      ];
      for (const definition of definitions) {
        const harness = harnessOf(definition, { onError, cacheEntries: 1, startsFull: true });
        harness.records(["a", 13, 1], ["b", 1, 1]);
        harness.commit();
        harness.advance(50, 1);
        harness.commit();
        expect(harness.emitted().length).toBeGreaterThan(0);
        expect(harness.metrics.skipped + harness.metrics.deadLetters).toBeGreaterThan(0);
        expect(harness.backend.contents()).toEqual({});
      }
    },
  );

  test("a count window whose result fails does not count the record that completed it", () => {
    const harness = harnessOf(
      { assigner: countWindow(2, 1), aggregate: { ...listInPlace, result: failing } },
      { onError: "skip" },
    );
    harness.records(["a", 1, 1], ["a", 13, 2], ["a", 2, 3]);
    harness.commit();
    harness.crash();
    harness.records(["a", 3, 4]);
    expect(harness.emitted().map((result) => (result as WindowResult<string, number[]>).value)).toEqual([
      [1],
      [1, 2],
      [2, 3],
    ]);
  });
});

describe("the end of the input", () => {
  const assigners: [string, WindowAssigner][] = [
    ["tumbling", tumbling(10)],
    ["tumbling days in a zone", tumbling("1d", { timeZone: "Europe/Berlin" })],
    ["sliding", sliding(10, 3)],
    ["cumulative", cumulative(15, 5)],
    ["session", session(10)],
    ["tumbling on the clock", tumbling(10, { time: "processing" })],
    ["session on the clock", session(10, { time: "processing" })],
  ];

  test.each(assigners)("%s leave neither state nor timers", (_, assigner) => {
    const inEventTime = assigner.time === "event";
    const chosen: (Trigger | undefined)[] = [
      undefined,
      triggers.count(3),
      triggers.purging(triggers.count(3)),
      triggers.continuousProcessingTime(7),
    ];
    if (inEventTime)
      chosen.push(
        triggers.continuousEventTime(7),
        asTrigger(afterWatermark({ early: triggers.afterProcessingTime(5), late: afterCount(2) })),
        asTrigger(inOrder(afterCount(1), triggers.afterProcessingTime(1_000), afterEndOfWindow())),
      );
    for (const trigger of chosen)
      for (const lateness of inEventTime ? [0, 4] : [0])
        for (const folding of [
          { aggregate: count() },
          { apply: () => [1] },
          { apply: () => [1], evictor: evictors.time(3, { when: "after" }) },
        ]) {
          const harness = harnessOf(
            { assigner, trigger: trigger as never, allowedLatenessMs: lateness, ...folding },
            { cacheEntries: 1, clock: new ManualClock(1_000) },
          );
          harness.records(["a", 1, 3], ["b", 2, 12], ["a", 3, 14], ["a", 4, 8]);
          harness.commit();
          harness.crash();
          harness.advanceClock(6);
          harness.advance(13);
          harness.records(["a", 5, 12], ["b", 6, 40]);
          harness.commit();
          harness.advance(MAX_WATERMARK, 1);
          harness.commit();
          expect(harness.backend.contents()).toEqual({});
          expect(harness.backend.timers("op").flatMap(([, timers]) => timers)).toEqual([]);
        }
  });

  test("the global window is emptied by what ends with the input", () => {
    for (const trigger of [
      triggers.eventTime(),
      triggers.continuousEventTime(10),
      asTrigger(afterWatermark()),
    ]) {
      const harness = harnessOf({ assigner: globalWindow(), aggregate: collectList<number>(), trigger });
      harness.records(["a", 1, 3], ["b", 2, 4]);
      harness.commit();
      harness.crash();
      harness.advance(MAX_WATERMARK);
      harness.commit();
      expect(harness.emitted().length).toBeGreaterThanOrEqual(2);
      expect(harness.backend.contents()).toEqual({});
    }
  });
});
