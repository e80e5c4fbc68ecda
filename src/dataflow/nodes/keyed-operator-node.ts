// KeyedOperatorNode — an operator with state under the key of its keyBy.
import type { KeyedOperatorSpec } from "../keyed-operator-spec.ts";
import type { OperatorOptions } from "../stream-options.ts";
import { freezeOptions, type GraphOwner, type NodeBase } from "./graph-owner.ts";
import type { KeyByNode } from "./key-by-node.ts";
import type { RoutingNode } from "./routing-node.ts";

export interface KeyedOperatorNode extends NodeBase {
  readonly type: "keyed";
  readonly name: string;
  readonly input: KeyByNode;
  /** Input 1 of an operator with two inputs: records under a key of the same type, or the same records for every partition. */
  readonly second: KeyByNode | RoutingNode | undefined;
  readonly spec: KeyedOperatorSpec;
  readonly options: OperatorOptions;
}

export function createKeyedOperatorNode(
  owner: GraphOwner,
  name: string,
  input: KeyByNode,
  spec: KeyedOperatorSpec,
  options: OperatorOptions | undefined,
  second?: KeyByNode | RoutingNode,
): KeyedOperatorNode {
  return Object.freeze({
    type: "keyed",
    owner,
    name,
    input,
    second,
    spec: Object.freeze(spec),
    options: freezeOptions(options),
  });
}
