// SourceNode — where records enter the job.
import type { Source } from "../../connectors/contract.ts";
import type { SourceOptions } from "../stream-options.ts";
import { freezeOptions, type GraphOwner, type NodeBase } from "./graph-owner.ts";

export interface SourceNode extends NodeBase {
  readonly type: "source";
  readonly name: string;
  readonly source: Source<unknown>;
  readonly options: SourceOptions<unknown>;
}

export function createSourceNode<T>(
  owner: GraphOwner,
  name: string,
  source: Source<T>,
  options: SourceOptions<T> | undefined,
): SourceNode {
  return Object.freeze({
    type: "source",
    owner,
    name,
    source: source as Source<unknown>,
    // The record type is checked where the user wrote the call; inside the graph it is unknown.
    options: freezeOptions(options) as SourceOptions<unknown>,
  });
}
