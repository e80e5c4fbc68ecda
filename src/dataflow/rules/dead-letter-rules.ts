// Dead letters: what a policy sends must be read, and what is read must be sent. Otherwise records vanish unseen.
import { DEAD_LETTER_TAG } from "../../operators/operator.ts";
import type { JobProblem } from "../job-problem.ts";
import type { LogicalGraph } from "../logical-graph.ts";
import { describeNode, isNamed, type LogicalNode } from "../nodes/logical-node.ts";

export function findDeadLetterProblems(graph: LogicalGraph): readonly JobProblem[] {
  const read = new Set<LogicalNode>();
  for (const node of graph.nodes)
    if (node.type === "sideOutput" && node.tag === DEAD_LETTER_TAG) read.add(node.input);

  const problems: JobProblem[] = [];
  for (const node of graph.nodes) {
    if (!isNamed(node) || node.type === "sink") continue;
    const sends = node.options?.onError === "deadLetter";
    if (sends && !read.has(node)) {
      problems.push({
        code: "DEAD_LETTERS_UNREAD",
        subject: node.name,
        message:
          `${describeNode(node)} sends dead letters that nobody reads; ` +
          'end its .deadLetters() in a sink, or choose onError "skip" to count and drop such records',
      });
    }
    if (!sends && read.has(node)) {
      problems.push({
        code: "DEAD_LETTERS_NEVER_SENT",
        subject: node.name,
        message:
          `the dead letters of ${describeNode(node)} are read but never sent, because its onError is "${node.options?.onError ?? "fail"}"; ` +
          'add the option { onError: "deadLetter" }',
      });
    }
  }
  return problems;
}
