// ProgressMeter — turns what workers report from time to time into totals that only grow, and rates.
//
// Owns:      the totals of the job as seen by this process, and the last report of each worker.
// Does not:  ask anybody for reports, or print.
//
// Why not simply add the reports up: a worker that dies takes its figures with it, and a partition that moves starts
// to count again from zero. A drop is therefore no news; only growth is counted. Work that is done a second time after
// a failure counts twice here: these are records processed, not results.
import type { StageReport, WorkerReport } from "../runtime/reports.ts";

/** What does not change while the job runs. */
export interface StageShape {
  readonly id: string;
  readonly partitions: number;
  readonly isSource: boolean;
}

export interface StageProgress {
  readonly stage: string;
  readonly isSource: boolean;
  /** Partitions of the stage, and how many of them workers report. */
  readonly partitions: number;
  readonly reportedPartitions: number;
  readonly recordsIn: number;
  /** Put into channels. */
  readonly recordsOut: number;
  /** Given to sinks. */
  readonly recordsWritten: number;
  readonly inPerSecond: number;
  /** Into channels and sinks together. */
  readonly outPerSecond: number;
  readonly skipped: number;
  readonly deadLetters: number;
  readonly late: number;
  /** Entries in output channels that consumers have not taken. */
  readonly backlogEntries: number;
  /** Epoch ms; null before the first and at the end. */
  readonly watermark: number | null;
  /** How far the slowest worker's watermark is behind that worker's clock; null without a watermark. */
  readonly watermarkDelayMs: number | null;
  /** Shares of the partitions' time since the last look, 0 to 1; undefined when nothing is reported. */
  readonly busy: number | undefined;
  readonly backpressured: number | undefined;
  readonly idle: number | undefined;
  /** Waiting for state or for a commit. */
  readonly waiting: number | undefined;
}

const COUNTERS = ["recordsIn", "recordsOut", "sinkRecords", "skipped", "deadLetters", "late"] as const;
const TIMES = ["busyMs", "backpressuredMs", "idleMs", "stateWaitMs", "commitWaitMs"] as const;
type Growing = (typeof COUNTERS)[number] | (typeof TIMES)[number];
type Growth = Record<Growing, number>;

interface Seen {
  readonly report: WorkerReport;
  /** Among the reports of the latest look. A worker that left is remembered: its last word may come afterwards. */
  isPresent: boolean;
  /** When the report was first seen here. */
  readonly seenMs: number;
  /** Since the report before, per stage. */
  readonly growth: ReadonlyMap<string, Growth>;
  /** Between the two reports on the worker's clock; undefined after the first one. */
  readonly spanMs: number | undefined;
}

/** A worker that is silent for so long has no rate any more. Workers report every 500 ms. */
const STALE_MS = 3_000;

export class ProgressMeter {
  readonly #stages: readonly StageShape[];
  readonly #totals: ReadonlyMap<string, Growth>;
  readonly #workers = new Map<string, Seen>();

  constructor(stages: readonly StageShape[]) {
    this.#stages = stages;
    this.#totals = new Map(stages.map((stage) => [stage.id, noGrowth()]));
  }

  /**
   * @param reports the latest of each live worker; one that was seen before changes nothing
   * @param nowMs wall clock in epoch ms
   */
  observe(reports: readonly WorkerReport[], nowMs: number): StageProgress[] {
    for (const seen of this.#workers.values()) seen.isPresent = false;
    for (const report of reports) this.#take(report, nowMs);
    return this.#stages.map((stage) => this.#progressOf(stage, nowMs));
  }

  #take(report: WorkerReport, nowMs: number): void {
    const before = this.#workers.get(report.worker);
    if (before !== undefined && before.report.atMs >= report.atMs) {
      before.isPresent = true;
      return;
    }
    const growth = new Map<string, Growth>();
    for (const stage of report.stages) {
      const total = this.#totals.get(stage.stage);
      if (total === undefined) continue;
      const since = before?.report.stages.find((each) => each.stage === stage.stage);
      const grown = growthBetween(since, stage);
      for (const name of COUNTERS) total[name] += grown[name];
      growth.set(stage.stage, grown);
    }
    const spanMs = before === undefined ? undefined : report.atMs - before.report.atMs;
    this.#workers.set(report.worker, { report, isPresent: true, seenMs: nowMs, growth, spanMs });
  }

  #progressOf(stage: StageShape, nowMs: number): StageProgress {
    const total = this.#totals.get(stage.id)!;
    const recent = noGrowth();
    let inPerSecond = 0;
    let outPerSecond = 0;
    let backlogEntries = 0;
    let reportedPartitions = 0;
    let watermark: number | null = null;
    let watermarkDelayMs: number | null = null;
    for (const { report, isPresent, seenMs, growth, spanMs } of this.#workers.values()) {
      if (!isPresent) continue;
      const reported = report.stages.find((each) => each.stage === stage.id);
      if (reported === undefined) continue;
      reportedPartitions += reported.partitions;
      backlogEntries += reported.backlogEntries;
      const isStale = nowMs - seenMs > STALE_MS;
      if (reported.watermark !== null) {
        watermark = Math.min(watermark ?? reported.watermark, reported.watermark);
        const delayMs = report.atMs - reported.watermark + (isStale ? nowMs - seenMs : 0);
        watermarkDelayMs = Math.max(watermarkDelayMs ?? delayMs, delayMs);
      }
      const grown = growth.get(stage.id);
      if (grown === undefined || isStale) continue;
      for (const name of TIMES) recent[name] += grown[name];
      if (spanMs === undefined || spanMs <= 0) continue;
      inPerSecond += (grown.recordsIn * 1_000) / spanMs;
      outPerSecond += ((grown.recordsOut + grown.sinkRecords) * 1_000) / spanMs;
    }
    const timeMs = TIMES.reduce((sum, name) => sum + recent[name], 0);
    const share = (ms: number): number | undefined => (timeMs > 0 ? ms / timeMs : undefined);
    return {
      stage: stage.id,
      isSource: stage.isSource,
      partitions: stage.partitions,
      reportedPartitions,
      recordsIn: total.recordsIn,
      recordsOut: total.recordsOut,
      recordsWritten: total.sinkRecords,
      inPerSecond,
      outPerSecond,
      skipped: total.skipped,
      deadLetters: total.deadLetters,
      late: total.late,
      backlogEntries,
      watermark,
      watermarkDelayMs,
      busy: share(recent.busyMs),
      backpressured: share(recent.backpressuredMs),
      idle: share(recent.idleMs),
      waiting: share(recent.stateWaitMs + recent.commitWaitMs),
    };
  }
}

function growthBetween(before: StageReport | undefined, now: StageReport): Growth {
  const growth = noGrowth();
  for (const name of [...COUNTERS, ...TIMES]) growth[name] = Math.max(0, now[name] - (before?.[name] ?? 0));
  return growth;
}

function noGrowth(): Growth {
  return {
    recordsIn: 0,
    recordsOut: 0,
    sinkRecords: 0,
    skipped: 0,
    deadLetters: 0,
    late: 0,
    busyMs: 0,
    backpressuredMs: 0,
    idleMs: 0,
    stateWaitMs: 0,
    commitWaitMs: 0,
  };
}
