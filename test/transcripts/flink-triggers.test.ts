// The published expectations of Apache Flink's tests of single triggers.
import { describe, expect, test } from "vitest";
import { MIN_WATERMARK } from "../../src/core/batch.ts";
import type { Trigger, TriggerContext, TriggerResult } from "../../src/operators/trigger.ts";
import { triggers } from "../../src/operators/triggers.ts";
import {
  type Bounds,
  flinkTriggerTranscripts,
  type TriggerTranscript,
  type Waiting,
} from "./flink-trigger-transcripts.ts";

/** Windows with one trigger: what it remembers and waits for in each. */
class TriggerRun {
  readonly #trigger: TriggerTranscript["trigger"];
  readonly #states = new Map<string, unknown>();
  /** `kind time window`. */
  readonly timers = new Set<string>();
  watermark = MIN_WATERMARK;
  nowMs = MIN_WATERMARK;

  constructor(trigger: TriggerTranscript["trigger"]) {
    this.#trigger = trigger;
  }

  get remembers(): string[] {
    return [...this.#states].filter(([, state]) => state !== undefined).map(([window]) => window);
  }

  #act<R>(bounds: Bounds, act: (context: TriggerContext<unknown>) => R): R {
    const at = String(bounds);
    const context: TriggerContext<unknown> = {
      window: { start: bounds[0], end: bounds[1] },
      timestamp: undefined,
      watermark: this.watermark,
      nowMs: this.nowMs,
      state: this.#states.get(at),
      timers: {
        event: (time) => void this.timers.add(`event ${time} ${at}`),
        deleteEvent: (time) => void this.timers.delete(`event ${time} ${at}`),
        processing: (time) => void this.timers.add(`processing ${time} ${at}`),
        deleteProcessing: (time) => void this.timers.delete(`processing ${time} ${at}`),
      },
    };
    const result = act(context);
    this.#states.set(at, context.state);
    return result;
  }

  add(window: Bounds): TriggerResult {
    return this.#act(window, (context) => this.#trigger.onElement(1 as never, context));
  }

  onTime(kind: "event" | "processing", time: number, window: Bounds): TriggerResult {
    const { onEventTime, onProcessingTime } = this.#trigger;
    const method = kind === "event" ? onEventTime : onProcessingTime;
    return this.#act(window, (context) => method?.call(this.#trigger, time, context)) ?? "continue";
  }

  /** @returns what was said other than to go on, by window, in the order of time */
  advance(kind: "event" | "processing", to: number): [TriggerResult, string][] {
    if (kind === "event") this.watermark = to;
    else this.nowMs = to;
    const said: [TriggerResult, string][] = [];
    for (;;) {
      const due = [...this.timers]
        .map((timer) => timer.split(" ") as [string, string, string])
        .filter(([of, time]) => of === kind && Number(time) <= to)
        .sort(([, x], [, y]) => Number(x) - Number(y))[0];
      if (due === undefined) return said;
      this.timers.delete(due.join(" "));
      const result = this.onTime(kind, Number(due[1]), due[2].split(",").map(Number) as never);
      if (result !== "continue") said.push([result, due[2]]);
    }
  }

  clear(window: Bounds): void {
    this.#act(window, (context) => this.#trigger.clear?.(context));
    this.#states.delete(String(window));
  }

  merge(parts: readonly Bounds[], into: Bounds): void {
    const states = parts.map((part) => this.#states.get(String(part)));
    for (const part of parts) this.clear(part);
    this.#act(into, (context) => this.#trigger.onMerge?.(states, context));
  }

  waiting(kind: "event" | "processing"): Map<string, number> {
    const waiting = new Map<string, number>();
    for (const timer of this.timers) {
      const [of, , window = ""] = timer.split(" ");
      if (of === kind) waiting.set(window, (waiting.get(window) ?? 0) + 1);
    }
    return waiting;
  }
}

const byWindow = (waiting: Waiting = []): Map<string, number> =>
  new Map(waiting.map(([window, timers]) => [String(window), timers]));

function run({ trigger, steps }: TriggerTranscript): void {
  expect(trigger.onMerge).toBeDefined();
  const all = new TriggerRun(trigger);
  for (const step of steps) {
    if ("add" in step) {
      for (const window of step.add) expect(all.add(window)).toBe(step.says);
    } else if ("fires" in step) {
      const said =
        "clock" in step ? all.advance("processing", step.clock) : all.advance("event", step.watermark);
      expect(said).toEqual(step.fires.map((window) => ["fire", String(window)]));
    } else if ("goes" in step) expect(all.onTime("event", step.at, step.goes)).toBe(step.says);
    else if ("clear" in step) all.clear(step.clear);
    else if ("merge" in step) all.merge(step.merge, step.into);
    else {
      expect(all.remembers.sort()).toEqual(step.remembers.map(String).sort());
      expect(all.waiting("event")).toEqual(byWindow(step.event));
      expect(all.waiting("processing")).toEqual(byWindow(step.processing));
    }
  }
}

describe("Flink's tests of single triggers", () => {
  test.each(flinkTriggerTranscripts)("$name", run);
});

describe("Flink's PurgingTriggerTest", () => {
  const window: Bounds = [0, 2];
  const answers: readonly (readonly [inner: TriggerResult, purging: TriggerResult])[] = [
    ["continue", "continue"],
    ["fire", "fireAndPurge"],
    ["fireAndPurge", "fireAndPurge"],
    ["purge", "purge"],
  ];

  test("testForwarding: firing purges too, the rest is as the inner trigger has it", () => {
    let says: TriggerResult = "continue";
    let sets: readonly ("event" | "processing")[] = [];
    const called: string[] = [];
    const inner: Trigger<number, number> = {
      label: "scripted",
      clocks: ["event", "processing"],
      onElement(_record, { timers }) {
        for (const kind of sets) for (const time of [1, 2, 3, 4]) timers[kind](time);
        return says;
      },
      onEventTime: () => says,
      onProcessingTime: () => says,
      onMerge: () => void called.push("merge"),
      clear: ({ window: { start, end } }) => void called.push(`clear ${start},${end}`),
    };
    const all = new TriggerRun(triggers.purging(inner as Trigger<unknown>));
    for (const [given, expected] of answers) {
      says = given;
      expect(all.add(window)).toBe(expected);
    }
    for (const kind of ["event", "processing"] as const) {
      says = "continue";
      sets = [kind];
      all.add(window);
      expect(all.waiting(kind)).toEqual(byWindow([[window, 4]]));
      answers.forEach(([given, expected], i) => {
        says = given;
        expect(all.advance(kind, i + 1).map(([result]) => result)).toEqual(
          expected === "continue" ? [] : [expected],
        );
      });
      expect(all.timers.size).toBe(0);
    }
    all.merge([[0, 1]], window);
    all.clear(window);
    expect(called).toEqual(["clear 0,1", "merge", "clear 0,2"]);
  });

  test("testAllMethodsImplemented: nothing that the inner trigger has is missing, and nothing else is there", () => {
    const methods = ["onElement", "onEventTime", "onProcessingTime", "onMerge", "onPurge", "clear"];
    const whole = Object.fromEntries(methods.map((name) => [name, () => "continue"]));
    const of = (inner: object): string[] =>
      Object.keys(triggers.purging({ label: "inner", clocks: [], ...inner } as unknown as Trigger<unknown>));
    expect(of(whole)).toEqual(expect.arrayContaining(methods));
    expect(of({ onElement: () => "continue" }).filter((name) => methods.includes(name))).toEqual([
      "onElement",
    ]);
  });
});
