// The published contract of Apache Flink's window operator, for every way of folding: what is held is the same for all.
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../src/core/clock.ts";
import { collectList, sum } from "../../src/operators/aggregates.ts";
import { LATE_TAG } from "../../src/operators/event-time.ts";
import { sideTag } from "../../src/operators/side-tag.ts";
import type { Trigger, TriggerContext, TriggerResult } from "../../src/operators/trigger.ts";
import { evictors } from "../../src/operators/triggers.ts";
import type { OpenWindow } from "../../src/operators/window/open-window.ts";
import {
  type WindowDefinition,
  type WindowFunctionContext,
  type WindowResult,
  windowOperator,
} from "../../src/operators/window.ts";
import { decodeTimer } from "../../src/time/timer-member.ts";
import type { Window } from "../../src/time/window.ts";
import { sliding, tumbling } from "../../src/time/windows.ts";
import { KeyedHarness } from "../support/keyed-harness.ts";
import { contractIn } from "./flink-window-contract.ts";
import { contractOnce } from "./flink-window-contract-once.ts";
import type { Answer, ContractCase, Expectation, Script } from "./window-contract.ts";

type Domain = "event" | "processing";

/** Does what the script says, and remembers who asked. */
class ScriptedTrigger implements Trigger<number, string> {
  readonly label = "scripted";
  readonly clocks = ["event", "processing"] as const;
  script: Script = {};
  readonly records: string[] = [];
  asked: string[] = [];
  cleared = 0;
  readonly merged: string[] = [];
  readonly #domain: Domain;

  constructor(domain: Domain) {
    this.#domain = domain;
  }

  #answer(answer: Answer, context: TriggerContext<string>): TriggerResult {
    const { timers, window } = context;
    const [set, remove] =
      this.#domain === "event"
        ? [timers.event, timers.deleteEvent]
        : [timers.processing, timers.deleteProcessing];
    for (const time of answer.sets ?? []) set(time === "end" ? window.end : time);
    for (const time of answer.deletes ?? []) remove(time);
    if (answer.remembers !== undefined) context.state = answer.remembers;
    if (answer.forgets) context.state = undefined;
    return answer.says ?? "continue";
  }

  onElement(record: number, context: TriggerContext<string>): TriggerResult {
    this.records.push(`${record} ${context.timestamp} ${bounds(context.window)}`);
    return this.#answer(this.script.onElement ?? {}, context);
  }

  #onTime(time: number, context: TriggerContext<string>): TriggerResult {
    this.asked.push(`${time} ${bounds(context.window)}`);
    const { onTime = {} } = this.script;
    return onTime.at === undefined || onTime.at === time ? this.#answer(onTime, context) : "continue";
  }

  onEventTime(time: number, context: TriggerContext<string>): TriggerResult {
    return this.#onTime(time, context);
  }

  onProcessingTime(time: number, context: TriggerContext<string>): TriggerResult {
    return this.#onTime(time, context);
  }

  onMerge(_states: readonly unknown[], context: TriggerContext<string>): void {
    this.merged.push(bounds(context.window));
    this.#answer(this.script.onMerge ?? {}, context);
  }

  clear(context: TriggerContext<string>): void {
    this.cleared++;
    this.#answer(this.script.clear ?? {}, context);
  }
}

const bounds = ({ start, end }: Window): string => `${start},${end}`;

const foldings = ["list", "sum", "apply", "apply with an evictor"] as const;

function definitionOf(folding: (typeof foldings)[number]): object {
  if (folding === "list") return { aggregate: collectList<number>() };
  if (folding === "sum") return { aggregate: sum((value: number) => value) };
  return {
    apply: (key: unknown, window: Window, values: readonly number[]) => [{ key, window, value: [...values] }],
    ...(folding !== "apply" && { evictor: evictors.count(100) }),
  };
}

/** What is stored, in windows. */
function held(harness: KeyedHarness): Required<Pick<Expectation, "contents" | "remembered" | "open">> {
  const stored = Object.entries(harness.backend.contents());
  const of = (state: string): unknown[] =>
    stored.filter(([address]) => address.split("/")[2] === state).map(([, value]) => value);
  const inMaps = (state: string): unknown[] =>
    of(state).flatMap((one) => [...(one as Map<unknown, unknown>).values()]);
  const open = inMaps("windows") as OpenWindow[];
  const records = of("records").flat() as { timestamp: number }[];
  // Windows of the tests overlap only where each holds the same records: the one that was opened by a record has it.
  const filled = open.filter(({ start, end }) =>
    records.some(({ timestamp }) => timestamp >= start && timestamp < end),
  );
  return {
    contents: inMaps("accumulators").length + filled.length,
    remembered: open.filter(({ state }) => state !== undefined).length,
    open: open.length,
  };
}

function run(given: ContractCase, folding: (typeof foldings)[number]): void {
  const { assigner, allowedLatenessMs } = given;
  const domain = assigner.time === "processing" ? "processing" : "event";
  const trigger = new ScriptedTrigger(domain);
  const definition: object = { assigner, allowedLatenessMs, trigger, ...definitionOf(folding) };
  const harness = new KeyedHarness(windowOperator(definition as WindowDefinition), {
    sides: [LATE_TAG],
    clock: new ManualClock(0),
  });
  let seen = 0;
  for (const step of given.steps) {
    if ("trigger" in step) trigger.script = step.trigger;
    else if ("record" in step) {
      const [key, value, timestamp] = step.record;
      if (domain === "processing") harness.advanceClock(timestamp - harness.clock.nowMs());
      harness.records([key, value, timestamp]);
    } else if ("advance" in step) {
      if (domain === "processing") harness.advanceClock(step.advance - harness.clock.nowMs());
      else harness.advance(step.advance);
    } else if ("restart" in step) {
      harness.commit();
      harness.crash();
    } else {
      harness.commit();
      const { results, asked, timers, merged, cleared, ...kept } = step.expect;
      const emitted = (harness.outputs.get("") ?? []).slice(seen);
      seen += emitted.length;
      if (results !== undefined) {
        const actual = emitted.map(({ value, timestamp }) =>
          shown(value as WindowResult<string, unknown>, timestamp),
        );
        const expected = results.map(([key, values, [start, end]]) =>
          JSON.stringify([
            key,
            folding === "sum" ? values.reduce((all, one) => all + one, 0) : values,
            `${start},${end}`,
            end - 1,
          ]),
        );
        expect(actual.sort()).toEqual(expected.sort());
      }
      if (asked !== undefined)
        expect(trigger.asked.sort()).toEqual(asked.map(([time, window]) => `${time} ${window}`).sort());
      trigger.asked = [];
      expect(held(harness)).toMatchObject(kept);
      const kinds = timersOf(harness);
      if (timers !== undefined) expect(kinds.filter((kind) => kind === domain)).toHaveLength(timers);
      expect(kinds.filter((kind) => kind !== domain)).toEqual([]);
      if (cleared !== undefined) expect(trigger.cleared).toBe(cleared);
      if (merged !== undefined) expect(trigger.merged).toEqual(merged.map(String));
    }
  }
  const late = (harness.outputs.get(LATE_TAG) ?? []).map(({ value, timestamp }) => [value, timestamp]);
  if (given.late !== undefined) expect(late).toEqual(given.late);
}

const shown = (
  { key, value, window }: WindowResult<string, unknown>,
  timestamp: number | undefined,
): string => JSON.stringify([key, value, bounds(window), timestamp]);

const timersOf = (harness: KeyedHarness): string[] =>
  harness.backend.timers("op").flatMap(([, timers]) => timers.map(({ member }) => decodeTimer(member).kind));

for (const folding of foldings)
  describe(`Flink's contract of the window operator, ${folding}`, () => {
    test.each(contractIn("event"))("$name", (given) => run(given, folding));
    test.each(contractIn("processing"))("$name", (given) => run(given, folding));
    test.each(contractOnce)("$name", (given) => run(given, folding));
  });

describe("Flink's contract of the window operator, calls", () => {
  const harnessOf = (definition: object, sides: readonly string[] = []): KeyedHarness =>
    new KeyedHarness(windowOperator(definition as WindowDefinition), { clock: new ManualClock(0), sides });

  test("testOnElementCalledPerWindow", () => {
    const trigger = new ScriptedTrigger("event");
    const harness = harnessOf({ assigner: sliding(4, 2), trigger, ...definitionOf("list") });
    harness.records(["a", 42, 1]);
    expect(trigger.records.sort()).toEqual(["42 1 -2,2", "42 1 0,4"]);
  });

  test.each(["event", "processing"] as const)(
    "testEmittingFromWindowFunction, testEmittingFromWindowFunctionOn...Time: %s",
    (time) => {
      for (const onElement of [true, false]) {
        const trigger = new ScriptedTrigger(time);
        const harness = harnessOf({
          assigner: tumbling(4, { time }),
          trigger,
          apply: (_key: unknown, _window: Window, values: readonly number[]) => [
            `${values} hallo`,
            `${values} ciao`,
          ],
        });
        trigger.script = {
          onElement: onElement ? { says: "fire" } : { sets: [1] },
          onTime: { says: "fire", at: 1 },
        };
        harness.records(["a", 0, 0]);
        if (!onElement) {
          expect(harness.emitted()).toEqual([]);
          if (time === "event") harness.advance(1);
          else harness.advanceClock(1);
        }
        expect(harness.outputs.get("")).toEqual([
          { value: "0 hallo", timestamp: 3 },
          { value: "0 ciao", timestamp: 3 },
        ]);
      }
    },
  );

  test("testSideOutput: values for side outputs have the timestamp of the window", () => {
    const doubled = sideTag<number>("doubled");
    const texts = sideTag<string>("texts");
    const trigger = new ScriptedTrigger("event");
    trigger.script = { onElement: { says: "fire" } };
    const harness = harnessOf(
      {
        assigner: tumbling(42),
        trigger,
        apply(
          _key: unknown,
          _window: Window,
          [value = 0]: readonly number[],
          context: WindowFunctionContext,
        ) {
          context.side(doubled, value * 2);
          context.side(texts, `${value}`);
          return [];
        },
      },
      [doubled.tag, texts.tag],
    );
    harness.records(["a", 17, 5]);
    expect(harness.outputs.get(doubled.tag)).toEqual([{ value: 34, timestamp: 41 }]);
    expect(harness.outputs.get(texts.tag)).toEqual([{ value: "17", timestamp: 41 }]);
    expect(harness.outputs.get("")).toEqual([]);
  });

  test("testEventTimeQuerying, testProcessingTimeQuerying: the function knows what time it is", () => {
    const trigger = new ScriptedTrigger("event");
    trigger.script = { onElement: { says: "fire" } };
    const harness = harnessOf({
      assigner: tumbling(20),
      allowedLatenessMs: 20,
      trigger,
      apply: (
        _key: unknown,
        _window: Window,
        _values: unknown,
        { watermark, nowMs }: WindowFunctionContext,
      ) => [[watermark, nowMs]],
    });
    harness.advance(10);
    harness.advanceClock(7);
    harness.records(["a", 0, 0]);
    expect(harness.emitted()).toEqual([[10, 7]]);
  });
});
