// SinkNode — where records leave the job.
import type { Sink } from "../../connectors/contract.ts";
import type { SinkOptions } from "../stream-options.ts";
import { freezeOptions, type GraphOwner, type NodeBase } from "./graph-owner.ts";
import type { StreamNode } from "./logical-node.ts";

export interface SinkNode extends NodeBase {
  readonly type: "sink";
  readonly name: string;
  readonly input: StreamNode;
  readonly sink: Sink<unknown>;
  readonly options: SinkOptions;
}

export function createSinkNode<T>(
  owner: GraphOwner,
  name: string,
  input: StreamNode,
  sink: Sink<T>,
  options: SinkOptions | undefined,
): SinkNode {
  return Object.freeze({
    type: "sink",
    owner,
    name,
    input,
    sink: sink as Sink<unknown>,
    options: freezeOptions(options),
  });
}
