import { describe, expect, test } from "vitest";
import { latestJoinOperator } from "../../../src/operators/joins/latest-join.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";

function harnessOf(kind: "inner" | "left", cacheEntries = 1_000): KeyedHarness {
  const join = (record: string, row: string | undefined) => `${record}-${row}`;
  return new KeyedHarness(latestJoinOperator({ kind, join }), { cacheEntries });
}

function give(
  harness: KeyedHarness,
  input: 0 | 1,
  ...records: (readonly [unknown, unknown, number?])[]
): void {
  harness.operator.fromInput?.(input);
  harness.records(...records);
}

describe("latestJoinOperator", () => {
  test("joins with the row that came last for the key, also after a restart and with no cache", () => {
    const harness = harnessOf("inner", 0);
    give(harness, 0, ["k", "A"]);
    give(harness, 1, ["k", "a"], ["l", "x"], ["k", "b"]);
    harness.commit();
    harness.crash();
    give(harness, 0, ["k", "B"], ["l", "C"], ["m", "D"]);
    expect(harness.emitted()).toEqual(["B-b", "C-x"]);
  });

  test("a left join emits records without a row, too; -D and -U remove the row, +U puts the new one", () => {
    const harness = harnessOf("left");
    const step = (change: unknown, record: string) => {
      give(harness, 1, ["k", change, 1]);
      give(harness, 0, ["k", record, 2]);
    };
    give(harness, 0, ["k", "A", 7]);
    step({ op: "+I", row: "a" }, "B");
    step({ op: "-U", row: "a" }, "C");
    step({ op: "+U", row: "b" }, "D");
    step({ op: "-D", row: "b" }, "E");
    expect(harness.emitted()).toEqual(["A-undefined", "B-a", "C-undefined", "D-b", "E-undefined"]);
    expect(harness.outputs.get("")?.map(({ timestamp }) => timestamp)).toEqual([7, 2, 2, 2, 2]);
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
  });
});
