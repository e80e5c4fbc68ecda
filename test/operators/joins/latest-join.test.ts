import { describe, expect, test } from "vitest";
import type { Change, KeyedStream, Stream } from "../../../src/index.ts";
import { operatorHarness } from "../../../src/testing/index.ts";

interface Keyed {
  readonly key: string;
  readonly name: string;
}

const keyed = (key: string, name: string): Keyed => ({ key, name });

describe("joinLatest", () => {
  test("joins with the row that came last for the key, also after a restart and with a cache of one entry", () => {
    const harness = operatorHarness({
      key: ({ key }: Keyed) => key,
      cacheEntries: 1,
      build: (records, table: Stream<Keyed>) =>
        records.joinLatest(
          "latest",
          table.keyBy(({ key }) => key),
          {},
          (record, row) => `${record.name}-${row.name}`,
        ),
    });
    harness.push(keyed("k", "A"));
    for (const row of [keyed("k", "a"), keyed("l", "x"), keyed("k", "b")]) harness.pushTo(1, row);
    harness.restart();
    harness.pushAll([keyed("k", "B"), keyed("l", "C"), keyed("m", "D")]);
    expect(harness.takeOutput().map(({ value }) => value)).toEqual(["B-b", "C-x"]);
  });

  test("a left join emits records without a row, too; -D and -U remove the row, +U puts the new one", () => {
    const harness = operatorHarness({
      key: () => "k",
      build: (records: KeyedStream<string, string>, changes: Stream<Change<string>>) =>
        records.joinLatest(
          "latest",
          changes.keyBy(() => "k"),
          { kind: "left" },
          (record, row) => `${record}-${row}`,
        ),
    });
    const step = (change: Change<string>, record: string): void => {
      harness.pushTo(1, change, 1);
      harness.push(record, 2);
    };
    harness.push("A", 7);
    step({ op: "+I", row: "a" }, "B");
    step({ op: "-U", row: "a" }, "C");
    step({ op: "+U", row: "b" }, "D");
    step({ op: "-D", row: "b" }, "E");
    expect(harness.takeOutput()).toEqual([
      { value: "A-undefined", timestamp: 7 },
      { value: "B-a", timestamp: 2 },
      { value: "C-undefined", timestamp: 2 },
      { value: "D-b", timestamp: 2 },
      { value: "E-undefined", timestamp: 2 },
    ]);
    expect(harness.state).toEqual({ entries: 0, timers: 0 });
  });
});
