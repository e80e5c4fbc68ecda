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

/** What is wrong with the results whatever is still to come; empty as long as nothing is. */
export function findViolations(
  job: ChaosJob,
  results: readonly ChaosResult[],
  windows: readonly WindowRow[],
): string[] {
  const problems: string[] = [];
  const progress = new Map<string, number>();
  const totals = new Set<string>();
  for (const result of results) {
    const { key, count } = result;
    if (result.kind === "violation")
      problems.push(`${key}: count ${count} came where ${result.expected} was next`);
    if (result.kind === "progress") {
      const next = (progress.get(key) ?? 0) + job.reportEvery;
      if (count !== next) problems.push(`${key}: progress ${count} came where ${next} was next`);
      progress.set(key, count);
    }
    if (result.kind === "total") {
      if (totals.has(key)) problems.push(`${key}: its total came twice`);
      totals.add(key);
    }
  }
  const seen = new Set<string>();
  for (const row of windows) {
    const name = windowName(row.key, row.window.start);
    if (seen.has(name)) problems.push(`window ${name} came twice`);
    seen.add(name);
  }
  return problems;
}

/** What the outside has of a job. */
export interface Published {
  /** Of the stream "results", in its order. */
  readonly results: readonly ChaosResult[];
  /** Of the files, one after the other. */
  readonly fileResults: readonly ChaosResult[];
  readonly windows: readonly WindowRow[];
}

/** @param limit records per split */
export function judge(job: ChaosJob, limit: number, published: Published): Verdict {
  const { results, fileResults, windows } = published;
  const expected = expectedResults(job, limit);
  const problems = findViolations(job, results, windows);

  const progress = new Map<string, number>();
  const totals = new Map<string, { count: number; sum: number }>();
  let counted = 0;
  for (const result of results) {
    if (result.kind === "progress") progress.set(result.key, result.count);
    if (result.kind !== "total") continue;
    totals.set(result.key, result);
    counted += result.count;
  }
  for (const [key, { count, sum }] of expected.totals) {
    const total = totals.get(key);
    if (total === undefined) problems.push(`${key}: no total, expected ${count}`);
    else if (total.count !== count) problems.push(`${key}: counted ${total.count} of ${count}`);
    else if (total.sum !== sum) problems.push(`${key}: the count is right, but other records were counted`);
    const lastProgress = count - (count % job.reportEvery);
    if ((progress.get(key) ?? 0) !== lastProgress)
      problems.push(`${key}: progress ended at ${progress.get(key) ?? 0} of ${lastProgress}`);
  }
  for (const key of totals.keys())
    if (!expected.totals.has(key)) problems.push(`${key}: a key that no record has`);

  const found = new Map(windows.map((row) => [windowName(row.key, row.window.start), row.value]));
  for (const [name, count] of expected.windows)
    if (found.get(name) !== count)
      problems.push(`window ${name} counted ${found.get(name) ?? "nothing"}, expected ${count}`);
  for (const name of found.keys())
    if (!expected.windows.has(name)) problems.push(`window ${name} came, but no record is in it`);

  problems.push(...findViolations(job, fileResults, []).map((problem) => `files: ${problem}`));
  const inStream = results.map((result) => JSON.stringify(result)).sort();
  const inFiles = fileResults.map((result) => JSON.stringify(result)).sort();
  const difference = inStream.findIndex((text, i) => text !== inFiles[i]);
  if (difference >= 0)
    problems.push(`the stream has ${inStream[difference]} where the files have ${inFiles[difference]}`);
  else if (inFiles.length !== inStream.length)
    problems.push(`the files have ${inFiles.length} results, the stream ${inStream.length}`);

  return {
    exactlyOnce: problems.length === 0,
    records: limit * job.partitions,
    counted,
    problems: problems.slice(0, MAX_PROBLEMS),
  };
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
