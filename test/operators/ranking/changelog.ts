// A changelog applied: the rows that are there, where nothing is taken away that is not.
import fc from "fast-check";
import { expect } from "vitest";
import type { Change } from "../../../src/operators/change.ts";
import type { Input, Step } from "./life.ts";

/** The multiset of rows after all changes, each as text, sorted. */
export function applied(changes: readonly unknown[]): string[] {
  const rows: string[] = [];
  let pendingUpdate = false;
  for (const { op, row } of changes as Change<unknown>[]) {
    const text = JSON.stringify(row);
    // -U and +U stand in pairs.
    expect(pendingUpdate).toBe(op === "+U");
    pendingUpdate = op === "-U";
    if (op === "+I" || op === "+U") rows.push(text);
    else {
      const at = rows.indexOf(text);
      expect(at, `${op} ${text} takes a row away that is there`).toBeGreaterThanOrEqual(0);
      rows.splice(at, 1);
    }
  }
  expect(pendingUpdate).toBe(false);
  return rows.sort();
}

export const asTexts = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();

export interface Row {
  readonly id: number;
  readonly score: number;
}

export interface Drawn {
  /** Which of the rows there are goes or is replaced; else one is inserted. */
  readonly aims: number | undefined;
  readonly score: number;
  readonly replaces: boolean;
}

export const drawnRow: fc.Arbitrary<Drawn> = fc.record({
  aims: fc.option(fc.nat(20), { nil: undefined }),
  score: fc.integer({ min: 0, max: 4 }),
  replaces: fc.boolean(),
});

/** Makes right changelogs of what was drawn: rows of each key are inserted, replaced and removed. */
export function asChanges(steps: readonly Step<Row & { drawn: Drawn }>[]): Step<Change<Row>>[] {
  const there = new Map<string, Row[]>();
  return steps.map((step) => {
    if (step.kind === "watermark") return step;
    const inputs = step.inputs.flatMap(({ key, value, timestamp }): Input<Change<Row>>[] => {
      const rows = there.get(key) ?? [];
      there.set(key, rows);
      // Few different rows, so that equal ones stand side by side.
      const row: Row = { id: value.id % 5, score: value.score };
      const { aims, replaces } = value.drawn;
      const change = (op: Change<Row>["op"], changed: Row): Input<Change<Row>> => ({
        key,
        value: { op, row: changed },
        timestamp,
      });
      if (aims === undefined || rows.length === 0) {
        rows.push(row);
        return [change("+I", row)];
      }
      const [gone] = rows.splice(aims % rows.length, 1) as [Row];
      if (!replaces) return [change("-D", gone)];
      rows.push(row);
      return [change("-U", gone), change("+U", row)];
    });
    return { kind: "batch", inputs };
  });
}

/** The rows of each key after the first `done` steps, in the order in which they were inserted. */
export function rowsAfter(steps: readonly Step<unknown>[], done: number): Map<string, Row[]> {
  const rows = new Map<string, Row[]>();
  for (const step of steps.slice(0, done)) {
    if (step.kind === "watermark") continue;
    for (const { key, value } of step.inputs) {
      const own = rows.get(key) ?? [];
      rows.set(key, own);
      const isChange = typeof value === "object" && value !== null && "op" in value;
      const { op, row } = isChange ? (value as Change<Row>) : { op: "+I", row: value as Row };
      if (op === "+I" || op === "+U") own.push(row);
      else {
        const text = JSON.stringify(row);
        own.splice(
          own.findLastIndex((each) => JSON.stringify(each) === text),
          1,
        );
      }
    }
  }
  return rows;
}
