// PastFigures — what attempts that are over have done in this process: their partitions moved away or began anew.
//
// With them a worker's counters only grow, so that rates and totals stay right while partitions move.
import type { PartitionMetrics } from "../actors/partition-metrics.ts";
import { createOperatorMetrics, type OperatorMetrics } from "../operators/operator.ts";
import { requestsOf } from "./request-figures.ts";

export class PastFigures {
  readonly #stages = new Map<string, PartitionMetrics>();

  /** Adds the last figures of an attempt. Its gauges (backlog, mailbox, watermark) are gone with it. */
  add(last: PartitionMetrics): void {
    const before = this.#stages.get(last.stage);
    this.#stages.set(last.stage, {
      partition: last.partition,
      stage: last.stage,
      state: "stopped",
      recordsIn: (before?.recordsIn ?? 0) + last.recordsIn,
      recordsOut: (before?.recordsOut ?? 0) + last.recordsOut,
      watermark: Number.POSITIVE_INFINITY,
      backlogEntries: 0,
      mailboxEntries: 0,
      commits: (before?.commits ?? 0) + last.commits,
      time: {
        busyMs: (before?.time.busyMs ?? 0) + last.time.busyMs,
        idleMs: (before?.time.idleMs ?? 0) + last.time.idleMs,
        backpressuredMs: (before?.time.backpressuredMs ?? 0) + last.time.backpressuredMs,
        stateWaitMs: (before?.time.stateWaitMs ?? 0) + last.time.stateWaitMs,
        commitWaitMs: (before?.time.commitWaitMs ?? 0) + last.time.commitWaitMs,
      },
      operators: addOperators(before?.operators, last.operators),
      requests: requestsOf([], before === undefined ? [last] : [before, last]),
    });
  }

  /** One entry per stage. */
  all(): PartitionMetrics[] {
    return [...this.#stages.values()];
  }
}

type Operators = PartitionMetrics["operators"];

function addOperators(before: Operators | undefined, last: Operators): Operators {
  const sums: Record<string, OperatorMetrics> = {};
  for (const operators of [before ?? {}, last])
    for (const [name, metrics] of Object.entries(operators)) {
      sums[name] ??= createOperatorMetrics();
      const sum = sums[name];
      sum.recordsIn += metrics.recordsIn;
      sum.recordsOut += metrics.recordsOut;
      sum.skipped += metrics.skipped;
      sum.deadLetters += metrics.deadLetters;
      sum.late += metrics.late;
    }
  return sums;
}
