// AsyncNode — an operator whose results come later: asyncMap, asyncFlatMap, lookup.
import type { AsyncOperator, AsyncOperatorContext } from "../../operators/async/async-operator.ts";
import type { StateLayout } from "../../state/descriptors.ts";
import type { OperatorOptions } from "../stream-options.ts";
import { freezeOptions, type GraphOwner, type NodeBase } from "./graph-owner.ts";
import type { KeyByNode } from "./key-by-node.ts";
import type { StreamNode } from "./logical-node.ts";

/** What the operator does, as the user gave it. The record type was checked at the call. */
export interface AsyncSpec {
  /** What messages, explain and the plan's hash call it. */
  readonly what: "asyncMap" | "asyncFlatMap" | "keyed asyncMap" | "keyed asyncFlatMap" | "lookup";
  readonly create: (context: AsyncOperatorContext) => AsyncOperator;
  readonly layout: readonly StateLayout[];
}

export interface AsyncNode extends NodeBase {
  readonly type: "async";
  readonly name: string;
  /** Behind a keyBy what is held is filed under its key. */
  readonly input: StreamNode | KeyByNode;
  readonly spec: AsyncSpec;
  /** Those that all operators have. */
  readonly options: OperatorOptions;
}

export function createAsyncNode(
  owner: GraphOwner,
  name: string,
  input: StreamNode | KeyByNode,
  spec: AsyncSpec,
  options: OperatorOptions | undefined,
): AsyncNode {
  return Object.freeze({
    type: "async",
    owner,
    name,
    input,
    spec: Object.freeze(spec),
    options: freezeOptions(options),
  });
}
