// Time: an event-time window closes when the watermark passes it, and only sources with timestamps make watermarks.
import type { StateDescriptor } from "../../state/descriptors.ts";
import type { JobProblem } from "../job-problem.ts";
import type { KeyedOperatorSpec } from "../keyed-operator-spec.ts";
import { ancestorsOf, type LogicalGraph } from "../logical-graph.ts";
import { type LogicalNode, quote, wordFor } from "../nodes/logical-node.ts";
import type { SourceNode } from "../nodes/source-node.ts";

/** Whether the records of a source have event time. */
export function hasTimestamps(node: SourceNode): boolean {
  return node.options?.timestamp !== undefined || node.source?.timestamped === true;
}

/**
 * The sources above `node` without event time: each of them holds the watermark back for ever. What is above an
 * assignTimestamps does not count.
 */
export function sourcesWithoutTimestamps(node: LogicalNode): readonly SourceNode[] {
  return ancestorsOf(node, (above) => above.type === "timestamps").filter(
    (above) => above.type === "source" && !hasTimestamps(above),
  ) as SourceNode[];
}

export function findWindowsWithoutTimestamps(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  for (const node of graph.nodes) {
    if (node.type !== "keyed" || !waitsForEventTime(node.spec)) continue;
    for (const source of sourcesWithoutTimestamps(node)) {
      problems.push({
        code: "WINDOW_WITHOUT_TIMESTAMPS",
        subject: String(node.name),
        message:
          `${wordFor(node.spec)} ${quote(node.name)} waits for event time, but source ${quote(source.name)} has no timestamps, so it would never ${node.spec.kind === "window" ? "close" : "emit"}; ` +
          `give the source a \`timestamp\` option, for example { timestamp: (record) => record.at }, or its records one with assignTimestamps${node.spec.kind === "window" ? ", or use a window with .processingTime()" : ""}`,
      });
    }
  }
  return problems;
}

function waitsForEventTime(spec: KeyedOperatorSpec): boolean {
  return (spec.kind === "ready" || spec.kind === "window") && spec.waitsForEventTime;
}

/** State that grows old in event time needs watermarks to be cleaned up. */
export function findTtlWithoutTimestamps(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  for (const node of graph.nodes) {
    if (node.type !== "keyed") continue;
    for (const state of statesWithEventTtl(node.spec))
      for (const source of sourcesWithoutTimestamps(node))
        problems.push({
          code: "INVALID_STATE",
          subject: String(node.name),
          message:
            `${wordFor(node.spec)} ${quote(node.name)}: state ${quote(state)} has a time to live in event time, but source ${quote(source.name)} has no timestamps, so it would be kept for ever; ` +
            "give the source a `timestamp` option or its records one with assignTimestamps, or let it grow old in processing time",
        });
  }
  return problems;
}

/** What is no record of descriptors is named by another rule; this one only has to survive it. */
function statesWithEventTtl(spec: KeyedOperatorSpec): readonly string[] {
  if (spec.kind === "process")
    return Object.entries(
      (spec.definition?.state ?? {}) as Readonly<Record<string, Partial<StateDescriptor>>>,
    )
      .filter(([, descriptor]) => descriptor?.ttl?.time === "event")
      .map(([name]) => name);
  if (spec.kind !== "ready") return [];
  return spec.layout.filter(({ expires }) => expires === "event").map(({ state }) => state);
}

/** Options that only mean something together with timestamps. */
export function findTimeOptionsWithoutTimestamps(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  const timedLater = new Set(
    graph.nodes.flatMap((node) => (node.type === "timestamps" ? ancestorsOf(node) : [])),
  );
  for (const node of graph.nodes) {
    if (node.type !== "source" || hasTimestamps(node)) continue;
    for (const option of ["outOfOrderness", "watermarks", "idleAfter", "alignment"] as const) {
      if (node.options?.[option] === undefined) continue;
      // The silence of a split is told to everybody behind it.
      if (option === "idleAfter" && timedLater.has(node)) continue;
      problems.push({
        code: "INVALID_OPTION",
        subject: String(node.name),
        message: `source ${quote(node.name)}: option "${option}" does nothing without timestamps; add the option \`timestamp\`, or remove it`,
      });
    }
  }
  return problems;
}
