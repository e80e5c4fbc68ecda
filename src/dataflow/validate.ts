// findProblems — asks every rule about a graph and gathers all answers: a job is corrected in one go, not one by one.
import type { JobProblem } from "./job-problem.ts";
import type { LogicalGraph } from "./logical-graph.ts";
import { findArgumentProblems } from "./rules/argument-rules.ts";
import { findDeadLetterProblems } from "./rules/dead-letter-rules.ts";
import { findNameProblems } from "./rules/name-rules.ts";
import { findOptionProblems } from "./rules/option-rules.ts";
import { findParallelismProblems } from "./rules/parallelism-rules.ts";
import type { GraphRule } from "./rules/rule.ts";
import {
  findCycles,
  findDanglingStreams,
  findForeignStreams,
  findRepeatedUnionInputs,
  findRoutingProblems,
} from "./rules/structure-rules.ts";
import {
  findTimeOptionsWithoutTimestamps,
  findTtlWithoutTimestamps,
  findWindowsWithoutTimestamps,
} from "./rules/time-rules.ts";

/** In the order in which people should read the answers. */
const RULES: readonly GraphRule[] = [
  findNameProblems,
  findArgumentProblems,
  findOptionProblems,
  findParallelismProblems,
  findForeignStreams,
  findCycles,
  findRepeatedUnionInputs,
  findRoutingProblems,
  findDanglingStreams,
  findWindowsWithoutTimestamps,
  findTtlWithoutTimestamps,
  findTimeOptionsWithoutTimestamps,
  findDeadLetterProblems,
];

/** Everything that is wrong with a graph; empty when it can be planned. */
export function findProblems(graph: LogicalGraph): readonly JobProblem[] {
  return RULES.flatMap((rule) => rule(graph));
}
