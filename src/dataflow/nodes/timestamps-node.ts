// TimestampsNode — where records get event time that is not their source's.
import type { TimestampOptions } from "../stream-options.ts";
import { freezeOptions, type GraphOwner, type NodeBase } from "./graph-owner.ts";
import type { StreamNode } from "./logical-node.ts";

export interface TimestampsNode extends NodeBase {
  readonly type: "timestamps";
  readonly name: string;
  readonly input: StreamNode;
  readonly options: TimestampOptions<unknown>;
}

export function createTimestampsNode<T>(
  owner: GraphOwner,
  name: string,
  input: StreamNode,
  options: TimestampOptions<T>,
): TimestampsNode {
  return Object.freeze({
    type: "timestamps",
    owner,
    name,
    input,
    // The record type is checked where the user wrote the call; inside the graph it is unknown.
    options: freezeOptions(options) as TimestampOptions<unknown>,
  });
}
