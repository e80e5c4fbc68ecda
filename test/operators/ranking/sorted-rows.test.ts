import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Codec, msgpackCodec } from "../../../src/core/codec.ts";
import { SortedRows } from "../../../src/operators/ranking/sorted-rows.ts";
import { KeyedState } from "../../../src/state/keyed-state.ts";

interface Item {
  readonly by: number;
  readonly id: number;
}

function newRows(): SortedRows<Item> {
  const state = new KeyedState({
    operator: "op",
    startsEmpty: true,
    cacheEntries: 1_000,
    encodesOnCommit: true,
    journaling: false,
    armCleanup: () => {},
  });
  const entries = state.addMapCells<number, readonly unknown[]>(
    "rows",
    msgpackCodec as Codec<readonly unknown[]>,
  );
  state.prepare();
  state.enter(0);
  state.setKey("k");
  return new SortedRows(entries, (a, b) => a.by - b.by);
}

describe("SortedRows", () => {
  test("R1 any sequence of insertions and removals leaves what it leaves in a sorted array", () => {
    const step = fc.record({
      by: fc.integer({ min: 0, max: 60 }),
      removes: fc.nat(99),
      at: fc.nat(),
      back: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 500, size: "max" }),
        fc.integer({ min: 10, max: 60 }),
        (steps, share) => {
          const rows = newRows();
          const model: Item[] = [];
          steps.forEach(({ by, removes, at, back }, id) => {
            // First more is inserted than removed, then less.
            const removal = id * 2 < steps.length ? removes < share : removes >= share;
            if (removal && model.length > 0) {
              const position = at % model.length;
              expect(rows.at(position)).toEqual(model[position]);
              rows.remove(position);
              model.splice(position, 1);
            } else {
              const item = { by, id };
              const lower = model.filter((each) => each.by < by).length;
              const upper = model.filter((each) => each.by <= by).length;
              expect([rows.lower(item), rows.upper(item)]).toEqual([lower, upper]);
              rows.insert(back ? upper : lower, item);
              model.splice(back ? upper : lower, 0, item);
            }
            expect(rows.size).toBe(model.length);
          });
          expect(model.map((_, position) => rows.at(position))).toEqual(model);
          if (model.length > 0) {
            const last = model.length - 1;
            const changed = { by: (model[last] as Item).by, id: -1 };
            rows.replace(last, changed);
            expect(rows.at(last)).toEqual(changed);
          }
          rows.clear();
          expect(rows.size).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });
});
