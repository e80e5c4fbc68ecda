// Operators in processing time on machines whose clocks disagree: the partition is taken over at any moment, by a machine
// whose clock is ahead or behind.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/core/clock.ts";
import { collectList } from "../../src/operators/aggregates.ts";
import { keyedProcessOperator } from "../../src/operators/keyed-process.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../../src/operators/operator.ts";
import { type WindowResult, windowOperator } from "../../src/operators/window.ts";
import { PartitionClock } from "../../src/time/partition-clock.ts";
import { session } from "../../src/time/sessions.ts";
import { sliding, tumbling } from "../../src/time/windows.ts";
import { KeyedHarness } from "../support/keyed-harness.ts";
import { MachineClock } from "../support/machine-clock.ts";
import { anyLife, harnessOptions, type Life, liveThrough } from "../support/operator-life.ts";

type Step =
  | { readonly kind: "record"; readonly key: string; readonly id: number }
  | { readonly kind: "fire" }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "jump"; readonly byMs: number };

const anySteps = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom("a", "b").map((key) => ({ kind: "record", key }) as const) },
      { weight: 3, arbitrary: fc.constant({ kind: "fire" } as const) },
      { weight: 3, arbitrary: fc.constantFrom(1, 250, 1_000).map((ms) => ({ kind: "pass", ms }) as const) },
      // Mostly back: what has closed must be within reach.
      {
        weight: 2,
        arbitrary: fc.constantFrom(-1_000, -700, -1, 500).map((byMs) => ({ kind: "jump", byMs }) as const),
      },
    ),
    { maxLength: 50 },
  )
  .map((steps) => steps.map((step, id): Step => (step.kind === "record" ? { ...step, id } : step)));

class Partition {
  readonly machine = new MachineClock(1_000_000);
  readonly harness: KeyedHarness;
  #clock: Clock;
  #committedMs: number | undefined;

  /** @param clockOf what operators are given when the partition opens */
  constructor(
    create: (context: KeyedOperatorContext) => KeyedOperator,
    life: Life,
    clockOf = (machine: Clock, committedMs: number | undefined): Clock =>
      new PartitionClock(machine, committedMs),
  ) {
    this.#clock = this.machine;
    this.harness = new KeyedHarness((context) => {
      this.#clock = clockOf(this.machine, this.#committedMs);
      return create({ ...context, clock: this.#clock });
    }, harnessOptions(life));
  }

  noteCommit(): void {
    if (this.#clock instanceof PartitionClock)
      this.#committedMs = this.#clock.takeHighest() ?? this.#committedMs;
  }

  take(step: Step): boolean {
    if (step.kind === "pass") this.machine.pass(step.ms);
    else if (step.kind === "jump") this.machine.jump(step.byMs);
    else if (step.kind === "record") this.harness.records([step.key, step.id]);
    else return this.#fire();
    return true;
  }

  #fire(): boolean {
    const { operator, backend } = this.harness;
    const nowMs = this.#clock.nowMs();
    const loads = operator.missingForProcessingTime(nowMs, 2);
    backend.load(loads);
    operator.supply(loads);
    return operator.advanceProcessingTime(nowMs, 2);
  }
}

/** @returns what has come out for good when everything that was set has fired */
function live(
  create: (context: KeyedOperatorContext) => KeyedOperator,
  steps: readonly Step[],
  life: Life,
): unknown[] {
  const partition = new Partition(create, life);
  const { harness } = partition;
  const end: Step[] = [{ kind: "jump", byMs: 1_000_000 }, { kind: "fire" }];
  liveThrough(harness, [...steps, ...end], life, (step) => partition.take(step), {
    onCommit: () => partition.noteCommit(),
  });
  return harness.emitted();
}

const idsOf = (steps: readonly Step[]): number[] =>
  steps.flatMap((step) => (step.kind === "record" ? [step.id] : []));

describe("processing time across take-overs", () => {
  const assigners = [
    ["tumbling", tumbling(1_000).processingTime(), 1],
    ["sliding", sliding(1_000, 250).processingTime(), 4],
    ["session", session("400ms", { time: "processing" }), 1],
  ] as const;

  test.each(assigners)(
    "T4 %s windows emit once, and each record is in as many as it must be",
    (_, assigner, times) => {
      fc.assert(
        fc.property(anySteps, anyLife, (steps, life) => {
          const create = windowOperator({ assigner, aggregate: collectList<number>() });
          const emitted = live(create, steps, life) as WindowResult<string, number[]>[];
          const names = emitted.map(({ key, window }) => `${key} ${window.start} ${window.end}`);
          expect(new Set(names).size).toBe(names.length);
          const ids = emitted.flatMap(({ value }) => value).sort((a, b) => a - b);
          expect(ids).toEqual(idsOf(steps).flatMap((id) => Array.from({ length: times }, () => id)));
        }),
        { numRuns: 250 },
      );
    },
  );

  test("T4 timers fire once, never before their time, and time never goes back for a key", () => {
    fc.assert(
      fc.property(anySteps, anyLife, (steps, life) => {
        const create = keyedProcessOperator<
          string,
          number,
          { key: string; at: number; time?: number },
          Record<never, never>
        >({
          onRecord(_record, context) {
            context.timers.processing(context.nowMs + 300);
            context.emit({ key: context.key, at: context.nowMs });
          },
          onTimer({ time }, context) {
            context.emit({ key: context.key, at: context.nowMs, time });
          },
        });
        const emitted = live(create, steps, life) as { key: string; at: number; time?: number }[];
        const fired = emitted.filter((each) => each.time !== undefined);
        const wanted = emitted.filter((each) => each.time === undefined);
        const name = (key: string, time: number): string => `${key} ${time}`;
        const distinct = new Set(wanted.map(({ key, at }) => name(key, at + 300)));
        expect(fired.map(({ key, time }) => name(key, time!)).sort()).toEqual([...distinct].sort());
        for (const { at, time } of fired) expect(at).toBeGreaterThanOrEqual(time!);
        for (let i = 1; i < emitted.length; i++)
          expect(emitted[i]!.at).toBeGreaterThanOrEqual(emitted[i - 1]!.at);
      }),
      { numRuns: 250 },
    );
  });

  test("T4 control: by the clock of the machine alone, a window that has closed opens again", () => {
    const life = { cacheEntries: 1_000, shares: false, journaling: false, afterwards: ["nothing"] as const };
    const create = windowOperator({ assigner: tumbling(1_000).processingTime(), aggregate: collectList() });
    const windowsWith = (clockOf?: (machine: Clock, committedMs: number | undefined) => Clock): number[] => {
      const partition = new Partition(create, life, clockOf);
      const { machine, harness } = partition;
      const record = (id: number): void => void partition.take({ kind: "record", key: "a", id });
      record(1);
      machine.pass(1_000);
      partition.take({ kind: "fire" });
      harness.commit();
      partition.noteCommit();
      harness.crash();
      machine.jump(-900);
      record(2);
      machine.pass(5_000);
      partition.take({ kind: "fire" });
      return (harness.emitted() as WindowResult<string, unknown>[]).map(({ window }) => window.start);
    };
    expect(windowsWith((machine) => machine)).toEqual([1_000_000, 1_000_000]);
    expect(windowsWith()).toEqual([1_000_000, 1_001_000]);
  });
});
