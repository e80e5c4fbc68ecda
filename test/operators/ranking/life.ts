// Records and watermarks for operators that read one stream, and their life with them.
import fc from "fast-check";
import { createBatch, MAX_WATERMARK } from "../../../src/core/batch.ts";
import { LATE_TAG } from "../../../src/operators/event-time.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../../../src/operators/operator.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { harnessOptions, type Life, liveThrough } from "../../support/operator-life.ts";

export interface Input<T> {
  readonly key: string;
  readonly value: T;
  readonly timestamp: number;
}

export type Step<T> =
  | { readonly kind: "batch"; readonly inputs: readonly Input<T>[] }
  | { readonly kind: "watermark"; readonly watermark: number; readonly limit: number };

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
  const harness = new KeyedHarness(create, { ...harnessOptions(life), sides: [LATE_TAG] });
  const take = (step: Step<T>): boolean => {
    if (step.kind === "watermark") return harness.slice(step.watermark, step.limit);
    const batch = createBatch(
      step.inputs.map(({ value }) => value as unknown),
      step.inputs.map(({ timestamp }) => timestamp),
    );
    batch.keys = step.inputs.map(({ key }) => key);
    harness.batch(batch);
    return true;
  };
  liveThrough(harness, steps, life, take, { onStep: (done) => after(harness, done) });
  harness.commit();
  return harness;
}
