import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { count } from "../../src/operators/aggregates.ts";
import type { Trigger } from "../../src/operators/trigger.ts";
import { triggers } from "../../src/operators/triggers.ts";
import { type OperatorHarness, operatorHarness } from "../../src/testing/index.ts";
import { globalWindow } from "../../src/time/global-window.ts";
import { session } from "../../src/time/sessions.ts";
import { tumbling } from "../../src/time/windows.ts";

const RUNS = 150;

interface Item {
  readonly key: string;
}

type Harness = OperatorHarness<Item, string>;

const global = (trigger: Trigger<unknown>, cacheEntries?: number): Harness =>
  operatorHarness({
    key: (item: Item) => item.key,
    cacheEntries,
    build: (items) =>
      items
        .window(globalWindow())
        .trigger(trigger)
        .aggregate("counts", count())
        .map("text", ({ key, value }) => `${key}${value}`),
  });

const taken = (harness: Harness): string[] => harness.takeOutput().map(({ value }) => value);
const NOTHING = { entries: 0, timers: 0 };

describe("triggers.timeout", () => {
  test("a key that falls silent emits what it holds, once, and leaves nothing behind", () => {
    const harness = global(triggers.timeout(triggers.purging(triggers.count(3)), "10s"));
    for (const key of ["a", "a", "b"]) harness.push({ key });
    harness.clock.advance("6s");
    harness.push({ key: "a" });
    expect(taken(harness)).toEqual(["a3"]);
    harness.push({ key: "a" });
    harness.clock.advance("4s");
    expect(taken(harness)).toEqual(["b1"]);
    harness.restart();
    harness.clock.advance("6s");
    expect(taken(harness)).toEqual(["a1"]);
    expect(harness.state).toEqual(NOTHING);
    harness.push({ key: "a" });
    harness.clock.advance("1h");
    expect(taken(harness)).toEqual(["a1"]);
    // What has emitted all that it held waits for nothing.
    for (let i = 0; i < 3; i++) harness.push({ key: "a" });
    expect([taken(harness), harness.state]).toEqual([["a3"], NOTHING]);
  });

  test("without a result what is left is forgotten", () => {
    const harness = global(triggers.timeout(triggers.count(2), "10s", { emit: false }));
    for (let i = 0; i < 3; i++) harness.push({ key: "a" });
    harness.clock.advance("10s");
    harness.push({ key: "a" });
    harness.push({ key: "a" });
    expect(taken(harness)).toEqual(["a2", "a2"]);
    harness.clock.advance("10s");
    expect(harness.state).toEqual(NOTHING);
  });

  test("in event time it counts from the newest record, and the end of the input emits the rest", () => {
    const harness = global(triggers.timeout(triggers.count(100), 10, { time: "event" }));
    for (const at of [100, 108, 103]) harness.push({ key: "a" }, at);
    harness.push({ key: "b" }, 130);
    harness.watermark(117);
    expect(taken(harness)).toEqual([]);
    harness.watermark(118);
    expect(taken(harness)).toEqual(["a3"]);
    harness.end();
    expect(taken(harness)).toEqual(["b1"]);
    expect(harness.state).toEqual(NOTHING);
  });

  test("a condition that is over is forgotten with its window, and begins again", () => {
    const harness = global(triggers.timeout(triggers.afterCount(2), "10s"));
    for (let i = 0; i < 4; i++) harness.push({ key: "a" });
    expect(taken(harness)).toEqual(["a2"]);
    harness.clock.advance("10s");
    taken(harness);
    expect(harness.state).toEqual(NOTHING);
    for (let i = 0; i < 2; i++) harness.push({ key: "a" });
    expect(taken(harness)).toEqual(["a2"]);
  });

  test("the trigger may wait for the same moments", () => {
    const harness = global(triggers.timeout(triggers.repeatedly(triggers.afterProcessingTime("10s")), "10s"));
    harness.push({ key: "a" });
    harness.clock.advance("10s");
    expect(taken(harness)).toEqual(["a1"]);
    expect(harness.state).toEqual(NOTHING);
    harness.push({ key: "a" });
    harness.clock.advance("5s");
    harness.push({ key: "a" });
    harness.clock.advance("5s");
    expect(taken(harness)).toEqual(["a2"]);
    harness.clock.advance("5s");
    expect(taken(harness)).toEqual(["a2"]);
    expect(harness.state).toEqual(NOTHING);
  });

  test("windows that end keep their end; sessions merge with it", () => {
    const windows = operatorHarness({
      key: (item: Item) => item.key,
      build: (items) =>
        items
          .window(tumbling(100))
          .trigger(triggers.timeout(triggers.eventTime(), "10s"))
          .aggregate("counts", count())
          .map("text", ({ value, window }) => `${window.end}: ${value}`),
    });
    windows.push({ key: "a" }, 5);
    windows.push({ key: "a" }, 105);
    windows.watermark(99);
    expect(windows.takeOutput().map(({ value }) => value)).toEqual(["100: 1"]);
    windows.clock.advance("10s");
    expect(windows.takeOutput().map(({ value }) => value)).toEqual(["200: 1"]);
    windows.watermark(199);
    expect([windows.takeOutput(), windows.state]).toEqual([[], NOTHING]);

    const sessions = operatorHarness({
      key: (item: Item) => item.key,
      build: (items) =>
        items
          .window(session(10))
          .trigger(triggers.timeout(triggers.eventTime(), "10s"))
          .aggregate("counts", count())
          .map("text", ({ value }) => value),
    });
    sessions.push({ key: "a" }, 0);
    sessions.clock.advance("6s");
    sessions.push({ key: "a" }, 15);
    sessions.push({ key: "a" }, 8);
    sessions.clock.advance("9s");
    expect(sessions.takeOutput()).toEqual([]);
    sessions.clock.advance("1s");
    expect(sessions.takeOutput().map(({ value }) => value)).toEqual([3]);
    sessions.end();
    expect([sessions.takeOutput(), sessions.state]).toEqual([[], NOTHING]);
  });

  test("W13 every record is in one result, at most n in each, none later than the timeout after its key's last", () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ key: fc.constantFrom("a", "b", "c") }),
        fc.record({ byMs: fc.integer({ min: 1, max: 12 }) }),
        fc.constant("restart" as const),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, fc.constantFrom(1, 100), fc.integer({ min: 1, max: 4 }), (all, cacheEntries, n) => {
        const harness = global(triggers.timeout(triggers.purging(triggers.count(n)), 10), cacheEntries);
        const held = new Map<string, { count: number; silentMs: number }>();
        const expected: string[] = [];
        for (const step of all) {
          if (step === "restart") harness.restart();
          else if ("key" in step) {
            harness.push(step);
            const before = held.get(step.key)?.count ?? 0;
            held.set(step.key, { count: before + 1, silentMs: 0 });
            if (before + 1 === n) {
              expected.push(`${step.key}${n}`);
              held.delete(step.key);
            }
          } else {
            harness.clock.advance(step.byMs);
            for (const [key, one] of held) {
              one.silentMs += step.byMs;
              if (one.silentMs < 10) continue;
              expected.push(`${key}${one.count}`);
              held.delete(key);
            }
          }
          expect(taken(harness).sort()).toEqual(expected.splice(0).sort());
        }
        harness.clock.advance(10);
        expect(taken(harness)).toHaveLength(held.size);
        expect(harness.state).toEqual(NOTHING);
      }),
      { numRuns: RUNS },
    );
  });

  test("wrong options are refused with a sentence", () => {
    // biome-ignore lint/suspicious/noExplicitAny: users of JavaScript make such calls
    const timeout = triggers.timeout as any;
    expect(() => timeout(triggers.count(1), 0)).toThrow("longer than zero");
    expect(() => timeout(triggers.count(1), "1s", { time: "wall" })).toThrow('"processing" or "event"');
    expect(() => timeout(triggers.count(1), "1s", { emit: 1 })).toThrow("true or false");
    expect(() => timeout(triggers.count(1), "1s", { emits: true })).toThrow("emits");
  });
});
