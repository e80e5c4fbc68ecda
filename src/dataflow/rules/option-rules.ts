// Options: every name must be one that somebody reads, and every value one that means something.
import { isEngineError } from "../../core/errors.ts";
import { checkOptions, InvalidOptionError } from "../../core/options.ts";
import type { ErrorPolicy } from "../../operators/operator.ts";
import { parseDuration } from "../../time/duration.ts";
import { isWatermarkStrategy } from "../../time/watermark-strategies.ts";
import type { JobProblem } from "../job-problem.ts";
import type { LogicalGraph } from "../logical-graph.ts";
import { describeNode, type LogicalNode } from "../nodes/logical-node.ts";
import type { SourceNode } from "../nodes/source-node.ts";
import type { TimestampsNode } from "../nodes/timestamps-node.ts";
import type { AlignmentOptions } from "../stream-options.ts";
import { judgeFunction } from "./user-function.ts";

const ERROR_POLICIES: readonly ErrorPolicy[] = ["fail", "skip", "deadLetter"];

export function findOptionProblems(graph: LogicalGraph): readonly JobProblem[] {
  const problems: JobProblem[] = [];
  for (const node of graph.nodes) {
    if (!("options" in node)) continue;
    const owner = describeNode(node);
    const collect = (check: () => void): void => {
      const problem = problemOf(owner, check);
      if (problem !== undefined) problems.push(problem);
    };
    collectUnknown(owner, node.options, knownOptions(node), collect);
    // An options argument that is no object has been reported; it has no values to look at.
    if (typeof node.options !== "object" || node.options === null) continue;
    if ("onError" in node.options) {
      const { onError } = node.options;
      collect(() => checkErrorPolicy(owner, onError));
    }
    if (node.type === "source") problems.push(...sourceOptionProblems(node, owner, collect));
    if (node.type === "timestamps") problems.push(...timestampProblems(node, owner, collect));
  }
  return problems;
}

/** One check per name, so that all misspelt ones are reported together. */
function collectUnknown(
  owner: string,
  options: unknown,
  known: readonly string[],
  collect: (check: () => void) => void,
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    collect(() => checkOptions<Record<string, unknown>>(owner, options as Record<string, unknown>, known));
    return;
  }
  for (const [name, value] of Object.entries(options))
    collect(() => checkOptions<Record<string, unknown>>(owner, { [name]: value }, known));
}

function knownOptions(node: LogicalNode): readonly string[] {
  switch (node.type) {
    case "source":
      return [
        ...["timestamp", "outOfOrderness", "watermarks", "idleAfter", "alignment"],
        ...["parallelism", "onError"],
      ];
    case "keyBy":
      return ["keyCodec"];
    case "sink":
      return ["parallelism"];
    case "timestamps":
      return ["timestamp", "outOfOrderness", "watermarks", "parallelism", "onError"];
    default:
      return ["parallelism", "onError"];
  }
}

function checkErrorPolicy(owner: string, onError: unknown): void {
  if (onError === undefined || ERROR_POLICIES.includes(onError as ErrorPolicy)) return;
  throw new InvalidOptionError(owner, "onError", onError, '"fail", "skip" or "deadLetter"');
}

function sourceOptionProblems(
  node: SourceNode,
  owner: string,
  collect: (check: () => void) => void,
): readonly JobProblem[] {
  const { timestamp, idleAfter, alignment } = node.options;
  if (alignment !== undefined) collect(() => checkAlignment(owner, alignment));
  if (idleAfter !== undefined)
    collect(() => void parseDuration(idleAfter, `${owner}: option "idleAfter"`, "positive"));
  checkDisorder(node, owner, collect);
  return timestamp === undefined ? [] : timestampFunctionProblems(timestamp, owner);
}

function timestampProblems(
  node: TimestampsNode,
  owner: string,
  collect: (check: () => void) => void,
): readonly JobProblem[] {
  checkDisorder(node, owner, collect);
  return timestampFunctionProblems(node.options.timestamp, owner);
}

function timestampFunctionProblems(timestamp: unknown, owner: string): readonly JobProblem[] {
  const problem = judgeFunction(owner, 'option "timestamp"', timestamp, "(record) => record.at");
  return problem === undefined ? [] : [problem];
}

function checkDisorder(
  { options: { watermarks, outOfOrderness } }: SourceNode | TimestampsNode,
  owner: string,
  collect: (check: () => void) => void,
): void {
  if (watermarks !== undefined) collect(() => checkWatermarks(owner, watermarks, outOfOrderness));
  if (outOfOrderness !== undefined)
    collect(() => void parseDuration(outOfOrderness, `${owner}: option "outOfOrderness"`));
}

function checkWatermarks(owner: string, watermarks: unknown, outOfOrderness: unknown): void {
  if (!isWatermarkStrategy(watermarks))
    throw new InvalidOptionError(
      owner,
      "watermarks",
      watermarks,
      'a strategy such as monotonic() or boundedOutOfOrderness("5s")',
    );
  if (outOfOrderness !== undefined)
    throw new InvalidOptionError(
      owner,
      "outOfOrderness",
      outOfOrderness,
      "it or `watermarks`, not both: it is the short form of boundedOutOfOrderness",
    );
}

function checkAlignment(owner: string, alignment: AlignmentOptions): void {
  checkOptions(`${owner}: option "alignment"`, alignment, ["group", "maxDrift"]);
  const { group, maxDrift } = alignment;
  if (typeof group !== "string" || group === "")
    throw new InvalidOptionError(
      owner,
      "alignment.group",
      group,
      'a name, for example { group: "orders", ... }',
    );
  parseDuration(maxDrift, `${owner}: option "alignment.maxDrift"`);
}

/** The error of a check as a problem: the messages of typed errors are sentences already. */
export function problemOf(subject: string, check: () => void): JobProblem | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!isEngineError(error)) throw error;
    const code = error.code === "UNKNOWN_OPTION" ? "UNKNOWN_OPTION" : "INVALID_OPTION";
    return { code, subject, message: error.message };
  }
}
