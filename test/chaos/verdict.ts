// Verdict — were the results of a chaos job those of every record counted exactly once? Pure: what was found in,
// sentences about what is wrong out.
import { type ChaosJob, type ChaosResult, numbered, timestampOf, WINDOW_MS } from "./job.ts";

/** A row of the stream "windows". */
export interface WindowRow {
  readonly key: string;
  readonly value: number;
  readonly window: { readonly start: number; readonly end: number };
}

export interface Verdict {
  readonly exactlyOnce: boolean;
  /** Records that the source had. */
  readonly records: number;
  /** Sum of the totals that were reported. */
  readonly counted: number;
  /** What is wrong, a sentence each; empty when nothing is. At most 20. */
  readonly problems: readonly string[];
}

const MAX_PROBLEMS = 20;

/** @param limit records per split */
export function judge(
  job: ChaosJob,
  limit: number,
  results: readonly ChaosResult[],
  windows: readonly WindowRow[],
): Verdict {
  const expected = expectedResults(job, limit);
  const problems: string[] = [];
  const note = (problem: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem);
  };

  const progress = new Map<string, number>();
  const totals = new Map<string, { count: number; sum: number }>();
  let counted = 0;
  for (const result of results)
    switch (result.kind) {
      case "violation":
        note(`${result.key}: count ${result.count} came where ${result.expected} was next`);
        break;
      case "progress": {
        const next = (progress.get(result.key) ?? 0) + job.reportEvery;
        if (result.count !== next)
          note(`${result.key}: progress ${result.count} came where ${next} was next`);
        progress.set(result.key, result.count);
        break;
      }
      case "total":
        if (totals.has(result.key)) note(`${result.key}: its total came twice`);
        totals.set(result.key, result);
        counted += result.count;
    }

  for (const [key, { count, sum }] of expected.totals) {
    const total = totals.get(key);
    if (total === undefined) note(`${key}: no total, expected ${count}`);
    else if (total.count !== count) note(`${key}: counted ${total.count} of ${count}`);
    else if (total.sum !== sum) note(`${key}: the count is right, but other records were counted`);
    const lastProgress = count - (count % job.reportEvery);
    if ((progress.get(key) ?? 0) !== lastProgress)
      note(`${key}: progress ended at ${progress.get(key) ?? 0} of ${lastProgress}`);
  }
  for (const key of totals.keys()) if (!expected.totals.has(key)) note(`${key}: a key that no record has`);

  const found = new Map<string, number>();
  for (const row of windows) {
    const name = windowName(row.key, row.window.start);
    if (found.has(name)) note(`window ${name} came twice`);
    found.set(name, row.value);
    if (expected.windows.get(name) !== row.value)
      note(`window ${name} counted ${row.value}, expected ${expected.windows.get(name) ?? "no such window"}`);
  }
  for (const name of expected.windows.keys()) if (!found.has(name)) note(`window ${name} never came`);

  return { exactlyOnce: problems.length === 0, records: limit * job.partitions, counted, problems };
}

function expectedResults(
  job: ChaosJob,
  limit: number,
): { totals: Map<string, { count: number; sum: number }>; windows: Map<string, number> } {
  const totals = new Map<string, { count: number; sum: number }>();
  const windows = new Map<string, number>();
  for (let split = 0; split < job.partitions; split++)
    for (let n = 0; n < limit; n++) {
      const record = numbered(job, split, n);
      let total = totals.get(record.k);
      if (total === undefined) {
        total = { count: 0, sum: 0 };
        totals.set(record.k, total);
      }
      total.count++;
      total.sum += record.id;
      const name = windowName(record.k, timestampOf(record) - (timestampOf(record) % WINDOW_MS));
      windows.set(name, (windows.get(name) ?? 0) + 1);
    }
  return { totals, windows };
}

function windowName(key: string, start: number): string {
  return `${key}@${start}`;
}
