// comparePlans — says in sentences what changed between the plan that state was written under and the one that resumes.
import {
  describePlan,
  type EdgeDescription,
  type OperatorDescription,
  type PlanDescription,
  type StageDescription,
} from "./description.ts";
import type { JobPlan } from "./plan.ts";

/** Pairs of equally named things, and what only one side has. */
interface Matched<T> {
  readonly removed: readonly T[];
  readonly added: readonly T[];
  readonly kept: readonly (readonly [before: T, after: T])[];
}

/**
 * What changed since `stored` was written, one sentence each; empty exactly when the plan's hash is unchanged.
 *
 * @param stored from {@link describePlan}, as it comes back from JSON
 */
export function comparePlans(stored: PlanDescription, plan: Omit<JobPlan, "hash">): readonly string[] {
  const current = describePlan(plan);
  const changes: string[] = [];
  if (stored.format !== current.format)
    changes.push(
      `the plan is stored in format ${stored.format}, this version writes format ${current.format}`,
    );
  if (stored.job !== current.job) changes.push(`the job is named "${current.job}", it was "${stored.job}"`);
  const stages = match(stored.stages, current.stages, (stage) => stage.id);
  for (const stage of stages.removed) changes.push(`stage "${stage.id}" is gone`);
  for (const stage of stages.added) changes.push(`stage "${stage.id}" is new`);
  for (const [before, after] of stages.kept) compareStages(before, after, changes);
  compareOperators(stored.stages, current.stages, changes);
  compareEdges(stored.edges, current.edges, changes);
  return changes;
}

function compareStages(before: StageDescription, after: StageDescription, changes: string[]): void {
  if (before.partitions !== after.partitions)
    changes.push(`stage "${after.id}" has ${after.partitions} partitions, it had ${before.partitions}`);
  if (before.source !== after.source)
    changes.push(`stage "${after.id}" ${after.source ? "is a source now" : "was a source"}`);
}

/** Operators are followed by name across stages: moving one is one change, not two. */
function compareOperators(
  before: readonly StageDescription[],
  after: readonly StageDescription[],
  changes: string[],
): void {
  const operators = match(placed(before), placed(after), ({ operator }) => operator.name);
  for (const { operator } of operators.removed)
    changes.push(`${operator.kind} "${operator.name}" is gone${lossOf(operator)}`);
  for (const { operator } of operators.added) changes.push(`${operator.kind} "${operator.name}" is new`);
  for (const [old, now] of operators.kept) {
    const name = `"${now.operator.name}"`;
    if (old.operator.kind !== now.operator.kind || old.operator.type !== now.operator.type)
      changes.push(`operator ${name} is a ${now.operator.kind}, it was a ${old.operator.kind}`);
    if (old.stage !== now.stage)
      changes.push(`operator ${name} runs in stage "${now.stage}", it ran in "${old.stage}"`);
    else if (old.operator.input !== now.operator.input)
      changes.push(`operator ${name} reads ${now.operator.input}, it read ${old.operator.input}`);
  }
}

function placed(
  stages: readonly StageDescription[],
): { readonly stage: string; readonly operator: OperatorDescription }[] {
  return stages.flatMap((stage) => stage.operators.map((operator) => ({ stage: stage.id, operator })));
}

function lossOf(operator: OperatorDescription): string {
  const hasState = operator.type === "keyed" || operator.type === "async" || operator.type === "unkeyed";
  return hasState ? " (its state would be lost)" : "";
}

function compareEdges(
  before: readonly EdgeDescription[],
  after: readonly EdgeDescription[],
  changes: string[],
): void {
  const edges = match(before, after, (edge) => edge.id);
  for (const edge of edges.removed)
    changes.push(`the edge from "${edge.fromOperator}" to stage "${edge.to}" (${edge.partitioning}) is gone`);
  for (const edge of edges.added)
    changes.push(`the edge from "${edge.fromOperator}" to stage "${edge.to}" (${edge.partitioning}) is new`);
  for (const [old, now] of edges.kept) {
    const what = `the edge from "${now.fromOperator}" to stage "${now.to}"`;
    if (old.partitioning !== now.partitioning)
      changes.push(`${what} is partitioned by ${now.partitioning}, it was by ${old.partitioning}`);
    if (old.from !== now.from) changes.push(`${what} leaves stage "${now.from}", it left "${old.from}"`);
    if (old.to !== now.to || old.fromOperator !== now.fromOperator || old.fromTag !== now.fromTag)
      changes.push(`edge "${now.id}" joins ${endText(now)}, it joined ${endText(old)}`);
  }
}

function endText(edge: EdgeDescription): string {
  const tag = edge.fromTag === null ? "" : `#${edge.fromTag}`;
  return `"${edge.fromOperator}${tag}" to "${edge.to}"`;
}

function match<T>(before: readonly T[], after: readonly T[], key: (item: T) => string): Matched<T> {
  const old = new Map(before.map((item) => [key(item), item]));
  const now = new Map(after.map((item) => [key(item), item]));
  const kept: (readonly [T, T])[] = [];
  for (const [name, item] of now) {
    const previous = old.get(name);
    if (previous !== undefined) kept.push([previous, item]);
  }
  return {
    removed: before.filter((item) => !now.has(key(item))),
    added: after.filter((item) => !old.has(key(item))),
    kept,
  };
}
