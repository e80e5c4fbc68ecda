import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK, MIN_WATERMARK } from "../../src/core/batch.ts";
import { InvariantError } from "../../src/core/errors.ts";
import {
  BoundedOutOfOrderness,
  type SavedWatermark,
  type SavedWatermarkMerge,
  WatermarkMerge,
  WatermarkRegressionError,
} from "../../src/time/watermarks.ts";

interface Statement {
  readonly input: number;
  /** Added to the input's watermark; undefined ends the input. */
  readonly step: number | undefined;
  readonly idle: boolean;
}

const INPUTS = 4;
const statements = fc.array(
  fc.record<Statement>({
    input: fc.nat(INPUTS - 1),
    step: fc.option(fc.nat(20), { nil: undefined, freq: 12 }),
    idle: fc.boolean(),
  }),
  { maxLength: 60, size: "max" },
);

/** The merge restated over plain arrays, looking at everything every time. */
class OracleMerge {
  readonly inputs = new Array<number>(INPUTS).fill(MIN_WATERMARK);
  readonly idle = new Array<boolean>(INPUTS).fill(false);
  merged = MIN_WATERMARK;

  /** The watermark that the statement carries. */
  next({ input, step }: Statement): number {
    if (step === undefined) return MAX_WATERMARK;
    const held = this.inputs[input] as number;
    return held === MIN_WATERMARK ? step : held + step;
  }

  update(statement: Statement): void {
    this.inputs[statement.input] = this.next(statement);
    this.idle[statement.input] = statement.idle;
    const live = this.inputs.filter((watermark, i) => !this.idle[i] && watermark !== MAX_WATERMARK);
    const ended = this.inputs.every((watermark) => watermark === MAX_WATERMARK);
    if (ended) this.merged = MAX_WATERMARK;
    else if (live.length > 0) this.merged = Math.max(this.merged, Math.min(...live));
  }
}

describe("WatermarkMerge", () => {
  test("W1 the merged watermark never decreases, for any interleaving of inputs", () => {
    fc.assert(
      fc.property(statements, (sequence) => {
        const merge = new WatermarkMerge(INPUTS);
        const oracle = new OracleMerge();
        let before = merge.current;
        for (const statement of sequence) {
          const advanced = merge.update(statement.input, oracle.next(statement), statement.idle);
          oracle.update(statement);
          expect(merge.current).toBeGreaterThanOrEqual(before);
          expect(advanced).toBe(merge.current > before ? merge.current : undefined);
          before = merge.current;
        }
      }),
      { numRuns: 500 },
    );
  });

  test("W2 an advance goes exactly to the smallest watermark of inputs that are neither idle nor ended", () => {
    fc.assert(
      fc.property(statements, (sequence) => {
        const merge = new WatermarkMerge(INPUTS);
        const oracle = new OracleMerge();
        for (const statement of sequence) {
          merge.update(statement.input, oracle.next(statement), statement.idle);
          oracle.update(statement);
          expect(merge.current).toBe(oracle.merged);
          const live = oracle.inputs.filter((w, i) => !oracle.idle[i] && w !== MAX_WATERMARK).length;
          const ended = oracle.inputs.every((w) => w === MAX_WATERMARK);
          expect({ idle: merge.idle, ended: merge.ended }).toEqual({ idle: live === 0 && !ended, ended });
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a merge restored at any moment goes on as if nothing had happened", () => {
    fc.assert(
      fc.property(statements, fc.nat(60), (sequence, cut) => {
        let merge = new WatermarkMerge(INPUTS);
        const oracle = new OracleMerge();
        sequence.forEach((statement, i) => {
          if (i === cut)
            merge = WatermarkMerge.restore(
              JSON.parse(JSON.stringify(merge.save())) as SavedWatermarkMerge,
              INPUTS,
            );
          merge.update(statement.input, oracle.next(statement), statement.idle);
          oracle.update(statement);
          expect(merge.current).toBe(oracle.merged);
        });
      }),
    );
  });

  test("waits for the slowest input, and no longer once that one is idle", () => {
    const merge = new WatermarkMerge(2);
    expect(merge.advance(0, 100)).toBeUndefined();
    expect(merge.advance(1, 40)).toBe(40);
    expect(merge.advance(0, 120)).toBeUndefined();
    expect(merge.markIdle(1)).toBe(120);
    expect(merge.advance(1, 60)).toBeUndefined();
    expect(merge.current).toBe(120);
    expect(merge.advance(0, 200)).toBeUndefined();
    expect(merge.advance(1, 150)).toBe(150);
  });

  test("an ended input holds nobody back, but idle inputs keep the end away until they end too", () => {
    const merge = new WatermarkMerge(2);
    merge.advance(1, 10);
    merge.markIdle(1);
    expect(merge.advance(0, MAX_WATERMARK)).toBeUndefined();
    expect(merge.idle).toBe(true);
    expect(merge.advance(1, 30)).toBe(30);
    expect(merge.idle).toBe(false);
    expect(merge.advance(1, MAX_WATERMARK)).toBe(MAX_WATERMARK);
    expect(merge.ended).toBe(true);
  });

  test("refuses a watermark that moves backwards or is not a number", () => {
    const merge = new WatermarkMerge(1);
    merge.advance(0, 10);
    expect(merge.advance(0, 10)).toBeUndefined();
    expect(() => merge.advance(0, 9)).toThrow(WatermarkRegressionError);
    expect(() => merge.advance(0, Number.NaN)).toThrow(WatermarkRegressionError);
    expect(merge.current).toBe(10);
  });

  test("refuses inputs that it does not have", () => {
    expect(() => new WatermarkMerge(0)).toThrow(InvariantError);
    expect(() => new WatermarkMerge(1).advance(1, 5)).toThrow(InvariantError);
    expect(() => WatermarkMerge.restore(new WatermarkMerge(2).save(), 3)).toThrow(InvariantError);
  });
});

describe("BoundedOutOfOrderness", () => {
  test("stays one millisecond behind the latest record that may still come", () => {
    const generator = new BoundedOutOfOrderness(5_000);
    expect(generator.watermark).toBe(MIN_WATERMARK);
    generator.observe([10_000, 12_000, 11_000]);
    expect(generator.watermark).toBe(6_999);
    generator.observe([7_000]);
    expect(generator.watermark).toBe(6_999);
  });

  test("no record within the bound is behind the watermark stated before it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000)), fc.nat(50), (times, bound) => {
        const generator = new BoundedOutOfOrderness(bound);
        let highest = MIN_WATERMARK;
        for (const time of times) {
          if (time >= highest - bound) expect(time).toBeGreaterThan(generator.watermark);
          else expect(time).toBeLessThanOrEqual(generator.watermark);
          generator.observe([time]);
          highest = Math.max(highest, time);
        }
      }),
    );
  });

  test("goes on from its saved state", () => {
    const generator = new BoundedOutOfOrderness(10);
    expect(BoundedOutOfOrderness.restore(10, generator.save()).watermark).toBe(MIN_WATERMARK);
    generator.observe([500]);
    const saved = JSON.parse(JSON.stringify(generator.save())) as SavedWatermark;
    expect(BoundedOutOfOrderness.restore(10, saved).watermark).toBe(generator.watermark);
  });
});
