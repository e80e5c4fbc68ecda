// StatelessNode — map, filter or flatMap: one record in, some records out, nothing remembered.
import type { OperatorOptions } from "../stream-options.ts";
import { freezeOptions, type GraphOwner, type NodeBase } from "./graph-owner.ts";
import type { StreamNode } from "./logical-node.ts";

export type StatelessKind = "map" | "filter" | "flatMap";

export interface StatelessNode extends NodeBase {
  readonly type: "stateless";
  readonly kind: StatelessKind;
  readonly name: string;
  readonly input: StreamNode;
  /** The user's function; which signature it has follows from `kind`. */
  readonly fn: (...args: never[]) => unknown;
  readonly options: OperatorOptions;
}

export function createStatelessNode(
  owner: GraphOwner,
  kind: StatelessKind,
  name: string,
  input: StreamNode,
  fn: (...args: never[]) => unknown,
  options: OperatorOptions | undefined,
): StatelessNode {
  return Object.freeze({ type: "stateless", owner, kind, name, input, fn, options: freezeOptions(options) });
}
