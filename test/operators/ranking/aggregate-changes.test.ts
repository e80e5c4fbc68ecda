import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Aggregate,
  collectList,
  combine,
  count,
  max,
  maxBy,
  mean,
  min,
  minBy,
  sum,
  topN,
} from "../../../src/operators/aggregates.ts";
import { aggregateChangesOperator } from "../../../src/operators/ranking/aggregate-changes.ts";
import { findUnretractable } from "../../../src/operators/ranking/retractable.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { anyLife } from "../../support/operator-life.ts";
import { applied, asChanges, asTexts, drawnRow, type Row, rowsAfter } from "./changelog.ts";
import { anySteps, live } from "./life.ts";

const RUNS = 50;

const score = (row: Row): number => row.score;

/** Changes its accumulator in place, and hands a part of it out. */
const ids: Aggregate<Row, { ids: number[] }, { ids: number[] }> = {
  create: () => ({ ids: [] }),
  add(accumulator, { id }) {
    accumulator.ids.push(id);
    accumulator.ids.sort((a, b) => a - b);
    return accumulator;
  },
  retract(accumulator, { id }) {
    accumulator.ids.splice(accumulator.ids.indexOf(id), 1);
    return accumulator;
  },
  merge: (a, b) => ({ ids: [...a.ids, ...b.ids] }),
  result: (accumulator) => ({ ids: accumulator.ids }),
};

const everything = combine({
  n: count(),
  total: sum(score),
  mean: mean(score),
  extremes: combine({ least: min(score), most: max(score) }),
  first: minBy(score),
  last: maxBy(score),
  ids,
});

/** Of equal ones the first to come, as long as it stays. */
function resultOf(rows: readonly Row[]): unknown {
  const scores = rows.map(score);
  const total = scores.reduce((a, b) => a + b, 0);
  const least = Math.min(...scores);
  const most = Math.max(...scores);
  return {
    n: rows.length,
    total,
    mean: total / rows.length,
    extremes: { least, most },
    first: rows.find((row) => row.score === least),
    last: rows.find((row) => row.score === most),
    ids: { ids: rows.map(({ id }) => id).sort((a, b) => a - b) },
  };
}

describe("aggregateChangesOperator", () => {
  test("R4 the changes give the aggregate of the rows that are there, through stops and restores", () => {
    const steps = anySteps(drawnRow, (drawn, id) => ({ id, score: drawn.score, drawn }));
    fc.assert(
      fc.property(steps, anyLife, (drawn, life) => {
        const all = asChanges(drawn);
        const harness = live<unknown>(
          aggregateChangesOperator({ aggregate: everything }),
          all,
          life,
          (one, done) => {
            const results = [...rowsAfter(all, done)]
              .filter(([, rows]) => rows.length > 0)
              .map(([key, rows]) => ({ key, value: resultOf(rows) }));
            expect(applied(one.emitted())).toEqual(asTexts(results));
          },
        );
        if ([...rowsAfter(all, all.length).values()].every((rows) => rows.length === 0))
          expect(harness.backend.contents()).toEqual({});
      }),
      { numRuns: RUNS },
    );
  });

  test("a change that leaves the result as it is emits nothing", () => {
    const harness = new KeyedHarness(aggregateChangesOperator({ aggregate: max(score) }));
    const change = (op: string, id: number, points: number): [string, unknown] => [
      "k",
      { op, row: { id, score: points } },
    ];
    harness.records(change("+I", 1, 5), change("+I", 2, 3), change("-D", 2, 3), change("-U", 1, 5));
    harness.records(change("+U", 1, 2));
    expect(harness.emitted()).toEqual([
      { op: "+I", row: { key: "k", value: 5 } },
      { op: "-D", row: { key: "k", value: 5 } },
      { op: "+I", row: { key: "k", value: 2 } },
    ]);
  });

  test("what rounding left of a sum goes with the last row", () => {
    const harness = new KeyedHarness(aggregateChangesOperator({ aggregate: sum(score) }));
    const change = (op: string, points: number): [string, unknown] => [
      "k",
      { op, row: { id: 0, score: points } },
    ];
    harness.records(
      change("+I", 1e16),
      change("+I", 1),
      change("-D", 1e16),
      change("-D", 1),
      change("+I", 4),
    );
    expect(applied(harness.emitted())).toEqual(asTexts([{ key: "k", value: 4 }]));
  });

  test("decodes keys", () => {
    const harness = new KeyedHarness(
      aggregateChangesOperator({ aggregate: count(), decodeKey: (text) => Number(text) }),
    );
    harness.records(["7", { id: 1, score: 1 }]);
    expect(harness.emitted()).toEqual([{ op: "+I", row: { key: 7, value: 1 } }]);
  });

  test("refuses a row taken back that is not there", () => {
    const harness = new KeyedHarness(aggregateChangesOperator({ aggregate: max(score) }));
    expect(() => harness.records(["k", { op: "-D", row: { id: 1, score: 1 } }])).toThrow(/no such row/);
    const other = new KeyedHarness(aggregateChangesOperator({ aggregate: max(score) }));
    other.records(["k", { id: 1, score: 1 }], ["k", { id: 1, score: 2 }]);
    expect(() => other.records(["k", { op: "-D", row: { id: 1, score: 7 } }])).toThrow(/no such row/);
  });

  test("knows which aggregates cannot take records back, and names the part", () => {
    expect(findUnretractable(everything)).toBeUndefined();
    expect(findUnretractable(collectList())).toBeUndefined();
    expect(findUnretractable(topN(2, score))).toBe("");
    expect(findUnretractable(combine({ n: count(), inner: combine({ best: topN(2, score) }) }))).toBe(
      "inner.best",
    );
  });
});
