// Reports — what workers tell about themselves, and how the numbers of many add up.
import type { PartitionMetrics } from "../actors/partition-metrics.ts";
import type { PartitionId } from "../core/ids.ts";
import type { RequestFigures } from "../operators/async/async-operator.ts";
import type { JobPlan } from "../plan/plan.ts";
import type { WatermarkHold } from "../time/watermark-hold.ts";
import type { SavedWatermark } from "../time/watermarks.ts";

/** Something that happened in this worker; for logs and tests. */
export type RunEvent =
  | { readonly kind: "partition-running"; readonly partition: PartitionId }
  | { readonly kind: "partition-ended"; readonly partition: PartitionId }
  | {
      readonly kind: "partition-restart";
      readonly partition: PartitionId;
      readonly error: Error;
      readonly delayMs: number;
    }
  | { readonly kind: "commit-refused"; readonly partition: PartitionId; readonly reason: string }
  | { readonly kind: "job-failing"; readonly partition: PartitionId | undefined; readonly error: Error }
  | { readonly kind: "session-lost"; readonly error: Error }
  | { readonly kind: "control-plane-lost"; readonly error: Error };

/**
 * Sums over one stage of what one worker does and has done: counters also hold the work of partitions that moved away
 * or began anew, gauges (partitions, backlog, watermark) are those of the partitions it runs.
 */
export interface StageReport {
  readonly stage: string;
  readonly partitions: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  /** Entries in output channels that consumers have not taken. */
  readonly backlogEntries: number;
  readonly commits: number;
  /** Smallest watermark of the stage's partitions in epoch ms; null before the first and at the end. */
  readonly watermark: number | null;
  readonly skipped: number;
  readonly deadLetters: number;
  readonly late: number;
  /** Records that sinks of the stage took. */
  readonly sinkRecords: number;
  readonly busyMs: number;
  readonly backpressuredMs: number;
  readonly idleMs: number;
  readonly stateWaitMs: number;
  readonly commitWaitMs: number;
}

export interface WorkerReport {
  readonly worker: string;
  readonly host: string;
  readonly pid: number;
  /** Wall clock in epoch ms. */
  readonly atMs: number;
  readonly memoryBytes: number;
  readonly stages: readonly StageReport[];
  /** What the watermark of each partition stands by; absent in reports of earlier versions. */
  readonly holds?: readonly PartitionHold[] | undefined;
  /** How the requests of each operator stand that makes some; absent in reports of earlier versions. */
  readonly requests?: readonly RequestFigures[] | undefined;
  /** Smallest watermark per aligned source partition, for the workers that run the others; absent when there is none. */
  readonly alignment?: Readonly<Record<PartitionId, SavedWatermark>> | undefined;
}

/** A partition whose input has not ended, and the input that its watermark stands by. */
export interface PartitionHold extends WatermarkHold {
  readonly partition: PartitionId;
  /** The partition's own watermark in epoch ms; null before its first. It may be ahead of an input that woke up late. */
  readonly merged: number | null;
}

export function partitionHolds(partitions: readonly PartitionMetrics[]): PartitionHold[] {
  return partitions.flatMap(({ partition, watermark, hold }) =>
    hold === undefined ? [] : [{ partition, merged: Number.isFinite(watermark) ? watermark : null, ...hold }],
  );
}

/**
 * @param partitions that the worker runs
 * @param past figures of attempts that are over, which only count
 */
export function summariseStages(
  plan: JobPlan,
  partitions: readonly PartitionMetrics[],
  past: readonly PartitionMetrics[] = [],
): StageReport[] {
  return plan.stages.flatMap((stage) => {
    const own = partitions.filter((partition) => partition.stage === stage.id);
    const counted = [...own, ...past.filter((each) => each.stage === stage.id)];
    if (counted.length === 0) return [];
    const sinks = stage.operators.filter((operator) => operator.type === "sink").map((sink) => sink.name);
    const operators = counted.flatMap((partition) => Object.entries(partition.operators));
    const sum = (of: (partition: PartitionMetrics) => number): number =>
      counted.reduce((total, partition) => total + of(partition), 0);
    const sumOperators = (of: (metrics: PartitionMetrics["operators"][string]) => number): number =>
      operators.reduce((total, [, metrics]) => total + of(metrics), 0);
    const watermark = Math.min(...own.map((partition) => partition.watermark));
    return [
      {
        stage: stage.id,
        partitions: own.length,
        recordsIn: sum((partition) => partition.recordsIn),
        recordsOut: sum((partition) => partition.recordsOut),
        backlogEntries: own.reduce((total, partition) => total + partition.backlogEntries, 0),
        commits: sum((partition) => partition.commits),
        watermark: Number.isFinite(watermark) ? watermark : null,
        skipped: sumOperators((metrics) => metrics.skipped),
        deadLetters: sumOperators((metrics) => metrics.deadLetters),
        late: sumOperators((metrics) => metrics.late),
        sinkRecords: operators
          .filter(([name]) => sinks.includes(name))
          .reduce((total, [, metrics]) => total + metrics.recordsIn, 0),
        busyMs: sum((partition) => partition.time.busyMs),
        backpressuredMs: sum((partition) => partition.time.backpressuredMs),
        idleMs: sum((partition) => partition.time.idleMs),
        stateWaitMs: sum((partition) => partition.time.stateWaitMs),
        commitWaitMs: sum((partition) => partition.time.commitWaitMs),
      },
    ];
  });
}

/** Adds up what several workers report about the same stages. */
export function mergeReports(plan: JobPlan, reports: readonly WorkerReport[]): StageReport[] {
  return plan.stages.map((stage) => {
    const own = reports.flatMap((report) => report.stages.filter((each) => each.stage === stage.id));
    const sum = (of: (each: StageReport) => number): number =>
      own.reduce((total, each) => total + of(each), 0);
    const watermarks = own.flatMap((each) => (each.watermark === null ? [] : [each.watermark]));
    return {
      stage: stage.id,
      partitions: sum((each) => each.partitions),
      recordsIn: sum((each) => each.recordsIn),
      recordsOut: sum((each) => each.recordsOut),
      backlogEntries: sum((each) => each.backlogEntries),
      commits: sum((each) => each.commits),
      watermark: watermarks.length === 0 ? null : Math.min(...watermarks),
      skipped: sum((each) => each.skipped),
      deadLetters: sum((each) => each.deadLetters),
      late: sum((each) => each.late),
      sinkRecords: sum((each) => each.sinkRecords),
      busyMs: sum((each) => each.busyMs),
      backpressuredMs: sum((each) => each.backpressuredMs),
      idleMs: sum((each) => each.idleMs),
      stateWaitMs: sum((each) => each.stateWaitMs),
      commitWaitMs: sum((each) => each.commitWaitMs),
    };
  });
}
