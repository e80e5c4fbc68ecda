import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Change, ChangeOp } from "../../../src/operators/change.ts";
import { tableJoinOperator } from "../../../src/operators/joins/table-join.ts";
import {
  ChangeWithoutKeyError,
  emitsChanges,
  InvalidRowKeyError,
  type TableJoinKind,
} from "../../../src/operators/joins/table-join-base.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { anyLife, type Life, undisturbed } from "../../support/operator-life.ts";
import { type Event, events, give, type Item, live } from "./two-input-life.ts";

const RUNS = 200;

interface Tables {
  readonly kind: TableJoinKind;
  readonly leftKeyed: boolean;
  readonly rightKeyed: boolean;
}

const tables: fc.Arbitrary<Tables> = fc.record({
  kind: fc.constantFrom<TableJoinKind>("inner", "left", "right", "full", "semi", "anti"),
  leftKeyed: fc.boolean(),
  rightKeyed: fc.boolean(),
});

const primaryKey = (item: Item): number => item.timestamp % 3;

const definitionOf = ({ kind, leftKeyed, rightKeyed }: Tables) => ({
  kind,
  leftKey: leftKeyed ? primaryKey : undefined,
  rightKey: rightKeyed ? primaryKey : undefined,
  join: (left: Item | undefined, right: Item | undefined) => `${left?.id} ${right?.id}`,
});

const OPS: readonly ChangeOp[] = ["-D", "-U", "+I", "+U"];

/** Rows, and where they have a primary key sometimes changes. */
function recordOf({ leftKeyed, rightKeyed }: Tables): (item: Item) => unknown {
  return (item) => {
    const op = OPS[item.drawn];
    return op === undefined || !(item.input === 0 ? leftKeyed : rightKeyed) ? item : { op, row: item };
  };
}

/** The join of the tables that the items make, by nested loops. */
function joinOf(chosen: Tables, items: readonly Item[]): string[] {
  const rowsOf = (input: 0 | 1, keyed: boolean): Item[] => {
    const rows = new Map<string, Item>();
    for (const item of items) {
      if (item.input !== input) continue;
      const id = keyed ? `${typeof item.key} ${item.key} ${primaryKey(item)}` : `${item.id}`;
      if (keyed && (OPS[item.drawn] === "-D" || OPS[item.drawn] === "-U")) rows.delete(id);
      else rows.set(id, item);
    }
    return [...rows.values()];
  };
  const lefts = rowsOf(0, chosen.leftKeyed);
  const rights = rowsOf(1, chosen.rightKeyed);
  const matched = (one: Item, others: readonly Item[]): Item[] => others.filter(({ key }) => key === one.key);
  if (chosen.kind === "semi" || chosen.kind === "anti")
    return lefts
      .filter((left) => matched(left, rights).length > 0 === (chosen.kind === "semi"))
      .map((left) => `${left.id} undefined`);
  const result = lefts.flatMap((left) => matched(left, rights).map((right) => `${left.id} ${right.id}`));
  if (chosen.kind === "left" || chosen.kind === "full")
    for (const left of lefts) if (matched(left, rights).length === 0) result.push(`${left.id} undefined`);
  if (chosen.kind === "right" || chosen.kind === "full")
    for (const right of rights) if (matched(right, lefts).length === 0) result.push(`undefined ${right.id}`);
  return result;
}

/** Applies changes to an empty multiset. @throws when one takes away what is not there */
function apply(changes: readonly Change<string>[]): string[] {
  const rows = new Map<string, number>();
  for (const { op, row } of changes) {
    const count = (rows.get(row) ?? 0) + (op === "+I" || op === "+U" ? 1 : -1);
    if (count < 0) throw new Error(`${op} of ${row}, which is not there`);
    rows.set(row, count);
  }
  return [...rows].flatMap(([row, count]) => new Array<string>(count).fill(row));
}

function check(chosen: Tables, all: readonly Event[], lived: Life): void {
  const definition = definitionOf(chosen);
  live(tableJoinOperator(definition), all, lived, {
    recordOf: recordOf(chosen),
    onStep(harness, position) {
      const emitted = harness.emitted();
      const changes = emitsChanges(definition)
        ? (emitted as Change<string>[])
        : (emitted as string[]).map((row) => ({ op: "+I" as const, row }));
      const items = all.slice(0, position).flatMap((event) => (event.kind === "batch" ? event.items : []));
      expect(apply(changes).sort()).toEqual(joinOf(chosen, items).sort());
    },
  });
}

describe("tableJoinOperator", () => {
  test("J5 the changes so far always give the join of the tables so far, for any kind, keys and interleaving", () => {
    fc.assert(
      fc.property(tables, events, (chosen, all) => check(chosen, all, undisturbed)),
      { numRuns: RUNS },
    );
  });

  test("J5 the same with commits and crashes anywhere, with tiny caches and shared storage", () => {
    fc.assert(fc.property(tables, events, anyLife, check), { numRuns: RUNS });
  });

  const emittedBy = (
    chosen: Tables,
    ...items: readonly (readonly [0 | 1, Partial<Item>])[]
  ): KeyedHarness => {
    const harness = new KeyedHarness(tableJoinOperator(definitionOf(chosen)));
    for (const [input, item] of items)
      give(harness, input, [{ input, key: "k", drawn: 4, timestamp: 3, ...item } as Item], recordOf(chosen));
    return harness;
  };

  test("a row that replaces another one gives pairs of -U and +U", () => {
    const harness = emittedBy(
      { kind: "left", leftKeyed: true, rightKeyed: false },
      [0, { id: 1, timestamp: 3 }],
      [0, { id: 2, timestamp: 6 }],
      [1, { id: 3 }],
      [1, { id: 4 }],
      [0, { id: 5, timestamp: 9 }],
      [0, { id: 6, timestamp: 12, drawn: 0 }],
    );
    expect(harness.emitted().map((one) => Object.values(one as object).join(" "))).toEqual([
      "+I 1 undefined",
      "-U 1 undefined",
      "+U 2 undefined",
      "-D 2 undefined",
      "+I 2 3",
      "+I 2 4",
      "-U 2 3",
      "+U 5 3",
      "-U 2 4",
      "+U 5 4",
      "-D 5 3",
      "-D 5 4",
    ]);
  });

  test("a result's timestamp is the later one of what caused it and of the row that it met", () => {
    const harness = emittedBy(
      { kind: "full", leftKeyed: true, rightKeyed: true },
      [0, { id: 1, timestamp: 9 }],
      [1, { id: 2, timestamp: 3 }],
      [0, { id: 3, timestamp: 6 }],
      [0, { id: 4, timestamp: 0, drawn: 0 }],
    );
    expect(harness.outputs.get("")?.map(({ timestamp }) => timestamp)).toEqual([9, 9, 9, 6, 6, 3, 3]);
  });

  test("semi and anti joins over rows that stay keep no left row that no longer matters, and one right row", () => {
    for (const kind of ["semi", "anti"] as const) {
      const harness = emittedBy(
        { kind, leftKeyed: false, rightKeyed: false },
        [0, { id: 1 }],
        [0, { id: 2 }],
        [1, { id: 3 }],
        [1, { id: 4 }],
        [0, { id: 5 }],
      );
      harness.commit();
      expect(Object.values(harness.backend.contents())).toEqual([
        new Map([["n0", { row: null, timestamp: 3 }]]),
      ]);
      expect(harness.emitted()).toEqual(
        kind === "semi"
          ? ["1 undefined", "2 undefined", "5 undefined"]
          : ["+I", "+I", "-D", "-D"].map((op, i) => ({ op, row: `${(i % 2) + 1} undefined` })),
      );
    }
  });

  test("a change of a row without a primary key is an error of the job", () => {
    const harness = new KeyedHarness(
      tableJoinOperator(definitionOf({ kind: "inner", leftKeyed: false, rightKeyed: false })),
    );
    harness.operator.fromInput?.(1);
    const give = (): void => harness.records(["k", { op: "-D", row: 1 }, 5]);
    expect(give).toThrow(ChangeWithoutKeyError);
    expect(give).toThrow("give the option rightKey: (row) => row.id");
  });

  test("what does not identify a row is an error that names the option, for rows and for removals", () => {
    for (const id of [undefined, Number.NaN, { id: 1 }, Symbol("id"), () => 1])
      for (const input of [0, 1] as const)
        for (const op of ["+I", "-D"]) {
          const keyOf = () => id;
          const harness = new KeyedHarness(
            tableJoinOperator({ kind: "left", leftKey: keyOf, rightKey: keyOf, join: () => 1 }),
          );
          harness.operator.fromInput?.(input);
          const act = () => harness.records(["k", { op, row: {} }, 1]);
          expect(act).toThrow(InvalidRowKeyError);
          expect(act).toThrow(`${input === 0 ? "leftKey" : "rightKey"} returned`);
        }
  });

  test("a pair that cannot be made leaves its record out, and the tables as they were", () => {
    const operator = tableJoinOperator({
      kind: "inner",
      leftKey: undefined,
      rightKey: undefined,
      join: (left: { id: number }, right: { id: number }) => {
        if (left.id === 2 && right.id === 3) throw new Error("no");
        return [left.id, right.id];
      },
    });
    const harness = new KeyedHarness(operator, { onError: "skip" });
    const item = (id: number): Item => ({ id, key: "k", timestamp: 1 }) as Item;
    give(harness, 0, [item(1), item(2)]);
    give(harness, 1, [item(3), item(4)]);
    expect(harness.emitted()).toEqual([
      [1, 4],
      [2, 4],
    ]);
    expect(harness.metrics.skipped).toBe(1);
  });
});
