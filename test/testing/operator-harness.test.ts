import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Stream } from "../../src/dataflow/stream.ts";
import {
  count,
  emits,
  migrations,
  sideTag,
  sliding,
  tumbling,
  UserFunctionError,
  value,
} from "../../src/index.ts";
import {
  HarnessBuildError,
  HarnessEndedError,
  type HarnessSnapshot,
  HarnessSnapshotError,
  type OperatorHarness,
  operatorHarness,
} from "../../src/testing/index.ts";
import { WatermarkRegressionError } from "../../src/time/watermarks.ts";

interface Click {
  readonly user: string;
  readonly at: number;
}

const RUNS = 50;
const big = sideTag<Click>("big");

function windows(
  settings: { restore?: HarnessSnapshot; cacheEntries?: number } = {},
): OperatorHarness<Click, unknown> {
  return operatorHarness({
    key: (click: Click) => click.user,
    timestamp: (click) => click.at,
    ...settings,
    build: (clicks) => clicks.window(sliding(10, 5)).aggregate("clicks", count()),
  });
}

const values = (harness: OperatorHarness<Click, unknown>): unknown[] =>
  harness.takeOutput().map((one) => one.value);

describe("operatorHarness", () => {
  test("gives out what the operator emits, with event time, and takes it away", () => {
    const harness = windows();
    harness.pushAll([
      { user: "ada", at: 1 },
      { user: "ada", at: 7 },
    ]);
    expect(harness.takeOutput()).toEqual([]);
    harness.watermark(9);
    expect(harness.takeOutput()).toEqual([
      { value: { key: "ada", value: 1, window: { start: -5, end: 5 } }, timestamp: 4 },
      { value: { key: "ada", value: 2, window: { start: 0, end: 10 } }, timestamp: 9 },
    ]);
    expect(harness.takeOutput()).toEqual([]);
    harness.push({ user: "ada", at: 2 });
    expect(harness.late()).toEqual([{ value: { user: "ada", at: 2 }, timestamp: 2 }]);
    expect(harness.metrics["clicks"]).toMatchObject({ recordsIn: 3, recordsOut: 2, late: 1 });
    expect(harness.state.timers).toBe(1);
    harness.end();
    expect(harness.takeOutput()).toHaveLength(1);
    expect(harness.state).toEqual({ entries: 0, timers: 0 });
    expect(() => harness.push({ user: "ada", at: 20 })).toThrow(HarnessEndedError);
  });

  test("a snapshot at any point, as JSON, and any size of the cache change nothing", () => {
    const step = fc.oneof(
      fc.record({ user: fc.constantFrom("ada", "bob", "cy"), at: fc.integer({ min: 0, max: 40 }) }),
      fc.integer({ min: 0, max: 12 }),
    );
    fc.assert(
      fc.property(fc.array(step), fc.nat(), fc.constantFrom(1, 2, 1_000), (steps, cut, cacheEntries) => {
        const whole = windows();
        let parted = windows({ cacheEntries });
        const seen: unknown[] = [];
        let watermark = 0;
        for (const [i, each] of steps.entries()) {
          for (const harness of [whole, parted])
            if (typeof each === "object") harness.push(each);
            else harness.watermark(watermark + each);
          if (typeof each === "number") watermark += each;
          if (i !== cut % steps.length) continue;
          seen.push(...values(parted));
          parted = windows({ cacheEntries, restore: JSON.parse(JSON.stringify(parted.snapshot())) });
        }
        whole.end();
        parted.end();
        expect([...seen, ...values(parted)]).toEqual(values(whole));
      }),
      { numRuns: RUNS },
    );
  });

  test("fires processing-time timers when its clock is moved, chains of them too, also after a restart", () => {
    const harness = operatorHarness({
      key: (n: number) => n,
      startMs: 1_000,
      build: (numbers) =>
        numbers.process("tick", {
          emits: emits<string>(),
          onRecord: (n, context) => context.timers.processing(context.nowMs + n),
          onTimer: ({ time }, context) => {
            context.emit(`${context.key} at ${time}`);
            if (time < 1_200) context.timers.processing(time + 100);
          },
        }),
    });
    harness.push(50);
    harness.restart();
    harness.clock.advance("49ms");
    expect([harness.takeOutput(), harness.state.timers]).toEqual([[], 1]);
    harness.clock.advance("1s");
    expect(harness.takeOutput().map((one) => one.value)).toEqual(["50 at 1050", "50 at 1150", "50 at 1250"]);
    expect(harness.clock.nowMs()).toBe(2_049);
  });

  test("a call that throws counts for nothing", () => {
    const harness = operatorHarness({
      key: () => "all",
      build: (numbers) =>
        numbers.process("sum", {
          state: { sum: value<number>() },
          emits: emits<number>(),
          onRecord(n: number, context) {
            context.state.sum.set((context.state.sum.get() ?? 0) + n);
            context.emit(context.state.sum.get() as number);
            if (n === 13) throw new Error("unlucky");
          },
        }),
    });
    harness.push(1);
    expect(() => harness.pushAll([2, 13, 3])).toThrow(UserFunctionError);
    harness.push(4);
    expect(harness.takeOutput().map((one) => one.value)).toEqual([1, 5]);
  });

  test("keeps side outputs and dead letters, whoever reads them", () => {
    const harness = operatorHarness({
      build: (clicks: Stream<Click>) =>
        clicks.map(
          "check",
          (click, context) => {
            if (click.at < 0) throw new Error("before time");
            if (click.at > 100) context.side(big, click);
            return click.user;
          },
          { onError: "deadLetter" },
        ),
    });
    harness.pushAll([
      { user: "ada", at: 1 },
      { user: "bob", at: 101 },
      { user: "cy", at: -1 },
    ]);
    expect(harness.takeOutput().map((one) => one.value)).toEqual(["ada", "bob"]);
    expect(harness.take(big).map((one) => one.value)).toEqual([{ user: "bob", at: 101 }]);
    expect(harness.deadLetters()).toMatchObject([{ operator: "check", error: { message: "before time" } }]);
  });

  test("two inputs: the watermark is the smaller one of both", () => {
    const harness = operatorHarness({
      key: (click: Click) => click.user,
      build: (clicks, names: Stream<{ user: string; name: string }>) =>
        clicks.connect(names.keyBy((name) => name.user)).process("named", {
          state: { name: value<string>() },
          emits: emits<string>(),
          onFirst: (click, context) => context.timers.event(click.at),
          onSecond: ({ name }, context) => context.state.name.set(name),
          onTimer: ({ time }, context) => context.emit(`${context.state.name.get()} at ${time}`),
        }),
    });
    harness.push({ user: "a", at: 5 }, 5);
    harness.pushTo(1, { user: "a", name: "Ada" }, 1);
    harness.watermark(9, 0);
    expect(harness.takeOutput()).toEqual([]);
    harness.watermark(7, 1);
    expect(harness.takeOutput()).toEqual([{ value: "Ada at 5", timestamp: 5 }]);
    expect(() => harness.watermark(6, 1)).toThrow(WatermarkRegressionError);
    harness.watermark(8, 1);
    expect(() => windows().pushTo(1, undefined as never)).toThrow(/below 1/);
  });

  test("a newer version of the operator reads a snapshot of an older one", () => {
    const snapshot = ((): HarnessSnapshot => {
      const harness = operatorHarness({
        key: (click: Click) => click.user,
        build: (clicks) =>
          clicks.process("last", {
            state: { last: value<number>() },
            emits: emits<string>(),
            onRecord: (click, context) => context.state.last.set(click.at),
          }),
      });
      harness.push({ user: "ada", at: 7 });
      return harness.snapshot();
    })();
    const newer = operatorHarness({
      key: (click: Click) => click.user,
      restore: snapshot,
      build: (clicks) =>
        clicks.process("last", {
          state: {
            last: value({ migrate: migrations<number>().to((at) => ({ at })) }),
          },
          emits: emits<string>(),
          onRecord: (_click, context) => context.emit(JSON.stringify(context.state.last.get())),
        }),
    });
    newer.push({ user: "ada", at: 8 });
    expect(newer.takeOutput().map((one) => one.value)).toEqual(['{"at":7}']);
  });

  test("refuses what is more than one operator, what waits, and what it cannot restore", () => {
    const twice = (clicks: Stream<Click>) =>
      clicks
        .keyBy((click) => click.user)
        .window(tumbling(10))
        .aggregate("first", count())
        .keyBy((result) => result.value)
        .aggregate("second", count());
    expect(() => operatorHarness({ build: twice })).toThrow(/2 stages \("first", then "second"\)/);
    expect(() =>
      operatorHarness({ build: (clicks: Stream<Click>) => clicks.asyncMap("ask", async () => 1) }),
    ).toThrow(/"ask".* waits for requests/);
    expect(() => operatorHarness({ build: () => undefined as never })).toThrow(HarnessBuildError);
    expect(() => operatorHarness({ build: twice, cache: 1 } as never)).toThrow(/no option "cache"/);
    expect(() => operatorHarness({} as never)).toThrow(/"build"/);
    const snapshot = windows().snapshot();
    expect(() => windows({ restore: { ...snapshot, format: 2 } as never })).toThrow(HarnessSnapshotError);
    expect(() => windows({ restore: { ...snapshot, watermarks: [] } })).toThrow(/0 inputs, but there are 1/);
    const group = { operator: "other", keyGroup: 0, scalars: {}, maps: {}, lists: {}, timers: [] };
    expect(() => windows({ restore: { ...snapshot, groups: [group] } })).toThrow(/state of "other"/);
  });
});
