// Golden texts: what people see, character by character.
import { describe, expect, test } from "vitest";
import type { StageProgress } from "../../src/cli/progress-meter.ts";
import {
  formatLiveTable,
  formatPlainLines,
  formatSummary,
  type JobProgress,
  progressObject,
  summarise,
  summaryObject,
} from "../../src/cli/progress-text.ts";
import { formatStatus, statusObject } from "../../src/cli/status-text.ts";
import type { JobStatusReport } from "../../src/runtime/weir.ts";

const clicks: StageProgress = {
  ...{ stage: "clicks", isSource: true, partitions: 4, reportedPartitions: 4 },
  ...{
    recordsIn: 1_234_567,
    recordsOut: 1_234_000,
    recordsWritten: 0,
    inPerSecond: 98_765.4,
    outPerSecond: 98_700,
  },
  ...{
    skipped: 0,
    deadLetters: 0,
    late: 0,
    backlogEntries: 17,
    watermark: 1_000_000,
    watermarkDelayMs: 1_234,
  },
  ...{ busy: 0.815, backpressured: 0.1, idle: 0.05, waiting: 0.035 },
};
const counts: StageProgress = {
  ...{ stage: "counts-per-country", isSource: false, partitions: 8, reportedPartitions: 6 },
  ...{ recordsIn: 1_233_999, recordsOut: 10, recordsWritten: 32, inPerSecond: 98_000, outPerSecond: 2.4 },
  ...{ skipped: 1, deadLetters: 2, late: 3, backlogEntries: 0, watermark: null, watermarkDelayMs: null },
  ...{ busy: undefined, backpressured: undefined, idle: undefined, waiting: undefined },
};
const progress: JobProgress = {
  ...{ job: "site", status: "running", elapsedMs: 12_345.6, workers: 3 },
  stages: [clicks, counts],
};

describe("the live table", () => {
  test("shows rates, totals, backlog, delay and load per stage", () => {
    expect(formatLiveTable(progress, 120)).toEqual([
      "site: running, 3 workers, 12.3s",
      "stage               parts    in/s   out/s         in        out  backlog  delay  busy  backpressure",
      "clicks                  4  98,765  98,700  1,234,567  1,234,000       17   1.2s   82%           10%",
      "counts-per-country    6/8  98,000       2  1,233,999         42        0      -     -             -",
    ]);
  });

  test("leaves columns out in a narrow terminal, and no line is wider than it", () => {
    expect(formatLiveTable(progress, 80)).toEqual([
      "site: running, 3 workers, 12.3s",
      "stage                 in/s   out/s         in        out  backlog  delay  busy",
      "clicks              98,765  98,700  1,234,567  1,234,000       17   1.2s   82%",
      "counts-per-country  98,000       2  1,233,999         42        0      -     -",
    ]);
    for (let width = 5; width < 120; width++)
      for (const line of formatLiveTable(progress, width)) expect(line.length).toBeLessThanOrEqual(width);
  });
});

test("a line of progress is complete in itself", () => {
  expect(formatPlainLines(progress)).toEqual([
    "12.3s clicks: in 98,765/s (1,234,567), out 98,700/s (1,234,000), backlog 17, delay 1.2s, busy 82%, backpressure 10%",
    "12.3s counts-per-country: in 98,000/s (1,233,999), out 2/s (42), backlog 0, delay -, busy -, backpressure -",
  ]);
});

test("progress as JSON has whole rates, and null for what nobody measured", () => {
  const { progress: object } = JSON.parse(JSON.stringify(progressObject(progress))) as { progress: object };
  expect(object).toMatchObject({
    ...{ job: "site", status: "running", elapsedMs: 12_346, workers: 3 },
    stages: [
      { stage: "clicks", inPerSecond: 98_765, busy: 0.815, watermarkDelayMs: 1_234 },
      { stage: "counts-per-country", outPerSecond: 2, busy: null, watermarkDelayMs: null },
    ],
  });
});

describe("the summary", () => {
  test("counts what sources gave and sinks took, and names only what happened", () => {
    const summary = summarise("site", "finished", 10_000, 1, progress.stages);
    expect(formatSummary(summary)).toBe(
      "job site finished after 10.0s: 1,234,567 records read (123,457/s), 32 written, 1 skipped, 2 dead letters, " +
        "3 late, 1 restart",
    );
    expect(formatSummary(summarise("site", "drained", 10_000, 0, [clicks]))).toBe(
      "job site drained after 10.0s: 1,234,567 records read (123,457/s), 0 written",
    );
    expect(summaryObject(summary)).toMatchObject({
      summary: { job: "site", status: "finished", recordsRead: 1_234_567, recordsWritten: 32, restarts: 1 },
    });
  });
});

describe("weir status", () => {
  const status: JobStatusReport = {
    job: {
      ...{
        name: "site",
        status: "failed",
        incarnation: 2,
        planHash: "abc",
        config: "{}",
        layouts: "{}",
        layoutSeq: 0,
      },
      failure: { code: "NO_LUCK", message: "it rained", partition: "clicks.1" },
    },
    leader: "71-aa",
    workers: [
      {
        ...{ id: "71-aa", host: "one", pid: 71, leaving: false, partitions: 7 },
        report: { worker: "71-aa", host: "one", pid: 71, atMs: 5, memoryBytes: 234_000_000, stages: [] },
      },
      { ...{ id: "9-b", host: "two", pid: 9, leaving: true, partitions: 5 }, report: undefined },
    ],
    partitions: 12,
    endedPartitions: 2,
  };

  test("shows the job, why it failed, its stages and its workers", () => {
    expect(formatStatus(status, progress.stages).split("\n")).toEqual([
      "job site: failed, 2 workers, 2 of 12 partitions ended, led by 71-aa",
      "failed in partition clicks.1: it rained [NO_LUCK]",
      "",
      "stage               partitions         in        out  lag  delay  busy  backpressured  idle",
      "clicks                       4  1,234,567  1,234,000   17   1.2s   82%            10%    5%",
      "counts-per-country         6/8  1,233,999         42    0      -     -              -     -",
      "",
      "worker  host  pid  partitions  memory  state",
      "71-aa   one    71           7  234 MB  working",
      "9-b     two     9           5       -  leaving",
    ]);
  });

  test("as JSON it has the same facts", () => {
    expect(JSON.parse(JSON.stringify(statusObject(status, progress.stages)))).toMatchObject({
      ...{ job: "site", status: "failed", leader: "71-aa", partitions: 12, endedPartitions: 2 },
      failure: { code: "NO_LUCK" },
      stages: [
        { stage: "clicks", backlogEntries: 17, idle: 0.05 },
        { stage: "counts-per-country", idle: null },
      ],
      workers: [
        { id: "71-aa", memoryBytes: 234_000_000, reportedAtMs: 5 },
        { id: "9-b", memoryBytes: null },
      ],
    });
  });
});
