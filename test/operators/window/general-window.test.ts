import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Aggregate } from "../../../src/core/aggregate.ts";
import { createBatch, MAX_WATERMARK } from "../../../src/core/batch.ts";
import { ManualClock } from "../../../src/core/clock.ts";
import { LATE_TAG } from "../../../src/operators/event-time.ts";
import type { Evictor } from "../../../src/operators/evictor.ts";
import { eventTime, processingTime } from "../../../src/operators/trigger.ts";
import type { TriggerCondition } from "../../../src/operators/trigger-conditions.ts";
import { asTrigger, evictors, triggers } from "../../../src/operators/triggers.ts";
import { type WindowDefinition, type WindowResult, windowOperator } from "../../../src/operators/window.ts";
import { globalWindow } from "../../../src/time/global-window.ts";
import { session } from "../../../src/time/sessions.ts";
import { cumulative, sliding, tumbling } from "../../../src/time/windows.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import {
  harnessOptions,
  type Life,
  lifeModel,
  liveThrough,
  undisturbed,
} from "../../support/operator-life.ts";
import { type ModelOptions, type ModelRecord, type ModelResult, WindowModel } from "./window-model.ts";

const RUNS = 50;

type Step =
  | { readonly kind: "batch"; readonly records: readonly ModelRecord[] }
  | { readonly kind: "watermark"; readonly watermark: number }
  | { readonly kind: "clock"; readonly by: number };

/** Changed in place, as user code may do. */
const idsInPlace: Aggregate<ModelRecord, { ids: number[] }, { ids: number[] }> = {
  create: () => ({ ids: [] }),
  add(accumulator, { id }) {
    accumulator.ids.push(id);
    return accumulator;
  },
  merge(a, b) {
    a.ids.push(...b.ids);
    return a;
  },
  result: (accumulator) => accumulator,
};

const ids: Aggregate<ModelRecord, readonly number[], { ids: readonly number[] }> = {
  create: () => [],
  add: (accumulator, { id }) => [...accumulator, id],
  merge: (a, b) => [...a, ...b],
  result: (accumulator) => ({ ids: accumulator }),
  immutable: true,
};

const small = fc.integer({ min: 1, max: 12 });
const aligned = fc
  .tuple(fc.constantFrom("tumbling", "sliding", "cumulative"), small, small, fc.integer({ min: -3, max: 3 }))
  .map(([kind, size, slide, offset]) => {
    if (kind === "cumulative") return cumulative(size * 3, size, { offset });
    return kind === "tumbling" || slide >= size
      ? tumbling(size, { offset })
      : sliding(size, slide, { offset });
  });
const sessions = fc.oneof(
  small.map((gap) => session<ModelRecord>(gap)),
  fc.constant(session((record: ModelRecord) => record.gap)),
);
const windows = fc.oneof(aligned, sessions);

const { afterCount, afterEndOfWindow, afterWatermark, allOf, anyOf, inOrder, repeatedly } = triggers;
const conditionsInEventTime: fc.Arbitrary<TriggerCondition> = fc.oneof(
  fc.tuple(fc.option(small, { nil: undefined }), fc.option(small, { nil: undefined })).map(([early, late]) =>
    afterWatermark({
      ...(early !== undefined && { early: afterCount(early) }),
      ...(late !== undefined && { late: afterCount(late) }),
    }),
  ),
  small.map((n) => repeatedly(anyOf(afterCount(n), afterEndOfWindow()))),
  fc.tuple(small, small).map(([a, b]) => repeatedly(inOrder(afterCount(a), afterCount(b)))),
  small.map((n) => allOf(afterCount(n), afterEndOfWindow())),
  small.map((n) => inOrder(afterEndOfWindow(), afterCount(n))),
  fc.tuple(small, small).map(([a, b]) => anyOf(repeatedly(afterCount(a)), afterCount(a + b))),
  fc
    .tuple(small, small)
    .map(([a, b]) => inOrder(anyOf(afterCount(a), afterEndOfWindow()), repeatedly(afterCount(b)))),
);
const eventTriggers = fc.oneof(
  fc.constant(eventTime()),
  small.map((n) => triggers.count(n)),
  small.map((n) => triggers.purging(triggers.count(n))),
  small.map((n) => triggers.continuousEventTime(n)),
  conditionsInEventTime.map(asTrigger),
);
const clockTriggers = fc.oneof(
  small.map((n) => triggers.continuousProcessingTime(n)),
  small.map((n) => asTrigger(afterWatermark({ early: triggers.afterProcessingTime(n) }))),
  fc
    .tuple(small, small)
    .map(([n, delay]) => asTrigger(repeatedly(anyOf(afterCount(n), triggers.afterProcessingTime(delay))))),
);
const evictor: fc.Arbitrary<Evictor<ModelRecord> | undefined> = fc.oneof(
  fc.constant(undefined),
  fc
    .tuple(small, fc.constantFrom("before" as const, "after" as const))
    .map(([n, when]) => evictors.count(n, { when })),
  fc
    .tuple(small, fc.constantFrom("before" as const, "after" as const))
    .map(([n, when]) => evictors.time(n, { when })),
  small.map((n) => evictors.delta(n, (a: ModelRecord, b) => Math.abs(a.timestamp - b.timestamp))),
);

const steps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc
          .array(
            fc.tuple(fc.constantFrom<string | number>(1, "1", 2), fc.integer({ min: -15, max: 10 }), small),
            { maxLength: 6 },
          )
          .map((records) => ({ kind: "batch" as const, records })),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("watermark" as const), by: small }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("clock" as const), by: small }) },
    ),
    { maxLength: 25, size: "max" },
  )
  .map((drawn) => {
    let watermark = -5;
    let id = 0;
    return [
      ...drawn.map((one): Step => {
        if (one.kind === "clock") return one;
        if (one.kind === "watermark") {
          watermark += one.by;
          return { kind: "watermark", watermark };
        }
        const records = one.records.map(([key, distance, gap]) => ({
          id: id++,
          key,
          timestamp: watermark + 3 - distance,
          gap,
        }));
        return { kind: "batch", records };
      }),
      { kind: "watermark", watermark: MAX_WATERMARK },
    ];
  });

interface SlicedLife extends Life {
  /** Timers per slice. */
  readonly limit: number;
}

const UNDISTURBED: SlicedLife = { ...undisturbed, limit: 1_000 };

function lives(...afterwards: Life["afterwards"]): fc.Arbitrary<SlicedLife> {
  return fc.record({
    ...lifeModel,
    limit: fc.constantFrom(1, 3, 1_000),
    afterwards: fc.array(fc.constantFrom(...afterwards), { minLength: 1, maxLength: 6 }),
  });
}

/** What a fold gives does not say in which order the records of merged sessions came. */
const normal = (results: readonly ModelResult[], ordered: boolean): readonly ModelResult[] =>
  ordered ? results : results.map((one) => ({ ...one, ids: [...one.ids].sort((a, b) => a - b) }));

function runModel(options: ModelOptions, all: readonly Step[]): { results: ModelResult[]; late: number[] } {
  const model = new WindowModel(options, 1_000);
  let nowMs = 1_000;
  for (const step of all) {
    if (step.kind === "watermark") model.watermark(step.watermark);
    else if (step.kind === "clock") {
      nowMs += step.by;
      model.clock(nowMs);
    } else for (const record of step.records) model.record(record);
  }
  return { results: model.results, late: model.late };
}

type Fold = "in place" | "immutable" | "apply";

function runOperator(
  options: ModelOptions,
  fold: Fold,
  all: readonly Step[],
  lived: SlicedLife,
): { results: ModelResult[]; late: number[] } {
  const { evictor: chosen, ...rest } = options;
  const folding =
    fold === "apply"
      ? {
          apply: (
            key: unknown,
            window: object,
            records: readonly ModelRecord[],
            { pane }: { pane: object },
          ) => [{ key, window, pane, value: { ids: records.map(({ id }) => id) } }],
          evictor: chosen,
        }
      : { aggregate: fold === "immutable" ? ids : idsInPlace };
  const harness = new KeyedHarness(windowOperator({ ...folding, ...rest } as WindowDefinition), {
    ...harnessOptions(lived),
    sides: [LATE_TAG],
    clock: new ManualClock(1_000),
  });
  const take = (event: Step): boolean => {
    if (event.kind === "watermark") return harness.slice(event.watermark, lived.limit);
    if (event.kind === "clock") harness.advanceClock(event.by, lived.limit);
    else {
      const batch = createBatch(
        [...event.records],
        event.records.map(({ timestamp }) => timestamp),
      );
      batch.keys = event.records.map(({ key }) => key);
      harness.batch(batch);
    }
    return true;
  };
  liveThrough(harness, all, lived, take);
  const results = (harness.outputs.get("") ?? []).map(({ value, timestamp }) => {
    const result = value as WindowResult<string | number, { ids: number[] }>;
    const { start, end } = result.window;
    if (end !== Infinity) expect(timestamp).toBe(end - 1);
    return {
      key: result.key,
      start,
      end,
      ids: result.value.ids,
      ...(result.pane as NonNullable<typeof result.pane>),
    };
  });
  harness.commit();
  // Nothing is left behind: no window, no content, no timer.
  if (options.assigner.kind !== "global") expect(harness.backend.contents()).toEqual({});
  return { results, late: harness.emitted(LATE_TAG).map((record) => (record as ModelRecord).id) };
}

const folds = fc.constantFrom<Fold>("in place", "immutable", "apply");
const lateness = fc.constantFrom(0, 1, 7);

function check(options: ModelOptions, fold: Fold, all: readonly Step[], lived: SlicedLife): void {
  const settings = fold === "apply" ? options : { ...options, evictor: undefined };
  const expected = runModel(settings, all);
  const actual = runOperator(settings, fold, all, lived);
  expect(normal(actual.results, fold === "apply")).toEqual(normal(expected.results, fold === "apply"));
  expect(actual.late).toEqual(expected.late);
}

describe("general windows", () => {
  test("W9 event time: equal lists of records per window, for any windows, trigger, lateness and evictor", () => {
    fc.assert(
      fc.property(
        windows,
        eventTriggers,
        lateness,
        fc.boolean(),
        evictor,
        folds,
        steps,
        (assigner, trigger, allowedLatenessMs, discarding, chosen, fold, all) => {
          check(
            { assigner, trigger, allowedLatenessMs, discarding, evictor: chosen },
            fold,
            all,
            UNDISTURBED,
          );
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("W9 the same with commits and crashes anywhere, tiny caches, shared storage and slices of one timer", () => {
    fc.assert(
      fc.property(
        windows,
        eventTriggers,
        lateness,
        fc.boolean(),
        evictor,
        folds,
        steps,
        lives("nothing", "commit", "commitAndCrash", "crash"),
        (assigner, trigger, allowedLatenessMs, discarding, chosen, fold, all, lived) => {
          const onEventTimeOnly = all.filter(({ kind }) => kind !== "clock");
          check(
            { assigner, trigger, allowedLatenessMs, discarding, evictor: chosen },
            fold,
            onEventTimeOnly,
            lived,
          );
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("W9 triggers on the clock, in windows over event time, restarted after any commit", () => {
    fc.assert(
      fc.property(
        windows,
        clockTriggers,
        lateness,
        fc.boolean(),
        folds,
        steps,
        lives("nothing", "commit", "commitAndCrash"),
        (assigner, trigger, allowedLatenessMs, discarding, fold, all, lived) => {
          check({ assigner, trigger, allowedLatenessMs, discarding, evictor: undefined }, fold, all, lived);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("W9 windows over processing time, restarted after any commit", () => {
    const overClock = windows.map((assigner) => assigner.processingTime());
    const ofClock = fc.oneof(
      fc.constant(processingTime()),
      small.map((n) => triggers.continuousProcessingTime(n)),
      small.map((n) => triggers.count(n)),
    );
    fc.assert(
      fc.property(
        overClock,
        ofClock,
        fc.boolean(),
        evictor,
        folds,
        steps,
        lives("nothing", "commit", "commitAndCrash"),
        (assigner, trigger, discarding, chosen, fold, all, lived) => {
          check({ assigner, trigger, allowedLatenessMs: 0, discarding, evictor: chosen }, fold, all, {
            ...lived,
            limit: 1_000,
          });
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("W9 the global window, with any trigger, restarted anywhere", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          eventTriggers,
          small.map((n) => triggers.purging(triggers.count(n))),
        ),
        fc.boolean(),
        evictor,
        folds,
        steps,
        lives("nothing", "commit", "commitAndCrash", "crash"),
        (trigger, discarding, chosen, fold, all, lived) => {
          const onEventTimeOnly = all.filter(({ kind }) => kind !== "clock");
          const options = {
            assigner: globalWindow(),
            trigger,
            allowedLatenessMs: 0,
            discarding,
            evictor: chosen,
          };
          check(options, fold, onEventTimeOnly, lived);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
