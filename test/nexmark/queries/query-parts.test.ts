import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  dayOf,
  dayText,
  minuteOf,
  minuteText,
  pairKey,
  rankOf,
  truncatedMean,
} from "../../../src/nexmark/queries/query-parts.ts";

describe("parts of the Nexmark queries", () => {
  test("days and minutes are those of the calendar in UTC, before the epoch too", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
        (date) => {
          const text = date.toISOString();
          const at = date.getTime();
          expect(dayText(dayOf(at))).toBe(text.slice(0, 10));
          expect(minuteText(minuteOf(at))).toBe(text.slice(11, 16));
        },
      ),
    );
  });

  test("no two pairs have the same key", () => {
    const id = fc.oneof(
      fc.integer({ min: 0, max: 3 }),
      fc.maxSafeInteger(),
      fc.constantFrom(2 ** 26 - 1, 2 ** 26),
    );
    fc.assert(
      fc.property(id, id, id, id, (a, b, c, d) => {
        expect(pairKey(a, b) === pairKey(c, d)).toBe(a === c && b === d);
      }),
    );
  });

  test("a mean is truncated, and exact for every sum", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 1, max: 1_000_000 }), (sum, count) => {
        expect(BigInt(truncatedMean(sum, count))).toBe(BigInt(sum) / BigInt(count));
      }),
    );
  });

  test("ranks begin at their lower bounds", () => {
    expect([0, 9_999, 10_000, 999_999, 1_000_000].map(rankOf)).toEqual([1, 1, 2, 2, 3]);
  });
});
