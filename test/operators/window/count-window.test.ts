import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collectList } from "../../../src/operators/aggregates.ts";
import { type WindowResult, windowOperator } from "../../../src/operators/window.ts";
import { countWindow } from "../../../src/time/count-windows.ts";
import { InvalidWindowError } from "../../../src/time/window.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";

const small = fc.integer({ min: 1, max: 7 });

describe("count windows", () => {
  test("W11 every so many records emit the last ones of their key, restarted after any commit", () => {
    fc.assert(
      fc.property(
        small,
        small,
        fc.boolean(),
        fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.boolean()), { maxLength: 40 }),
        fc.record({ cacheEntries: fc.constantFrom(0, 1_000), shares: fc.boolean() }),
        (size, every, applies, records, options) => {
          const expected: unknown[] = [];
          const seen: Record<string, number[]> = { a: [], b: [] };
          records.forEach(([key], id) => {
            const all = seen[key] ?? [];
            all.push(id);
            if (all.length % every === 0) expected.push({ key, ids: all.slice(-size) });
          });
          const assigner = countWindow(size, every);
          const harness = new KeyedHarness(
            windowOperator(
              applies
                ? { assigner, apply: (key, _window, ids) => [{ key, value: [...ids] }] }
                : { assigner, aggregate: collectList<number>() },
            ),
            options,
          );
          records.forEach(([key, crashes], id) => {
            harness.records([key, id, id]);
            if (!crashes) return;
            harness.commit();
            harness.crash();
          });
          expect(
            harness.emitted().map((result) => {
              const { key, value } = result as WindowResult<string, number[]>;
              return { key, ids: value };
            }),
          ).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("full windows that share no record leave nothing in storage", () => {
    const harness = new KeyedHarness(
      windowOperator({ assigner: countWindow(2), aggregate: collectList<string>() }),
    );
    harness.records(["a", "x", 1], ["b", "y", 2], ["a", "z", 3]);
    harness.commit();
    expect(harness.outputs.get("")).toEqual([
      { value: { key: "a", value: ["x", "z"], window: { start: -Infinity, end: Infinity } }, timestamp: 3 },
    ]);
    harness.records(["b", "w", 4]);
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
  });

  test("sizes are whole numbers of records", () => {
    expect(() => countWindow(0)).toThrow(InvalidWindowError);
    expect(() => countWindow(3, 1.5)).toThrow(InvalidWindowError);
  });
});
