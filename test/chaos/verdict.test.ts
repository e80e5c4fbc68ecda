// The judge of the fault tests must see every kind of mistake, or nothing that it approves means anything.
import { describe, expect, test } from "vitest";
import { type ChaosJob, type ChaosResult, numbered, timestampOf, WINDOW_MS } from "./job.ts";
import { judge, type Published, type WindowRow } from "./verdict.ts";

const job: ChaosJob = {
  name: "judged",
  partitions: 2,
  keys: 7,
  ratePerSecond: 1,
  maxBatch: 1,
  reportEvery: 3,
  padBytes: 0,
  slowMs: 0,
  requestMs: 0,
  dir: "",
};
const LIMIT = 50;

/** What a perfect run publishes. */
function perfect(): Published & { results: ChaosResult[]; fileResults: ChaosResult[]; windows: WindowRow[] } {
  const totals = new Map<string, { count: number; sum: number }>();
  const windows = new Map<string, number>();
  const results: ChaosResult[] = [];
  for (let n = 0; n < LIMIT; n++)
    for (let split = 0; split < job.partitions; split++) {
      const record = numbered(job, split, n);
      const total = totals.get(record.k) ?? { count: 0, sum: 0 };
      totals.set(record.k, { count: total.count + 1, sum: total.sum + record.id });
      if ((total.count + 1) % job.reportEvery === 0)
        results.push({ kind: "progress", key: record.k, count: total.count + 1 });
      expect(timestampOf(record)).toBeLessThan(WINDOW_MS);
      windows.set(record.k, (windows.get(record.k) ?? 0) + 1);
    }
  for (const [key, total] of totals) results.push({ kind: "total", key, ...total });
  return {
    results,
    fileResults: [...results],
    windows: [...windows].map(([key, value]) => ({ key, value, window: { start: 0, end: WINDOW_MS } })),
  };
}

const problemsOf = (published: Published): readonly string[] => judge(job, LIMIT, published).problems;

describe("the verdict", () => {
  test("a perfect run is exactly once", () => {
    const records = LIMIT * job.partitions;
    const verdict = { exactlyOnce: true, records, counted: records, problems: [] };
    expect(judge(job, LIMIT, perfect())).toEqual(verdict);
  });

  test.each<[string, (published: ReturnType<typeof perfect>) => unknown]>([
    ["a total that is one too low", (p) => change(p, { count: -1, sum: 0 })],
    ["a total that is one too high", (p) => change(p, { count: 1, sum: 0 })],
    ["another record counted instead", (p) => change(p, { count: 0, sum: 2 })],
    ["a missing total", (p) => p.results.pop()],
    ["a total twice", (p) => p.results.push(p.results.at(-1)!)],
    ["a missing progress", (p) => p.results.shift()],
    ["a progress twice", (p) => p.results.unshift(p.results[0]!)],
    ["a violation", (p) => p.results.push({ kind: "violation", key: "k1", count: 5, expected: 4 })],
    ["a missing window", (p) => p.windows.pop()],
    ["a window twice", (p) => p.windows.push(p.windows[0]!)],
    ["a window of another key", (p) => p.windows.push({ ...p.windows[0]!, key: "k99" })],
    ["a line missing in a file", (p) => p.fileResults.pop()],
    ["a line twice in a file", (p) => p.fileResults.push(p.fileResults[0]!)],
  ])("sees %s", (_name, spoil) => {
    const published = perfect();
    spoil(published);
    expect(problemsOf(published)).not.toEqual([]);
  });
});

function change(published: ReturnType<typeof perfect>, by: { count: number; sum: number }): void {
  const at = published.results.findIndex((result) => result.kind === "total");
  const total = published.results[at] as Extract<ChaosResult, { kind: "total" }>;
  const changed = { ...total, count: total.count + by.count, sum: total.sum + by.sum };
  published.results[at] = changed;
  published.fileResults[at] = changed;
}
