// Structure: what reads what. Cycles and foreign streams come first, because the other rules follow inputs.
import type { JobProblem } from "../job-problem.ts";
import { type LogicalGraph, readersOf } from "../logical-graph.ts";
import { describeNode, inputsOf, type LogicalNode, type StreamNode } from "../nodes/logical-node.ts";

/** A stream of another `defineJob` call: its records never reach this job. */
export function findForeignStreams(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  for (const node of graph.nodes) {
    for (const input of inputsOf(node)) {
      if (input.owner === graph.owner) continue;
      problems.push({
        code: "FOREIGN_STREAM",
        subject: describeNode(input),
        message:
          `${describeNode(node)} reads ${describeNode(input)} of job "${input.owner.job}", whose records never come here; ` +
          "define the source inside this job, or send the records through a sink of the other job and a source of this one",
      });
    }
  }
  return problems;
}

/** The calls cannot make a cycle; a graph that was put together by other means could. */
export function findCycles(graph: LogicalGraph): readonly JobProblem[] {
  const done = new Set<LogicalNode>();
  const path = new Set<LogicalNode>();
  const problems: JobProblem[] = [];
  const visit = (node: LogicalNode): void => {
    if (done.has(node)) return;
    if (path.has(node)) {
      const members = [...path].slice([...path].indexOf(node));
      problems.push({
        code: "CYCLE",
        subject: describeNode(node),
        message:
          `records would run in a circle: ${[...members, node].map((member) => describeNode(member)).join(" reads ")}; ` +
          "let the last one read something else: a job has no loops",
      });
      return;
    }
    path.add(node);
    for (const input of inputsOf(node)) visit(input);
    path.delete(node);
    done.add(node);
  };
  for (const node of graph.nodes) visit(node);
  return problems;
}

/** A job that writes nothing anywhere, and streams that lead nowhere. */
export function findDanglingStreams(graph: LogicalGraph): readonly JobProblem[] {
  if (!graph.nodes.some((node) => node.type === "source")) {
    return [
      {
        code: "EMPTY_JOB",
        subject: graph.job,
        message:
          'the job has no source; add one with job.source("name", ...) and end its stream in a sink with .to(...)',
      },
    ];
  }
  const problems: JobProblem[] = [];
  if (!graph.nodes.some((node) => node.type === "sink")) {
    problems.push({
      code: "NO_SINK",
      subject: graph.job,
      message: 'the job has no sink, so nobody would see its results; end a stream with .to("name", sink)',
    });
  }
  const readers = readersOf(graph);
  for (const node of graph.nodes) {
    if (node.type === "sink" || readers.has(node)) continue;
    problems.push({
      code: "UNREAD_STREAM",
      subject: describeNode(node),
      message:
        node.type === "keyBy"
          ? `nothing reads the ${describeNode(node)}; add reduce, aggregate, process or a window, or remove it`
          : `nobody reads the records of the ${describeNode(node)}; end it in a sink with .to("name", sink), or remove it`,
    });
  }
  return problems;
}

/** The same stream twice in one union: every record would arrive twice. */
export function findRepeatedUnionInputs(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  for (const node of graph.nodes) {
    if (node.type !== "union") continue;
    const seen = new Set<LogicalNode>();
    const reported = new Set<LogicalNode>();
    for (const input of leavesOf(node)) {
      if (seen.has(input) && !reported.has(input)) {
        reported.add(input);
        problems.push({
          code: "REPEATED_UNION_INPUT",
          subject: describeNode(input),
          message: `the ${describeNode(node)} reads ${describeNode(input)} twice, so each of its records would come twice; name each stream once`,
        });
      }
      seen.add(input);
    }
  }
  return problems;
}

/** The inputs of nested unions as one list. */
function leavesOf(node: StreamNode, above: ReadonlySet<StreamNode> = new Set()): readonly StreamNode[] {
  if (node.type !== "union" || above.has(node)) return [node];
  const path = new Set(above).add(node);
  return node.inputs.flatMap((input) => leavesOf(input, path));
}

/** rebalance and broadcast say how the next operator gets its records; what contradicts that is refused. */
export function findRoutingProblems(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  for (const node of graph.nodes) {
    if (node.type === "routing") {
      for (const input of leavesOf(node.input)) {
        if (input.type !== "routing") continue;
        problems.push({
          code: "REPEATED_ROUTING",
          subject: describeNode(node),
          message: `${node.kind}() follows ${describeNode(input)} with no operator between them; keep the one you mean`,
        });
      }
    } else if (node.type === "keyBy") {
      for (const input of leavesOf(node.input)) {
        if (input.type !== "routing" || input.kind !== "broadcast") continue;
        problems.push({
          code: "BROADCAST_BEFORE_KEY_BY",
          subject: describeNode(node),
          message:
            `keyBy follows ${describeNode(input)}, but the key decides to which single partition a record goes; ` +
            "remove broadcast()",
        });
      }
    }
  }
  return problems;
}
