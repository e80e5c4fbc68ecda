// GraphRule — one question asked about a whole graph; answers with everything that is wrong, never throws.
import type { JobProblem } from "../job-problem.ts";
import type { LogicalGraph } from "../logical-graph.ts";

export type GraphRule = (graph: LogicalGraph) => readonly JobProblem[];
