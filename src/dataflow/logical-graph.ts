// LogicalGraph — the frozen description of a job as the user wrote it, before anything is planned.
import type { GraphOwner } from "./nodes/graph-owner.ts";
import { inputsOf, type LogicalNode } from "./nodes/logical-node.ts";

export interface LogicalGraph {
  readonly job: string;
  readonly owner: GraphOwner;
  /** In the order of the calls that made them: inputs before their readers. */
  readonly nodes: readonly LogicalNode[];
}

/** Which nodes read a node directly. */
export function readersOf(graph: LogicalGraph): ReadonlyMap<LogicalNode, readonly LogicalNode[]> {
  const readers = new Map<LogicalNode, LogicalNode[]>();
  for (const node of graph.nodes) {
    for (const input of inputsOf(node)) {
      const known = readers.get(input);
      if (known === undefined) readers.set(input, [node]);
      else known.push(node);
    }
  }
  return readers;
}

/**
 * All nodes that records pass on their way to `node`, each once; safe on graphs with cycles.
 *
 * @param isTop what is above such a node is left out
 */
export function ancestorsOf(
  node: LogicalNode,
  isTop: (above: LogicalNode) => boolean = () => false,
): readonly LogicalNode[] {
  const seen = new Set<LogicalNode>();
  const open: LogicalNode[] = [...inputsOf(node)];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (!isTop(next)) open.push(...inputsOf(next));
  }
  return [...seen];
}
