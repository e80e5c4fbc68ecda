// Time: an event-time window closes when the watermark passes it, and only sources with timestamps make watermarks.
import type { JobProblem } from "../job-problem.ts";
import { ancestorsOf, type LogicalGraph } from "../logical-graph.ts";
import type { LogicalNode } from "../nodes/logical-node.ts";
import { quote } from "../nodes/logical-node.ts";
import type { SourceNode } from "../nodes/source-node.ts";

/** Whether the records of a source have event time. */
export function hasTimestamps(node: SourceNode): boolean {
  return node.options?.timestamp !== undefined || node.source?.timestamped === true;
}

/** The sources above `node` without event time: each of them holds the watermark back for ever. */
export function sourcesWithoutTimestamps(node: LogicalNode): readonly SourceNode[] {
  return ancestorsOf(node).filter(
    (above) => above.type === "source" && !hasTimestamps(above),
  ) as SourceNode[];
}

export function findWindowsWithoutTimestamps(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  for (const node of graph.nodes) {
    if (node.type !== "keyed" || node.spec.kind !== "window" || node.spec.assigner?.time !== "event")
      continue;
    for (const source of sourcesWithoutTimestamps(node)) {
      problems.push({
        code: "WINDOW_WITHOUT_TIMESTAMPS",
        subject: String(node.name),
        message:
          `window ${quote(node.name)} waits for event time, but source ${quote(source.name)} has no timestamps, so it would never close; ` +
          "give the source a `timestamp` option, for example { timestamp: (record) => record.at }, or use a window with .processingTime()",
      });
    }
  }
  return problems;
}

/** Options that only mean something together with timestamps. */
export function findTimeOptionsWithoutTimestamps(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  for (const node of graph.nodes) {
    if (node.type !== "source" || hasTimestamps(node)) continue;
    for (const option of ["outOfOrderness", "idleAfter"] as const) {
      if (node.options?.[option] === undefined) continue;
      problems.push({
        code: "INVALID_OPTION",
        subject: String(node.name),
        message: `source ${quote(node.name)}: option "${option}" does nothing without timestamps; add the option \`timestamp\`, or remove it`,
      });
    }
  }
  return problems;
}
