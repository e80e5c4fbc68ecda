// LogicalNode — everything a job may be made of. One file per kind beside this one.
import { DEAD_LETTER_TAG } from "../../operators/operator.ts";
import type { KeyedOperatorSpec } from "../keyed-operator-spec.ts";
import type { AsyncNode } from "./async-node.ts";
import type { KeyByNode } from "./key-by-node.ts";
import type { KeyedOperatorNode } from "./keyed-operator-node.ts";
import type { RoutingNode } from "./routing-node.ts";
import type { SideOutputNode } from "./side-output-node.ts";
import type { SinkNode } from "./sink-node.ts";
import type { SourceNode } from "./source-node.ts";
import type { StatelessNode } from "./stateless-node.ts";
import type { TimestampsNode } from "./timestamps-node.ts";
import type { UnionNode } from "./union-node.ts";

/** Nodes whose output is a stream of records. */
export type StreamNode =
  | SourceNode
  | StatelessNode
  | KeyedOperatorNode
  | AsyncNode
  | TimestampsNode
  | UnionNode
  | RoutingNode
  | SideOutputNode;

export type LogicalNode = StreamNode | KeyByNode | SinkNode;

/** Nodes that run code of their own and have a name: identity in state, metrics and errors. */
export type NamedNode =
  | SourceNode
  | StatelessNode
  | KeyedOperatorNode
  | AsyncNode
  | TimestampsNode
  | SinkNode;

export function isNamed(node: LogicalNode): node is NamedNode {
  return ["source", "stateless", "keyed", "async", "timestamps", "sink"].includes(node.type);
}

/** The nodes that `node` reads, in the order in which the user named them. */
export function inputsOf(node: LogicalNode): readonly LogicalNode[] {
  switch (node.type) {
    case "source":
      return [];
    case "union":
      return node.inputs;
    case "keyBy":
      return [node.input, ...node.insteadOf];
    case "keyed":
      return node.second === undefined ? [node.input] : [node.input, node.second];
    default:
      return [node.input];
  }
}

/** What messages call a keyed operator. */
export function wordFor(spec: KeyedOperatorSpec): string {
  return spec.kind === "ready" ? spec.what : spec.kind;
}

/**
 * How messages call a node: `map "enrich"`, `keyBy of source "bids"`.
 *
 * @param depth how many nodes without a name are followed; bounds the text, and ends on graphs with cycles
 */
export function describeNode(node: LogicalNode, depth = 4): string {
  switch (node.type) {
    case "source":
      return `source ${quote(node.name)}`;
    case "stateless":
      return `${node.kind} ${quote(node.name)}`;
    case "keyed":
      return `${wordFor(node.spec)} ${quote(node.name)}`;
    case "async":
      return `${node.spec.what} ${quote(node.name)}`;
    case "timestamps":
      return `assignTimestamps ${quote(node.name)}`;
    case "sink":
      return `sink ${quote(node.name)}`;
    case "keyBy":
      return `keyBy of ${describeInput(node.input, depth)}`;
    case "routing":
      return `${node.kind} of ${describeInput(node.input, depth)}`;
    case "sideOutput":
      return node.tag === DEAD_LETTER_TAG
        ? `dead letters of ${describeInput(node.input, depth)}`
        : `side output ${quote(node.tag)} of ${describeInput(node.input, depth)}`;
    case "union":
      return `union of ${node.inputs.map((input) => describeInput(input, depth)).join(" and ")}`;
  }
}

function describeInput(input: LogicalNode, depth: number): string {
  return depth === 0 ? "…" : describeNode(input, depth - 1);
}

/** A value of any type, short enough for a message. */
export function quote(value: unknown): string {
  if (typeof value === "string") return `"${value.length > 60 ? `${value.slice(0, 60)}…` : value}"`;
  if (typeof value === "function") return `function ${value.name || "(anonymous)"}`;
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return "an array";
  return `an object with ${Object.keys(value).slice(0, 5).join(", ") || "no properties"}`;
}
