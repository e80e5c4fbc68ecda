// Parallelism: in range, and not above what a source or a sink can bear.
import { KEY_GROUPS } from "../../core/key-group.ts";
import type { JobProblem } from "../job-problem.ts";
import type { LogicalGraph } from "../logical-graph.ts";
import { describeNode, isNamed, type NamedNode, quote } from "../nodes/logical-node.ts";

/** One sentence about a number of partitions, or undefined when it is fine. */
export function judgeParallelism(owner: string, parallelism: unknown): JobProblem | undefined {
  if (typeof parallelism === "number" && Number.isInteger(parallelism)) {
    if (parallelism >= 1 && parallelism <= KEY_GROUPS) return undefined;
  }
  return {
    code: "PARALLELISM_OUT_OF_RANGE",
    subject: owner,
    message: `${owner}: parallelism is ${quote(parallelism)}; give a whole number from 1 to ${KEY_GROUPS}`,
  };
}

export function findParallelismProblems(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  for (const node of graph.nodes) {
    if (!isNamed(node)) continue;
    const parallelism = node.options?.parallelism;
    if (parallelism === undefined) continue;
    const problem = judgeParallelism(describeNode(node), parallelism) ?? judgeMaximum(node, parallelism);
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}

function judgeMaximum(node: NamedNode, parallelism: number): JobProblem | undefined {
  const outside = node.type === "source" ? node.source : node.type === "sink" ? node.sink : undefined;
  const maximum = outside?.maxParallelism;
  if (outside === undefined || maximum === undefined || parallelism <= maximum) return undefined;
  return {
    code: "PARALLELISM_ABOVE_MAXIMUM",
    subject: node.name,
    message:
      `${describeNode(node)}: parallelism is ${parallelism}, but ${outside.description} allows at most ${maximum}; ` +
      `lower it to ${maximum} or leave the option out`,
  };
}
