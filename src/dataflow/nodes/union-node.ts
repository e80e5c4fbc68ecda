// UnionNode — several streams read as one. No order is promised between the inputs.
import type { GraphOwner, NodeBase } from "./graph-owner.ts";
import type { StreamNode } from "./logical-node.ts";

export interface UnionNode extends NodeBase {
  readonly type: "union";
  readonly inputs: readonly StreamNode[];
}

export function createUnionNode(owner: GraphOwner, inputs: readonly StreamNode[]): UnionNode {
  return Object.freeze({ type: "union", owner, inputs: Object.freeze([...inputs]) });
}
