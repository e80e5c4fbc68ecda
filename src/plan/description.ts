// PlanDescription — what of a plan must stay as it is while state lives, as plain JSON; its digest is the plan's hash.
//
// Owns:      which facts count. Stored beside the job, so that a resumed job can be told what changed (compare.ts).
// Does not:  look at user code: the same graph with another function inside a map has the same description. Nor at the
//            layout of state, which may change while state lives (state-versions.ts).
import { createHash } from "node:crypto";
import type { JobPlan, OperatorInput, OperatorPlan, StagePlan } from "./plan.ts";

/** The kind of operators that make watermarks in the middle of a job. */
export const ASSIGN_TIMESTAMPS = "assignTimestamps";

export interface OperatorDescription {
  readonly name: string;
  readonly type: OperatorPlan["type"];
  readonly kind: string;
  /** `head`, or the operator it reads, with `#tag` for a side output. */
  readonly input: string;
}

export interface StageDescription {
  readonly id: string;
  readonly partitions: number;
  readonly source: boolean;
  /** Sorted by name. */
  readonly operators: readonly OperatorDescription[];
}

export interface EdgeDescription {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly fromOperator: string;
  readonly fromTag: string | null;
  readonly partitioning: "key" | "rebalance" | "broadcast" | "forward";
}

export interface PlanDescription {
  /** Raised when the layout of this object changes. */
  readonly format: 2;
  readonly job: string;
  /** Sorted by id. */
  readonly stages: readonly StageDescription[];
  readonly edges: readonly EdgeDescription[];
}

/** The same plan gives the same description, whatever the order in which its parts were written. */
export function describePlan(plan: Omit<JobPlan, "hash">): PlanDescription {
  return {
    format: 2,
    job: plan.job,
    stages: sortedBy(plan.stages.map(describeStage), (stage) => stage.id),
    edges: sortedBy(
      plan.edges.map((edge) => ({
        id: edge.id,
        from: edge.from,
        to: edge.to,
        fromOperator: edge.fromOperator,
        fromTag: edge.fromTag ?? null,
        partitioning: edge.partitioning.kind,
      })),
      (edge) => edge.id,
    ),
  };
}

function describeStage(stage: StagePlan): StageDescription {
  return {
    id: stage.id,
    partitions: stage.partitions,
    source: stage.source !== undefined,
    operators: sortedBy(stage.operators.map(describeOperator), (operator) => operator.name),
  };
}

function describeOperator(operator: OperatorPlan): OperatorDescription {
  return {
    name: operator.name,
    type: operator.type,
    kind: operator.kind,
    input: inputText(operator.input),
  };
}

function inputText(input: OperatorInput): string {
  if (input.kind === "head") return "head";
  return input.tag === undefined ? input.operator : `${input.operator}#${input.tag}`;
}

/** Plain code point order: the same on every machine, whatever its language. */
function sortedBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** SHA-256 in 64 hex digits. `description` comes from {@link describePlan}, which fixes the order of its properties. */
export function hashDescription(description: PlanDescription): string {
  return createHash("sha256").update(JSON.stringify(description)).digest("hex");
}
