// Names: the identity of stateful operators in stored state, and of everything in metrics and errors.
import { NAME_PATTERN } from "../../core/ids.ts";
import type { JobProblem } from "../job-problem.ts";
import type { LogicalGraph } from "../logical-graph.ts";
import { describeNode, isNamed, type NamedNode, quote, wordFor } from "../nodes/logical-node.ts";

const SHAPE = "use 1 to 100 letters, digits, _ and -, starting with a letter or a digit";

export function findNameProblems(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  if (typeof graph.job !== "string" || !NAME_PATTERN.test(graph.job)) {
    problems.push({
      code: graph.job === "" || typeof graph.job !== "string" ? "MISSING_NAME" : "INVALID_NAME",
      subject: "job",
      message: `the name of the job is ${quote(graph.job)}; ${SHAPE}`,
    });
  }
  const holders = new Map<string, NamedNode[]>();
  for (const node of graph.nodes) {
    if (!isNamed(node)) continue;
    const problem = judgeName(node);
    if (problem !== undefined) {
      problems.push(problem);
      continue;
    }
    const known = holders.get(node.name);
    if (known === undefined) holders.set(node.name, [node]);
    else known.push(node);
  }
  for (const [name, nodes] of holders) {
    if (nodes.length === 1) continue;
    problems.push({
      code: "DUPLICATE_NAME",
      subject: name,
      message:
        `${nodes.length} parts of the job are named "${name}" (${nodes.map((node) => describeNode(node)).join(", ")}); ` +
        "give each source, operator and sink a name of its own",
    });
  }
  return problems;
}

function judgeName(node: NamedNode): JobProblem | undefined {
  const name: unknown = node.name;
  const what = kindOf(node);
  if (typeof name !== "string" || name === "") {
    return {
      code: "MISSING_NAME",
      subject: what,
      message:
        `a ${what} has ${quote(name)} where its name belongs; ` +
        `give the name as the first argument, for example ${what}("my-${what}", ...)`,
    };
  }
  if (NAME_PATTERN.test(name)) return undefined;
  return {
    code: "INVALID_NAME",
    subject: name,
    message: `${what} ${quote(name)}: this name cannot stand in Redis keys and file names; ${SHAPE}`,
  };
}

function kindOf(node: NamedNode): string {
  if (node.type === "stateless") return node.kind;
  if (node.type === "async") return node.spec.what;
  if (node.type === "timestamps") return "assignTimestamps";
  return node.type === "keyed" ? wordFor(node.spec) : node.type;
}
