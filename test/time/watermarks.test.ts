import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK, MIN_WATERMARK } from "../../src/core/batch.ts";
import { InvariantError } from "../../src/core/errors.ts";
import {
  type SavedWatermarkMerge,
  saveWatermark,
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

  save(): SavedWatermarkMerge {
    return JSON.parse(
      JSON.stringify({
        merged: saveWatermark(this.merged),
        inputs: this.inputs.map(saveWatermark),
        idle: this.idle.flatMap((idle, i) => (idle ? [i] : [])),
      }),
    ) as SavedWatermarkMerge;
  }

  update(statement: Statement): void {
    this.inputs[statement.input] = this.next(statement);
    this.idle[statement.input] = statement.idle;
    const live = this.inputs.filter((watermark, i) => !this.idle[i] && watermark !== MAX_WATERMARK);
    const open = this.inputs.filter((watermark) => watermark !== MAX_WATERMARK);
    const allowed = live.length > 0 ? Math.min(...live) : open.length > 0 ? Math.max(...open) : MAX_WATERMARK;
    this.merged = Math.max(this.merged, allowed);
  }
}

/** The input named is one of those that {@link OracleMerge} goes by. */
function expectHolder(merge: WatermarkMerge, { inputs, idle }: OracleMerge): void {
  const open = inputs.filter((watermark) => watermark !== MAX_WATERMARK);
  const live = inputs.filter((watermark, i) => !idle[i] && watermark !== MAX_WATERMARK);
  expect(merge.lowest).toBe(Math.min(...live));
  const { holder } = merge;
  if (holder === undefined) expect(open).toEqual([]);
  else expect(inputs[holder]).toBe(live.length > 0 ? Math.min(...live) : Math.max(...open));
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

  test("W2 an advance goes exactly to the smallest watermark of inputs that are neither idle nor ended, else to the largest idle one", () => {
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
          expect(merge.idle).toBe(live === 0 && !ended);
          expectHolder(merge, oracle);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("Z3 once all inputs are idle, the order in which they fell idle makes no difference", () => {
    const watermarks = fc.array(fc.nat(100), { minLength: INPUTS, maxLength: INPUTS });
    const order = fc.shuffledSubarray([...Array(INPUTS).keys()], { minLength: INPUTS });
    fc.assert(
      fc.property(watermarks, order, order, (times, first, second) => {
        const merged = [first, second].map((silences) => {
          const merge = new WatermarkMerge(INPUTS);
          for (const [input, time] of times.entries()) merge.update(input, time, false);
          for (const input of silences) merge.update(input, times[input] as number, true);
          return merge.current;
        });
        expect(merged).toEqual([Math.max(...times), Math.max(...times)]);
      }),
    );
  });

  test("a merge restored at any moment goes on as if nothing had happened", () => {
    fc.assert(
      fc.property(statements, fc.nat(60), (sequence, cut) => {
        let merge = new WatermarkMerge(INPUTS);
        const oracle = new OracleMerge();
        sequence.forEach((statement, i) => {
          if (i === cut) merge = WatermarkMerge.restore(oracle.save(), INPUTS);
          merge.update(statement.input, oracle.next(statement), statement.idle);
          oracle.update(statement);
          expect(merge.current).toBe(oracle.merged);
        });
      }),
    );
  });

  test("waits for the slowest input, and no longer once that one is idle", () => {
    const merge = new WatermarkMerge(2);
    expect(merge.update(0, 100, false)).toBeUndefined();
    expect(merge.update(1, 40, false)).toBe(40);
    expect(merge.update(0, 120, false)).toBeUndefined();
    expect(merge.update(1, 40, true)).toBe(120);
    expect(merge.update(1, 60, false)).toBeUndefined();
    expect(merge.current).toBe(120);
    expect(merge.update(0, 200, false)).toBeUndefined();
    expect(merge.update(1, 150, false)).toBe(150);
  });

  test("an ended input holds nobody back, but idle inputs keep the end away until they end too", () => {
    const merge = new WatermarkMerge(2);
    merge.update(1, 10, false);
    merge.update(1, 10, true);
    expect(merge.update(0, MAX_WATERMARK, false)).toBe(10);
    expect(merge.idle).toBe(true);
    expect(merge.update(1, 30, false)).toBe(30);
    expect(merge.idle).toBe(false);
    expect(merge.update(1, MAX_WATERMARK, false)).toBe(MAX_WATERMARK);
    expect(merge.idle).toBe(false);
  });

  test("refuses a watermark that moves backwards or is not a number", () => {
    const merge = new WatermarkMerge(1);
    merge.update(0, 10, false);
    expect(merge.update(0, 10, false)).toBeUndefined();
    expect(() => merge.update(0, 9, false)).toThrow(WatermarkRegressionError);
    expect(() => merge.update(0, Number.NaN, false)).toThrow(WatermarkRegressionError);
    expect(merge.current).toBe(10);
  });

  test("refuses inputs that it does not have", () => {
    expect(() => new WatermarkMerge(0)).toThrow(InvariantError);
    expect(() => new WatermarkMerge(1).update(1, 5, false)).toThrow(InvariantError);
    expect(() => WatermarkMerge.restore({ merged: 5, inputs: [5, 6], idle: [] }, 3)).toThrow(InvariantError);
  });
});
