// SideOutputNode — one of the other outputs of an operator: what it sends to a tag, or its dead letters.

import type { AsyncNode } from "./async-node.ts";
import type { GraphOwner, NodeBase } from "./graph-owner.ts";
import type { KeyedOperatorNode } from "./keyed-operator-node.ts";
import type { SourceNode } from "./source-node.ts";
import type { StatelessNode } from "./stateless-node.ts";
import type { TimestampsNode } from "./timestamps-node.ts";

export interface SideOutputNode extends NodeBase {
  readonly type: "sideOutput";
  readonly input: SourceNode | StatelessNode | KeyedOperatorNode | AsyncNode | TimestampsNode;
  readonly tag: string;
}

export function createSideOutputNode(
  owner: GraphOwner,
  input: SideOutputNode["input"],
  tag: string,
): SideOutputNode {
  return Object.freeze({ type: "sideOutput", owner, input, tag });
}
