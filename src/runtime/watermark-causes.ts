// Watermark causes — why a stage's event time stands where it stands: the way up from its slowest partition to the split
// or channel that does not move. Pure: reports in, causes out.
import { type PartitionId, parseChannelId, parsePartitionId, partitionId } from "../core/ids.ts";
import { ASSIGN_TIMESTAMPS, type EdgeDescription, type PlanDescription } from "../plan/description.ts";
import type { HoldState } from "../time/watermark-hold.ts";
import type { PartitionHold, WorkerReport } from "./reports.ts";

/** What a walk upstream needs of a plan. */
export interface FlowEdge {
  readonly id: string;
  readonly from: string;
  /** The assignTimestamps of the producing stage that makes the edge's watermarks; undefined: they come from further up. */
  readonly timedBy?: string | undefined;
}

/** The edges of a plan, as it is described or stored. */
export function flowEdges({ stages, edges }: PlanDescription): FlowEdge[] {
  const operators = new Map(
    stages.flatMap((stage) => stage.operators.map((operator) => [operator.name, operator])),
  );
  const timedBy = ({ fromOperator }: EdgeDescription): string | undefined => {
    let operator = operators.get(fromOperator);
    while (operator !== undefined && operator.kind !== ASSIGN_TIMESTAMPS)
      operator = operator.input === "head" ? undefined : operators.get(operator.input.split("#")[0]!);
    return operator?.name;
  };
  return edges.map((edge) => ({ id: edge.id, from: edge.from, timedBy: timedBy(edge) }));
}

export interface WatermarkCause {
  readonly stage: string;
  /** The stage's watermark in epoch ms: that of its slowest partition; null before the first. */
  readonly watermark: number | null;
  /** From the stage's slowest partition upstream to the one that reads `input`. */
  readonly path: readonly PartitionId[];
  readonly kind: "split" | "channel";
  /** Id of the split, or of the channel that the records still have to come through. */
  readonly input: string;
  readonly inputWatermark: number | null;
  /** How long the input has stood there, on the clock of the worker that reads it. */
  readonly forMs: number;
  /** `unreported`: the partition that feeds the channel is run by nobody who reports. */
  readonly state: HoldState | "unreported";
  /** The assignTimestamps in front of the channel `input`, which promises no more so far. */
  readonly timedBy?: string;
}

interface SeenHold extends PartitionHold {
  readonly atMs: number;
}

/**
 * One cause per stage that has event time and has not ended, in the order of `stages`.
 *
 * @param reports the latest of each worker
 */
export function findWatermarkCauses(
  stages: readonly string[],
  edges: readonly FlowEdge[],
  reports: readonly WorkerReport[],
): WatermarkCause[] {
  const holds = new Map<PartitionId, SeenHold>();
  for (const { atMs, holds: reported = [] } of reports)
    for (const hold of reported) {
      // Two workers report a partition while it moves: the later word counts.
      const known = holds.get(hold.partition);
      if (known === undefined || known.atMs < atMs) holds.set(hold.partition, { ...hold, atMs });
    }
  const byId = new Map(edges.map((edge) => [edge.id, edge]));
  return stages.flatMap((stage) => {
    const slowest = slowestOf(
      [...holds.values()].filter((hold) => parsePartitionId(hold.partition).stage === stage),
    );
    if (slowest === undefined) return [];
    const cause = climb(slowest, holds, byId);
    return cause.state === "untimed" ? [] : [{ stage, watermark: slowest.merged, ...cause }];
  });
}

/** The smallest watermark; of equals the one that has stood there longest. */
function slowestOf(holds: readonly SeenHold[]): SeenHold | undefined {
  let slowest: SeenHold | undefined;
  for (const hold of holds) if (slowest === undefined || compare(hold, slowest) < 0) slowest = hold;
  return slowest;
}

function compare(a: SeenHold, b: SeenHold): number {
  return (
    timeOf(a.merged) - timeOf(b.merged) || timeOf(a.watermark) - timeOf(b.watermark) || a.sinceMs - b.sinceMs
  );
}

/** JSON has no infinities, and infinities no difference. */
function timeOf(watermark: number | null): number {
  return watermark ?? -Number.MAX_VALUE;
}

function climb(
  from: SeenHold,
  holds: ReadonlyMap<PartitionId, SeenHold>,
  edges: ReadonlyMap<string, FlowEdge>,
): Omit<WatermarkCause, "stage" | "watermark"> {
  const path = [from.partition];
  let hold = from;
  let unreported = false;
  let timedBy: string | undefined;
  while (hold.kind === "channel") {
    const { edge: id, producer } = parseChannelId(hold.input);
    const edge = edges.get(id);
    if (edge === undefined) break;
    timedBy = edge.timedBy;
    if (timedBy !== undefined) break;
    const above = holds.get(partitionId(edge.from, producer));
    if (above === undefined) {
      unreported = true;
      break;
    }
    // The producer is further: what is missing is on its way through the channel.
    if (timeOf(above.merged) > timeOf(hold.watermark)) break;
    path.push(above.partition);
    hold = above;
  }
  return {
    path,
    kind: hold.kind,
    input: hold.input,
    inputWatermark: hold.watermark,
    forMs: Math.max(0, hold.atMs - hold.sinceMs),
    state: unreported ? "unreported" : hold.state,
    ...(timedBy !== undefined && { timedBy }),
  };
}
