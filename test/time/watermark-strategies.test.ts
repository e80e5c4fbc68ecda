import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MIN_WATERMARK } from "../../src/core/batch.ts";
import {
  boundedOutOfOrderness,
  customWatermarks,
  InvalidWatermarkError,
  isWatermarkStrategy,
  monotonic,
  promisedBy,
  punctuated,
  type WatermarkStrategy,
} from "../../src/time/watermark-strategies.ts";

const split = { id: "s0" };

/** The watermark after each batch, every record being its own timestamp. */
function follow(strategy: WatermarkStrategy<number>, batches: readonly (readonly number[])[]): number[] {
  const generator = strategy.create(split, undefined);
  return batches.map((batch) => {
    generator.observe(batch, batch);
    return promisedBy(generator, split.id);
  });
}

describe("boundedOutOfOrderness", () => {
  test("stays one millisecond behind the latest record that may still come", () => {
    expect(follow(boundedOutOfOrderness("5s"), [[], [10_000, 12_000, 11_000], [7_000]])).toEqual([
      MIN_WATERMARK,
      6_999,
      6_999,
    ]);
  });

  test("no record within the bound is behind the watermark stated before it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000)), fc.nat(50), (times, bound) => {
        const generator = boundedOutOfOrderness(bound).create(split, undefined);
        let highest = MIN_WATERMARK;
        for (const time of times) {
          if (time >= highest - bound) expect(time).toBeGreaterThan(promisedBy(generator, "s0"));
          else expect(time).toBeLessThanOrEqual(promisedBy(generator, "s0"));
          generator.observe([time], [time]);
          highest = Math.max(highest, time);
        }
      }),
    );
  });

  test("refuses what is no length of time", () => {
    expect(() => boundedOutOfOrderness(-1)).toThrow("boundedOutOfOrderness: -1 must not be negative");
  });
});

test("monotonic is one millisecond behind the highest record", () => {
  expect(follow(monotonic(), [[1, 5], [5], [9]])).toEqual([4, 4, 8]);
  expect(monotonic().description).toBe("monotonic");
});

describe("punctuated", () => {
  const marks = punctuated<number>((record, timestamp) => (record % 10 === 0 ? timestamp : undefined));

  test("says what the records say, and nothing in between", () => {
    expect(follow(marks, [[3, 7], [10, 12], [14], [20, 5, 30]])).toEqual([MIN_WATERMARK, 10, 10, 30]);
  });

  test("a lower punctuation takes nothing back", () => {
    expect(follow(marks, [[50], [20]])).toEqual([50, 50]);
  });

  test("refuses a punctuation that is no time, and an argument that is no function", () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, "5", new Date(5), Promise.resolve(5)])
      expect(() =>
        follow(
          punctuated<number>(() => wrong as number),
          [[1]],
        ),
      ).toThrow(InvalidWatermarkError);
    expect(() => punctuated(5 as never)).toThrow(
      'punctuated: option "watermarkOf" is 5; give a function, for example',
    );
  });
});

describe("customWatermarks", () => {
  const counting = customWatermarks<number, number>({
    description: "one per record",
    create: (_split, saved) => {
      let seen = saved ?? 0;
      return {
        observe(records) {
          seen += records.length;
        },
        get watermark() {
          return seen;
        },
        save: () => seen,
      };
    },
  });

  test("is asked after each batch and goes on from what it saved", () => {
    expect(follow(counting, [[7, 7], [7]])).toEqual([2, 3]);
    const resumed = counting.create(split, 40);
    resumed.observe([7], [7]);
    expect([resumed.watermark, resumed.save?.()]).toEqual([41, 41]);
  });

  test("refuses a definition without create, a misspelt name, and what is no generator", () => {
    expect(() => customWatermarks({} as never)).toThrow('option "create" is undefined');
    expect(() => customWatermarks({ create: () => {}, crate: 1 } as never)).toThrow('no option "crate"');
    expect(() => customWatermarks({ create: () => ({}) as never }).create(split, undefined)).toThrow(
      'split "s0": create returned no object with observe and watermark',
    );
  });

  test("nothing promised yet is undefined or -Infinity; the end of a split is never told by a watermark", () => {
    const saying = (watermark: unknown): number => promisedBy({ watermark: watermark as number }, "s0");
    expect([saying(undefined), saying(MIN_WATERMARK), saying(-5)]).toEqual([
      MIN_WATERMARK,
      MIN_WATERMARK,
      -5,
    ]);
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, null, "9"])
      expect(() => saying(wrong)).toThrow(InvalidWatermarkError);
  });
});

test("a strategy is recognised by what it can do", () => {
  for (const strategy of [monotonic(), punctuated(() => 1)]) expect(isWatermarkStrategy(strategy)).toBe(true);
  for (const other of [undefined, null, 5, "monotonic", monotonic, {}])
    expect(isWatermarkStrategy(other)).toBe(false);
});
