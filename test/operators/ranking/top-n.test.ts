import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UserFunctionError } from "../../../src/operators/failure.ts";
import { NotOrderedError } from "../../../src/operators/ranking/row-order.ts";
import { type TopNDefinition, topNOperator } from "../../../src/operators/ranking/top-n.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { anyLife } from "../../support/operator-life.ts";
import { applied, asChanges, asTexts, drawnRow, type Row, rowsAfter } from "./changelog.ts";
import { anySteps, live } from "./life.ts";

const RUNS = 60;

const byScore = (row: Row): number => row.score;

const definitions: fc.Arbitrary<TopNDefinition> = fc.record({
  n: fc.integer({ min: 1, max: 5 }),
  by: fc.constant(byScore),
  directions: fc.constantFrom(["asc"] as const, ["desc"] as const),
  ties: fc.constantFrom("first", "last"),
  numbering: fc.constantFrom("rowNumber", "rank", "denseRank"),
  rankColumn: fc.boolean(),
});

/** From the definition alone: a sort, and a number for each row. */
function topOf(
  rows: readonly Row[],
  { n, directions, ties, numbering, rankColumn }: TopNDefinition,
): unknown[] {
  const sign = directions[0] === "asc" ? 1 : -1;
  const inOrder = ties === "first" ? [...rows] : [...rows].reverse();
  const sorted = inOrder.sort((a, b) => sign * (a.score - b.score));
  return sorted.flatMap((record, i) => {
    const better = sorted.filter((each) => sign * (each.score - record.score) < 0);
    const rank =
      numbering === "rowNumber"
        ? i + 1
        : numbering === "rank"
          ? better.length + 1
          : new Set(better.map(byScore)).size + 1;
    return rank > n ? [] : [rankColumn ? { rank, record } : record];
  });
}

describe("topNOperator", () => {
  for (const input of ["records", "changes"] as const)
    test(`R2 after any ${input} the changes give the first n rows of a sort, through stops and restores`, () => {
      const steps = anySteps(drawnRow, (drawn, id) => ({ id, score: drawn.score, drawn }));
      fc.assert(
        fc.property(definitions, steps, anyLife, (definition, drawn, life) => {
          const all =
            input === "changes"
              ? asChanges(drawn)
              : drawn.map((step) =>
                  step.kind === "watermark"
                    ? step
                    : {
                        ...step,
                        inputs: step.inputs.map((one) => ({
                          ...one,
                          value: { id: one.value.id, score: one.value.score },
                        })),
                      },
                );
          live<unknown>(topNOperator(definition), all, life, (harness, done) => {
            const tops = [...rowsAfter(all, done).values()].flatMap((rows) => topOf(rows, definition));
            expect(applied(harness.emitted())).toEqual(asTexts(tops));
          });
        }),
        { numRuns: RUNS },
      );
    });

  test("R2 a table with one row per number, and one with a row per record, get the same by applying change by change", () => {
    const steps = anySteps(drawnRow, (drawn, id) => ({ id, score: drawn.score, drawn }));
    const ofOne = definitions.map((one) => ({ ...one, numbering: "rowNumber" as const, rankColumn: true }));
    fc.assert(
      fc.property(ofOne, steps, (definition, drawn) => {
        // Rows are told apart by their id here, so every insertion has one of its own.
        let id = 0;
        const renamed = new Map<string, number>();
        const all = asChanges(drawn).map((step) => {
          if (step.kind === "watermark") return step;
          const inputs = step.inputs
            .filter(({ key }) => key === "a")
            .map(({ key, value, timestamp }) => {
              const text = JSON.stringify(value.row);
              const known = renamed.get(text);
              if (value.op === "+I" || value.op === "+U") {
                if (known !== undefined) return undefined;
                renamed.set(text, id++);
              } else if (known === undefined) return undefined;
              else renamed.delete(text);
              return { key, value: { op: value.op, row: { ...value.row, id: known ?? id - 1 } }, timestamp };
            })
            .filter((one) => one !== undefined);
          return { ...step, inputs };
        });
        const harness = live<unknown>(topNOperator(definition), all, {
          cacheEntries: 1_000,
          shares: false,
          journaling: false,
          afterwards: ["nothing"],
        });
        const byRank = new Map<number, string>();
        const byId = new Map<number, string>();
        for (const change of harness.emitted() as { op: string; row: { rank: number; record: Row } }[]) {
          const text = JSON.stringify(change.row);
          if (change.op[0] === "+") {
            byRank.set(change.row.rank, text);
            byId.set(change.row.record.id, text);
          } else {
            byRank.delete(change.row.rank);
            byId.delete(change.row.record.id);
          }
        }
        const expected = applied(harness.emitted());
        expect([...byRank.values()].sort()).toEqual(expected);
        expect([...byId.values()].sort()).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });

  const definition: TopNDefinition = {
    n: 2,
    by: byScore,
    directions: ["desc"],
    ties: "first",
    numbering: "rowNumber",
    rankColumn: true,
  };
  const row = (id: number, score: number): Row => ({ id, score });

  test("emits no more than what changes, the last row first", () => {
    const harness = new KeyedHarness(topNOperator(definition));
    harness.records(["k", row(1, 5), 1], ["k", row(2, 3), 2], ["k", row(3, 3), 3], ["k", row(4, 9), 4]);
    expect(harness.outputs.get("")).toEqual([
      { value: { op: "+I", row: { rank: 1, record: row(1, 5) } }, timestamp: 1 },
      { value: { op: "+I", row: { rank: 2, record: row(2, 3) } }, timestamp: 2 },
      { value: { op: "-D", row: { rank: 2, record: row(2, 3) } }, timestamp: 4 },
      { value: { op: "-U", row: { rank: 1, record: row(1, 5) } }, timestamp: 4 },
      { value: { op: "+U", row: { rank: 2, record: row(1, 5) } }, timestamp: 4 },
      { value: { op: "+I", row: { rank: 1, record: row(4, 9) } }, timestamp: 4 },
    ]);
  });

  test("without numbers emits rows that enter and leave", () => {
    const harness = new KeyedHarness(topNOperator({ ...definition, rankColumn: false }));
    harness.records(["k", row(1, 5), 1], ["k", row(2, 3), 2], ["k", row(3, 4), 3], ["k", row(4, 1), 4]);
    expect(harness.emitted()).toEqual([
      { op: "+I", row: row(1, 5) },
      { op: "+I", row: row(2, 3) },
      { op: "-D", row: row(2, 3) },
      { op: "+I", row: row(3, 4) },
    ]);
  });

  test("of records that are only added it keeps n, of changes all", () => {
    const kept = (harness: KeyedHarness): number => {
      harness.commit();
      return (
        inspect(harness.backend.contents(), { depth: 9, maxArrayLength: null }).split("score:").length - 1
      );
    };
    const appended = new KeyedHarness(topNOperator(definition));
    const changed = new KeyedHarness(topNOperator(definition));
    for (let id = 0; id < 200; id++) {
      appended.records(["k", row(id, (id * 7) % 50), id]);
      changed.records(["k", { op: "+I", row: row(id, (id * 7) % 50) }, id]);
    }
    const [few, all] = [kept(appended), kept(changed)];
    expect(few).toBe(2);
    expect(all).toBe(200);
  });

  test("orders by several values, each in its direction", () => {
    const harness = new KeyedHarness(
      topNOperator({
        ...definition,
        n: 3,
        by: (one: Row) => [one.score, one.id],
        directions: ["desc", "asc"],
        rankColumn: false,
      }),
    );
    harness.records(["k", row(2, 5)], ["k", row(1, 5)], ["k", row(9, 7)], ["k", row(3, 5)]);
    expect(applied(harness.emitted())).toEqual(asTexts([row(9, 7), row(1, 5), row(2, 5)]));
  });

  test("refuses what has no order, and a row taken back that is not there", () => {
    const harness = new KeyedHarness(topNOperator(definition));
    const thrown = (value: unknown): unknown => {
      try {
        harness.records(["k", value]);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    const unordered = thrown(row(1, Number.NaN)) as Error;
    expect(unordered.cause ?? unordered).toBeInstanceOf(NotOrderedError);
    const missing = thrown({ op: "-D", row: row(7, 1) }) as Error;
    expect(missing instanceof UserFunctionError ? missing.cause : missing).toMatchObject({
      code: "ROW_NOT_FOUND",
    });
  });
});
