import { describe, expect, test } from "vitest";
import {
  cut,
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatTable,
} from "../../src/cli/figures.ts";

describe("figures", () => {
  test.each([
    [0, "0"],
    [999.4, "999"],
    [999.6, "1,000"],
    [1_234_567, "1,234,567"],
  ])("counts are whole and grouped: %d", (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  test.each([
    [0, "0ms"],
    [999.4, "999ms"],
    [1_000, "1.0s"],
    [59_999, "59.9s"],
    [60_000, "1m00s"],
    [3_599_999, "59m59s"],
    [3_600_000, "1h00m"],
    [90_061_000, "1d01h"],
    [86_400_000 * 9_204, "9,204d"],
    [-2_500, "-2.5s"],
  ])("durations show what says most: %d ms", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test("shares and sizes", () => {
    expect([formatPercent(undefined), formatPercent(0), formatPercent(0.426), formatPercent(1)]).toEqual([
      ...["-", "0%", "43%", "100%"],
    ]);
    expect([formatBytes(51_200), formatBytes(234_000_000), formatBytes(12_000_000_000)]).toEqual([
      ...["51 kB", "234 MB", "12 GB"],
    ]);
  });
});

describe("formatTable", () => {
  interface Row {
    readonly name: string;
    readonly count: number;
    readonly note: string;
  }
  const columns = [
    { title: "name", align: "left", text: (row: Row) => row.name },
    { title: "count", text: (row: Row) => String(row.count) },
    { title: "note", align: "left", dropOrder: 1, text: (row: Row) => row.note },
  ] as const;
  const rows: readonly Row[] = [
    { name: "clicks", count: 7, note: "first" },
    { name: "a", count: 12_345, note: "second one" },
  ];

  test("lines columns up, texts left and numbers right, without blanks at the end", () => {
    expect(formatTable(columns, rows)).toEqual([
      "name    count  note",
      "clicks      7  first",
      "a       12345  second one",
    ]);
  });

  test("leaves out what matters least until the lines fit, and cuts only then", () => {
    expect(formatTable(columns, rows, 15)).toEqual(["name    count", "clicks      7", "a       12345"]);
    expect(formatTable(columns, rows, 10)).toEqual(["name    c…", "clicks   …", "a       1…"]);
    expect(cut("abc", 3)).toBe("abc");
  });

  test("a table without rows has its titles", () => {
    expect(formatTable(columns, [])).toEqual(["name  count  note"]);
  });
});
