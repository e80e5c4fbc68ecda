// A life of an operator: the same records and watermarks, with commits, crashes, tiny caches and slices in between.
import fc from "fast-check";
import { createBatch, MAX_WATERMARK } from "../../../src/core/batch.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../../../src/operators/operator.ts";
import { LATE_TAG } from "../../../src/operators/window.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";

export interface Input<T> {
  readonly key: string;
  readonly value: T;
  readonly timestamp: number;
}

export type Step<T> =
  | { readonly kind: "batch"; readonly inputs: readonly Input<T>[] }
  | { readonly kind: "watermark"; readonly watermark: number; readonly limit: number };

export interface Life {
  readonly cacheEntries: number;
  readonly shares: boolean;
  readonly journaling: boolean;
  /** After each step, in this order again and again. */
  readonly afterwards: readonly ("nothing" | "commit" | "commitAndCrash" | "crash")[];
}

export const UNDISTURBED: Life = {
  cacheEntries: 1_000,
  shares: false,
  journaling: false,
  afterwards: ["nothing"],
};

export const anyLife: fc.Arbitrary<Life> = fc.record({
  cacheEntries: fc.constantFrom(0, 2, 1_000),
  shares: fc.boolean(),
  journaling: fc.boolean(),
  afterwards: fc.array(fc.constantFrom("nothing", "commit", "commitAndCrash", "crash"), {
    minLength: 1,
    maxLength: 6,
  }),
});

/** Batches around a rising watermark, then the end of the input. `toValue` gets the number of the record. */
export function anySteps<D, T>(
  drawn: fc.Arbitrary<D>,
  toValue: (drawn: D, id: number) => T,
): fc.Arbitrary<Step<T>[]> {
  const record = fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: -12, max: 8 }), drawn);
  const batch = fc.array(record, { maxLength: 7 });
  const watermark = fc.record({ by: fc.integer({ min: 1, max: 12 }), limit: fc.integer({ min: 1, max: 4 }) });
  return fc
    .array(fc.oneof({ weight: 3, arbitrary: batch }, { weight: 2, arbitrary: watermark }), {
      maxLength: 20,
      size: "max",
    })
    .map((all) => {
      let now = -5;
      let id = 0;
      const steps = all.map((one): Step<T> => {
        if (!Array.isArray(one)) {
          now += one.by;
          return { kind: "watermark", watermark: now, limit: one.limit };
        }
        const inputs = one.map(([key, distance, each]) => ({
          key,
          value: toValue(each, id++),
          timestamp: now + 3 - distance,
        }));
        return { kind: "batch", inputs };
      });
      return [...steps, { kind: "watermark", watermark: MAX_WATERMARK, limit: 2 }];
    });
}

/** Runs all steps. @param onBatch called after every batch and watermark that were not repeated */
export function live<T>(
  create: (context: KeyedOperatorContext) => KeyedOperator,
  steps: readonly Step<T>[],
  life: Life,
  after: (harness: KeyedHarness, done: number) => void = () => {},
): KeyedHarness {
  const harness = new KeyedHarness(create, {
    cacheEntries: life.cacheEntries,
    shares: life.shares,
    onError: life.journaling ? "skip" : "fail",
    sides: [LATE_TAG],
  });
  let position = 0;
  let committed = 0;
  let crashes = 0;
  for (let turn = 0; position < steps.length; turn++) {
    const step = steps[position] as Step<T>;
    if (step.kind === "watermark") {
      if (harness.slice(step.watermark, step.limit)) position++;
    } else {
      const batch = createBatch(
        step.inputs.map(({ value }) => value as unknown),
        step.inputs.map(({ timestamp }) => timestamp),
      );
      batch.keys = step.inputs.map(({ key }) => key);
      harness.batch(batch);
      position++;
    }
    after(harness, position);
    const then = life.afterwards[turn % life.afterwards.length];
    if (then === "commit" || then === "commitAndCrash") {
      harness.commit();
      committed = position;
    }
    // A life of crashes alone would never end.
    if ((then === "crash" && crashes++ < 5) || then === "commitAndCrash") {
      harness.crash();
      position = committed;
    }
  }
  harness.commit();
  return harness;
}
