// KeyByNode — says which records belong together. Nothing runs here: the planner turns it into the edge of its readers.
import type { KeyCodec } from "../key-codec.ts";
import type { KeyByOptions } from "../stream-options.ts";
import { freezeOptions, type GraphOwner, type NodeBase } from "./graph-owner.ts";
import type { StreamNode } from "./logical-node.ts";

export interface KeyByNode extends NodeBase {
  readonly type: "keyBy";
  readonly input: StreamNode;
  readonly key: (record: never) => unknown;
  readonly options: KeyByOptions<unknown>;
  /** The keyBys in whose place this one stands, for streams that were united: nobody else need read them. */
  readonly insteadOf: readonly KeyByNode[];
}

export function createKeyByNode(
  owner: GraphOwner,
  input: StreamNode,
  key: (record: never) => unknown,
  options: { readonly keyCodec?: KeyCodec<never> | undefined } | undefined,
  insteadOf: readonly KeyByNode[] = [],
): KeyByNode {
  return Object.freeze({
    type: "keyBy",
    owner,
    input,
    key,
    options: freezeOptions(options) as KeyByOptions<unknown>,
    insteadOf: Object.freeze([...insteadOf]),
  });
}
