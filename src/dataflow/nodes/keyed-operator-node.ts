// KeyedOperatorNode — an operator with state under the key of its keyBy.
import type { KeyedOperatorSpec } from "../keyed-operator-spec.ts";
import type { OperatorOptions } from "../stream-options.ts";
import { freezeOptions, type GraphOwner, type NodeBase } from "./graph-owner.ts";
import type { KeyByNode } from "./key-by-node.ts";

export interface KeyedOperatorNode extends NodeBase {
  readonly type: "keyed";
  readonly name: string;
  readonly input: KeyByNode;
  readonly spec: KeyedOperatorSpec;
  readonly options: OperatorOptions;
}

export function createKeyedOperatorNode(
  owner: GraphOwner,
  name: string,
  input: KeyByNode,
  spec: KeyedOperatorSpec,
  options: OperatorOptions | undefined,
): KeyedOperatorNode {
  return Object.freeze({
    type: "keyed",
    owner,
    name,
    input,
    spec: Object.freeze(spec),
    options: freezeOptions(options),
  });
}
