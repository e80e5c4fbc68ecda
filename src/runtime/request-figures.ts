// How the figures of requests add up: over partitions, over attempts, over workers. Pure.
import type { PartitionMetrics } from "../actors/partition-metrics.ts";
import type { RequestFigures } from "../operators/async/async-operator.ts";

/** One entry per operator, in the order of first appearance: counts are added, of ages the oldest stays. */
export function sumRequests(figures: readonly RequestFigures[]): RequestFigures[] {
  const sums = new Map<string, RequestFigures>();
  for (const each of figures) {
    const sum = sums.get(each.operator);
    sums.set(each.operator, sum === undefined ? each : added(sum, each));
  }
  return [...sums.values()];
}

function added(a: RequestFigures, b: RequestFigures): RequestFigures {
  return {
    operator: a.operator,
    inFlight: a.inFlight + b.inFlight,
    held: a.held + b.held,
    oldestMs:
      a.oldestMs === null || b.oldestMs === null
        ? (a.oldestMs ?? b.oldestMs)
        : Math.max(a.oldestMs, b.oldestMs),
    retries: a.retries + b.retries,
    timeouts: a.timeouts + b.timeouts,
  };
}

/** What remains of an attempt that is over: nothing is under way any more. */
export function pastRequests(figures: readonly RequestFigures[]): RequestFigures[] {
  return figures.map(({ operator, retries, timeouts }) => ({
    ...{ operator, inFlight: 0, held: 0, oldestMs: null },
    ...{ retries, timeouts },
  }));
}

/** @param past figures of attempts that are over */
export function requestsOf(
  partitions: readonly PartitionMetrics[],
  past: readonly PartitionMetrics[],
): RequestFigures[] {
  return sumRequests([
    ...partitions.flatMap(({ requests = [] }) => requests),
    ...past.flatMap(({ requests = [] }) => pastRequests(requests)),
  ]);
}
