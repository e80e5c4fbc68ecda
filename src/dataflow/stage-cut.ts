// Where the graph is cut: what a reader asks for, how records travel over the cut, and why it is there.
import type { Partitioning } from "../plan/plan.ts";
import type { AsyncNode } from "./nodes/async-node.ts";
import type { KeyedOperatorNode } from "./nodes/keyed-operator-node.ts";
import type { SinkNode } from "./nodes/sink-node.ts";
import type { StatelessNode } from "./nodes/stateless-node.ts";
import type { TimestampsNode } from "./nodes/timestamps-node.ts";
import type { Outlet } from "./plan-draft.ts";

/** How many partitions a reader wants, and how many it can have at most. */
export interface Wish {
  readonly name: string;
  readonly parallelism: number | undefined;
  readonly maximum: number | undefined;
  /** Who sets the maximum, for the reason of a cut. */
  readonly maximumOf: string;
}

export function wishOf(
  node: StatelessNode | KeyedOperatorNode | AsyncNode | TimestampsNode | SinkNode,
): Wish {
  const sink = node.type === "sink" ? node.sink : undefined;
  return {
    name: node.name,
    parallelism: node.options.parallelism,
    maximum: sink?.maxParallelism,
    maximumOf: sink?.description ?? "",
  };
}

export function partitioningOf(outlet: Outlet, partitions: number): Partitioning {
  if (outlet.routing !== undefined) return { kind: outlet.routing };
  return { kind: outlet.stage.partitions === partitions ? "forward" : "rebalance" };
}

/** For explain: why the readers of `outlets` run in a stage of their own. */
export function reasonOf(outlets: readonly Outlet[], outlet: Outlet, partitions: number, wish: Wish): string {
  if (outlet.routing === "rebalance") return "rebalance: asked for, batches are dealt out in turn";
  if (outlet.routing === "broadcast") return "broadcast: asked for, every partition gets every record";
  const widths = `${partitionsText(outlet.stage.partitions)} to ${partitions}`;
  if (outlets.length > 1) {
    const names = outlets.map((each) => each.operator).join(" and ");
    const change = outlet.stage.partitions === partitions ? "" : `, from ${widths}`;
    return `union: ${names} come together${change}`;
  }
  return wish.maximum !== undefined && partitions === wish.maximum && wish.parallelism === undefined
    ? `parallelism: ${wish.maximumOf} allows at most ${partitionsText(partitions)}, from ${widths}`
    : `parallelism: asked for, from ${widths}`;
}

function partitionsText(partitions: number): string {
  return partitions === 1 ? "1 partition" : `${partitions} partitions`;
}
