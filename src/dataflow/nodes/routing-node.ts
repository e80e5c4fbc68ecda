// RoutingNode — rebalance or broadcast: the user asks for a cut and says how records cross it.
import type { GraphOwner, NodeBase } from "./graph-owner.ts";
import type { StreamNode } from "./logical-node.ts";

export type RoutingKind = "rebalance" | "broadcast";

export interface RoutingNode extends NodeBase {
  readonly type: "routing";
  readonly kind: RoutingKind;
  readonly input: StreamNode;
}

export function createRoutingNode(owner: GraphOwner, kind: RoutingKind, input: StreamNode): RoutingNode {
  return Object.freeze({ type: "routing", owner, kind, input });
}
