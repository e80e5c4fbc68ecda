// The words and columns of a job's progress. Pure: progress in, text or JSON out.
import { type Column, cut, formatCount, formatDuration, formatPercent, formatTable } from "./figures.ts";
import type { StageProgress } from "./progress-meter.ts";

export interface JobProgress {
  readonly job: string;
  /** `starting`, `draining`, or the status that coordination stores. */
  readonly status: string;
  readonly elapsedMs: number;
  readonly workers: number;
  readonly stages: readonly StageProgress[];
}

/** What of it travels as JSON; figures that nobody measured are null. */
export function progressObject(progress: JobProgress): { readonly progress: object } {
  return {
    progress: {
      ...progress,
      elapsedMs: Math.round(progress.elapsedMs),
      stages: progress.stages.map(stageObject),
    },
  };
}

export function stageObject(stage: StageProgress): object {
  const { busy, backpressured, idle, waiting, inPerSecond, outPerSecond, ...rest } = stage;
  return {
    ...rest,
    inPerSecond: Math.round(inPerSecond),
    outPerSecond: Math.round(outPerSecond),
    busy: rounded(busy),
    backpressured: rounded(backpressured),
    idle: rounded(idle),
    waiting: rounded(waiting),
  };
}

const LIVE_COLUMNS: readonly Column<StageProgress>[] = [
  { title: "stage", align: "left", text: (stage) => cut(stage.stage, 24) },
  { title: "parts", dropOrder: 5, text: partsText },
  { title: "in/s", text: (stage) => formatCount(stage.inPerSecond) },
  { title: "out/s", text: (stage) => formatCount(stage.outPerSecond) },
  { title: "in", dropOrder: 1, text: (stage) => formatCount(stage.recordsIn) },
  { title: "out", dropOrder: 2, text: (stage) => formatCount(outOf(stage)) },
  { title: "backlog", text: (stage) => formatCount(stage.backlogEntries) },
  { title: "delay", text: delayText },
  { title: "busy", text: (stage) => formatPercent(stage.busy) },
  { title: "backpressure", dropOrder: 3, text: (stage) => formatPercent(stage.backpressured) },
];

const STATUS_COLUMNS: readonly Column<StageProgress>[] = [
  { title: "stage", align: "left", text: (stage) => stage.stage },
  { title: "partitions", text: partsText },
  { title: "in", text: (stage) => formatCount(stage.recordsIn) },
  { title: "out", text: (stage) => formatCount(outOf(stage)) },
  { title: "lag", text: (stage) => formatCount(stage.backlogEntries) },
  { title: "delay", text: delayText },
  { title: "busy", text: (stage) => formatPercent(stage.busy) },
  { title: "backpressured", text: (stage) => formatPercent(stage.backpressured) },
  { title: "idle", text: (stage) => formatPercent(stage.idle) },
];

/** The table that is redrawn on a terminal: a headline, titles, one line per stage. */
export function formatLiveTable(progress: JobProgress, width: number): string[] {
  return [cut(headline(progress), width), ...formatTable(LIVE_COLUMNS, progress.stages, width)];
}

/** The stages as `weir status` shows them. */
export function formatStageTable(stages: readonly StageProgress[]): string[] {
  return formatTable(STATUS_COLUMNS, stages);
}

/** For logs: one line per stage, each complete in itself. */
export function formatPlainLines(progress: JobProgress): string[] {
  const time = formatDuration(progress.elapsedMs);
  return progress.stages.map((stage) => {
    const parts = [
      `in ${formatCount(stage.inPerSecond)}/s (${formatCount(stage.recordsIn)})`,
      `out ${formatCount(stage.outPerSecond)}/s (${formatCount(outOf(stage))})`,
      `backlog ${formatCount(stage.backlogEntries)}`,
      `delay ${delayText(stage)}`,
      `busy ${formatPercent(stage.busy)}`,
      `backpressure ${formatPercent(stage.backpressured)}`,
    ];
    return `${time} ${stage.stage}: ${parts.join(", ")}`;
  });
}

/** What a run did, once it is over. */
export interface RunSummary {
  readonly job: string;
  /** `finished`, `failed`, `cancelled`; `drained` when a signal ended this process's part. */
  readonly status: string;
  readonly elapsedMs: number;
  /** Records that the sources gave. */
  readonly recordsRead: number;
  /** Records that the sinks took. */
  readonly recordsWritten: number;
  readonly recordsPerSecond: number;
  readonly skipped: number;
  readonly deadLetters: number;
  readonly late: number;
  /** Partitions that were started again after a failure, and worker processes that were replaced. */
  readonly restarts: number;
  readonly stages: readonly StageProgress[];
}

export function summarise(
  job: string,
  status: string,
  elapsedMs: number,
  restarts: number,
  stages: readonly StageProgress[],
): RunSummary {
  const sum = (of: (stage: StageProgress) => number): number =>
    stages.reduce((all, stage) => all + of(stage), 0);
  const recordsRead = sum((stage) => (stage.isSource ? stage.recordsIn : 0));
  return {
    job,
    status,
    elapsedMs,
    recordsRead,
    recordsWritten: sum((stage) => stage.recordsWritten),
    recordsPerSecond: elapsedMs > 0 ? Math.round((recordsRead * 1_000) / elapsedMs) : 0,
    skipped: sum((stage) => stage.skipped),
    deadLetters: sum((stage) => stage.deadLetters),
    late: sum((stage) => stage.late),
    restarts,
    stages,
  };
}

export function formatSummary(summary: RunSummary): string {
  const facts = [
    `${formatCount(summary.recordsRead)} records read (${formatCount(summary.recordsPerSecond)}/s)`,
    `${formatCount(summary.recordsWritten)} written`,
  ];
  if (summary.skipped > 0) facts.push(`${formatCount(summary.skipped)} skipped`);
  if (summary.deadLetters > 0) facts.push(`${formatCount(summary.deadLetters)} dead letters`);
  if (summary.late > 0) facts.push(`${formatCount(summary.late)} late`);
  if (summary.restarts > 0)
    facts.push(`${formatCount(summary.restarts)} ${summary.restarts === 1 ? "restart" : "restarts"}`);
  return `job ${summary.job} ${summary.status} after ${formatDuration(summary.elapsedMs)}: ${facts.join(", ")}`;
}

export function summaryObject(summary: RunSummary): { readonly summary: object } {
  return {
    summary: {
      ...summary,
      elapsedMs: Math.round(summary.elapsedMs),
      stages: summary.stages.map(
        ({ stage, recordsIn, recordsOut, recordsWritten, skipped, deadLetters, late }) => ({
          ...{ stage, recordsIn, recordsOut, recordsWritten },
          ...{ skipped, deadLetters, late },
        }),
      ),
    },
  };
}

function headline(progress: JobProgress): string {
  const { job, status, elapsedMs, workers } = progress;
  return `${job}: ${status}, ${workers} ${workers === 1 ? "worker" : "workers"}, ${formatDuration(elapsedMs)}`;
}

function partsText(stage: StageProgress): string {
  return stage.reportedPartitions === stage.partitions
    ? String(stage.partitions)
    : `${stage.reportedPartitions}/${stage.partitions}`;
}

function outOf(stage: StageProgress): number {
  return stage.recordsOut + stage.recordsWritten;
}

function delayText(stage: StageProgress): string {
  return stage.watermarkDelayMs === null ? "-" : formatDuration(stage.watermarkDelayMs);
}

function rounded(share: number | undefined): number | null {
  return share === undefined ? null : Math.round(share * 1_000) / 1_000;
}
