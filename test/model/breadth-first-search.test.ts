// The search under the protocol model: a checker that skipped states would approve of anything.

import { describe, expect, test } from "vitest";
import { type Model, search } from "./breadth-first-search.ts";

/** A walker on a grid of `side` x `side` that steps right (action 1) or up (action 2) and must not reach `forbidden`. */
function grid(side: number, forbidden?: readonly [number, number]): Model {
  return {
    width: 9, // a second word, so that comparing only the first one would show
    start: (cells) => cells.fill(7, 1, 8),
    successors(cells, emit) {
      for (const [cell, action] of [
        [0, 1],
        [8, 2],
      ] as const) {
        const next = cells.slice();
        next[cell]!++;
        if (next[cell]! < side) emit(next, action);
      }
    },
    violation: (cells) =>
      cells[0] === forbidden?.[0] && cells[8] === forbidden?.[1] ? "forbidden" : undefined,
  };
}

/** Every number below 16^5, each reached from the one before: enough states to make the tables grow. */
const digits = 5;
const counter: Model = {
  width: digits,
  start() {},
  successors(cells, emit) {
    const next = cells.slice();
    let digit = 0;
    while (digit < digits && next[digit] === 15) next[digit++] = 0;
    if (digit === digits) return;
    next[digit]!++;
    emit(next, 1);
  },
  violation: () => undefined,
};

describe("search", () => {
  test("visits every state once and reports the longest distance", () => {
    expect(search(grid(16))).toEqual({ states: 256, transitions: 480, depth: 30, violation: undefined });
  });

  test("keeps states apart when there are more than its tables first hold", () => {
    expect(search(counter)).toMatchObject({
      states: 16 ** digits,
      depth: 16 ** digits - 1,
      violation: undefined,
    });
  });

  test("returns a shortest path to the forbidden state, step by step", () => {
    const { violation, depth } = search(grid(16, [3, 2]));
    expect(violation?.reason).toBe("forbidden");
    expect(depth).toBe(5);
    const path = violation?.path ?? [];
    expect(path.map(({ action }) => action).sort()).toEqual([1, 1, 1, 2, 2]);
    path.forEach(({ before, after }, index) => {
      if (index > 0) expect(before).toEqual(path[index - 1]?.after);
      expect(after[0]! + after[8]! - before[0]! - before[8]!).toBe(1);
    });
  });

  test("refuses a value that does not fit a cell, and a search above its limit", () => {
    expect(() => search(grid(17))).toThrow("the most is 15");
    expect(() => search(grid(16), 100)).toThrow("more than 100 states");
  });
});
