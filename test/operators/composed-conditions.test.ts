// Composed conditions, record by record and moment by moment, in windows that become one.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { msgpackCodec } from "../../src/core/codec.ts";
import type { AnyTrigger, TriggerContext, TriggerResult } from "../../src/operators/trigger.ts";
import { asTrigger } from "../../src/operators/triggers.ts";
import { ConditionModel, type ConditionSpec, conditionOf, type Moment } from "./condition-model.ts";

const RUNS = 700;

const few = fc.integer({ min: 1, max: 3 });
const leaf: fc.Arbitrary<ConditionSpec> = fc.oneof(
  few.map((records): ConditionSpec => ({ kind: "count", records })),
  few.map((ms): ConditionSpec => ({ kind: "delay", ms })),
  fc.constant<ConditionSpec>({ kind: "end" }),
);
const { spec } = fc.letrec<{ spec: ConditionSpec }>((tie) => ({
  spec: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.record({
      kind: fc.constantFrom("any" as const, "all" as const, "order" as const),
      parts: fc.array(tie("spec"), { minLength: 1, maxLength: 3 }),
    }),
    tie("spec").map((part): ConditionSpec => ({ kind: "repeat", part })),
    fc
      .tuple(fc.option(tie("spec"), { nil: undefined }), fc.option(tie("spec"), { nil: undefined }))
      .map(([early, late]): ConditionSpec => ({ kind: "watermark", early, late })),
  ),
}));

type Step =
  | { readonly kind: "record"; readonly window: number }
  | { readonly kind: "watermark" | "clock"; readonly by: number }
  /** A record comes that makes these windows one, which is longer. */
  | { readonly kind: "merge"; readonly windows: readonly number[]; readonly by: number };

const window = fc.integer({ min: 0, max: 3 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: window.map((one): Step => ({ kind: "record", window: one })) },
    { weight: 1, arbitrary: few.map((by): Step => ({ kind: "watermark", by })) },
    { weight: 1, arbitrary: few.map((by): Step => ({ kind: "clock", by })) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.uniqueArray(window, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 6 }))
        .map(([windows, by]): Step => ({ kind: "merge", windows, by })),
    },
  ),
  { maxLength: 25, size: "max" },
);

/** How long after its end a window goes. */
const LATENESS = 2;

/** A window as the operator keeps it: its trigger is asked for records, for its timers, and when the window goes. */
class Kept {
  readonly timers = new Set<string>();
  readonly #trigger: AnyTrigger;
  state: unknown = undefined;

  constructor(trigger: AnyTrigger) {
    this.#trigger = trigger;
  }

  #act<R>(moment: Moment, act: (context: TriggerContext<unknown>) => R): R {
    const context: TriggerContext<unknown> = {
      window: { start: 0, end: moment.end },
      timestamp: undefined,
      watermark: moment.watermark,
      nowMs: moment.nowMs,
      state: this.state,
      timers: {
        event: (time) => void this.timers.add(`watermark ${time}`),
        deleteEvent: (time) => void this.timers.delete(`watermark ${time}`),
        processing: (time) => void this.timers.add(`clock ${time}`),
        deleteProcessing: (time) => void this.timers.delete(`clock ${time}`),
      },
    };
    const result = act(context);
    this.state = msgpackCodec.decode(msgpackCodec.encode(context.state));
    return result;
  }

  record(moment: Moment): TriggerResult {
    return this.#act(moment, (context) => this.#trigger.onElement(undefined, context));
  }

  moment(kind: "watermark" | "clock", moment: Moment): TriggerResult | undefined {
    const time = kind === "clock" ? moment.nowMs : moment.watermark;
    const goes = kind === "watermark" && time === moment.end - 1 + LATENESS;
    if (!this.timers.delete(`${kind} ${time}`) && !goes) return undefined;
    const { onEventTime, onProcessingTime } = this.#trigger;
    const onTime = kind === "clock" ? onProcessingTime : onEventTime;
    return this.#act(moment, (context) => onTime?.call(this.#trigger, time, context));
  }

  static merge(
    trigger: AnyTrigger,
    several: readonly (readonly [Kept, end: number])[],
    moment: Moment,
  ): Kept {
    const merged = new Kept(trigger);
    for (const [one, end] of several) one.#act({ ...moment, end }, (context) => trigger.clear?.(context));
    expect(several.flatMap(([one]) => [...one.timers])).toEqual([]);
    const states = several.map(([one]) => one.state);
    merged.#act(moment, (context) => trigger.onMerge?.(states, context));
    return merged;
  }
}

interface Open {
  end: number;
  kept: Kept;
  model: ConditionModel;
}

interface Run {
  /** What the triggers said, in order. */
  readonly kept: string[];
  readonly model: string[];
  /** The windows that are left, and when. */
  readonly opens: readonly Open[];
  readonly watermark: number;
  readonly nowMs: number;
}

function run(chosen: ConditionSpec, all: readonly Step[]): Run {
  const trigger = asTrigger(conditionOf(chosen));
  const opened = (at: number): Open => ({
    end: 5 + at * 4,
    kept: new Kept(trigger),
    model: new ConditionModel(chosen),
  });
  const opens = new Map([0, 1, 2, 3].map((at) => [at, opened(at)]));
  const log = { kept: [] as string[], model: [] as string[] };
  let watermark = 0;
  let nowMs = 0;
  const look = (at: number, { end, model }: Open): void => {
    const moment = { watermark, nowMs, end };
    if (model.isOver || !model.isReady(moment)) return;
    model.fire(moment);
    log.model.push(`${at} ${model.isOver ? "fireAndPurge" : "fire"} at ${watermark}, ${nowMs}`);
  };
  const said = (at: number, result: TriggerResult | undefined): void => {
    if (result?.startsWith("fire")) log.kept.push(`${at} ${result} at ${watermark}, ${nowMs}`);
  };
  const record = (at: number, open: Open): void => {
    const moment = { watermark, nowMs, end: open.end };
    if (!open.model.isOver) open.model.record(moment);
    look(at, open);
    said(at, open.kept.record(moment));
  };
  for (const step of all) {
    if (step.kind === "record") {
      const open = opens.get(step.window);
      if (open !== undefined) record(step.window, open);
    } else if (step.kind === "merge") {
      const parts = step.windows.filter((at) => opens.has(at));
      const from = parts.map((at) => opens.get(at) as Open);
      const [into] = parts;
      if (into === undefined) continue;
      const end = Math.max(...from.map((one) => one.end)) + step.by;
      const moment = { watermark, nowMs, end };
      const going = from.filter(({ model }) => !model.isOver);
      const models = (going.length === 0 ? from : going).map(({ model }) => model);
      const merged = {
        end,
        kept: Kept.merge(
          trigger,
          from.map((one) => [one.kept, one.end]),
          moment,
        ),
        model: ConditionModel.merge(chosen, models, moment),
      };
      for (const at of parts) opens.delete(at);
      opens.set(into, merged);
      record(into, merged);
    } else {
      for (let i = 0; i < step.by; i++) {
        if (step.kind === "clock") nowMs++;
        else watermark++;
        for (const [at, open] of opens) {
          look(at, open);
          said(at, open.kept.moment(step.kind, { watermark, nowMs, end: open.end }));
        }
      }
    }
  }
  return { ...log, opens: [...opens.values()], watermark, nowMs };
}

describe("composed conditions", () => {
  test("W12 fire and are over as by a tree of bits, for any records, moments and merges", () => {
    let firings = 0;
    fc.assert(
      fc.property(spec, steps, (chosen, all) => {
        const { kept, model } = run(chosen, all);
        firings += model.length;
        expect(kept).toEqual(model);
      }),
      { numRuns: RUNS },
    );
    expect(firings).toBeGreaterThan(RUNS);
  });

  test("W10 the state of merged windows does not depend on their order", () => {
    fc.assert(
      fc.property(spec, steps, fc.infiniteStream(fc.nat()), (chosen, all, draws) => {
        const { opens, watermark, nowMs } = run(chosen, all);
        const end = Math.max(...opens.map((open) => open.end)) + 1;
        const merged = (order: readonly Open[]): unknown => {
          const { state, timers } = Kept.merge(
            asTrigger(conditionOf(chosen)),
            order.map((open) => [open.kept, open.end]),
            { watermark, nowMs, end },
          );
          return [state, [...timers].sort()];
        };
        const left = [...opens];
        const shuffled: Open[] = [];
        while (left.length > 0) shuffled.push(...left.splice((draws.next().value ?? 0) % left.length, 1));
        expect(merged(shuffled)).toEqual(merged(opens));
      }),
      { numRuns: RUNS / 2 },
    );
  });

  const count = (records: number): ConditionSpec => ({ kind: "count", records });
  const merged = (watermark: number): Step[] => [
    { kind: "record", window: 0 },
    { kind: "watermark", by: watermark },
    { kind: "merge", windows: [0], by: 3 },
    { kind: "record", window: 0 },
    { kind: "watermark", by: 3 },
  ];

  test("W12 an any that ended with its window begins again with the longer one, without what was emitted", () => {
    const both: ConditionSpec = { kind: "any", parts: [count(2), { kind: "end" }] };
    const { kept, model } = run(both, merged(4));
    expect(model).toEqual(["0 fireAndPurge at 4, 0", "0 fireAndPurge at 4, 0"]);
    expect(kept).toEqual(model);
    const third = run({ kind: "any", parts: [count(3), { kind: "end" }] }, merged(4));
    expect(third.model).toEqual(["0 fireAndPurge at 4, 0", "0 fireAndPurge at 7, 0"]);
    expect(third.kept).toEqual(third.model);
  });

  test("W12 an any that was over by a count stays over", () => {
    const both: ConditionSpec = { kind: "any", parts: [count(1), { kind: "end" }] };
    expect(run(both, merged(4)).kept).toEqual(["0 fireAndPurge at 0, 0"]);
  });

  test("W12 a part that waits for the same moment as one that is over keeps its timer", () => {
    const twice: ConditionSpec = {
      kind: "any",
      parts: [
        {
          kind: "repeat",
          part: {
            kind: "any",
            parts: [
              { kind: "count", records: 2 },
              { kind: "delay", ms: 2 },
            ],
          },
        },
        { kind: "delay", ms: 2 },
      ],
    };
    const steps: Step[] = [
      { kind: "record", window: 0 },
      { kind: "record", window: 0 },
      { kind: "clock", by: 3 },
    ];
    const { kept, model } = run(twice, steps);
    expect(model).toEqual(["0 fire at 0, 0", "0 fireAndPurge at 0, 2"]);
    expect(kept).toEqual(model);
  });
});
