// PlanDraft — stages and edges while the planner cuts the graph, until they are a plan.
//
// Owns:      the ids of edges, and who is told of them.
// Does not:  decide anything (planner.ts).
import { createHash } from "node:crypto";
import { NAME_PATTERN } from "../core/ids.ts";
import { describePlan, hashDescription } from "../plan/description.ts";
import type { EdgePlan, JobPlan, OperatorPlan, Partitioning, SourcePlan, StagePlan } from "../plan/plan.ts";
import type { RoutingKind } from "./nodes/routing-node.ts";

/** A stage while it grows. */
export interface StageDraft {
  readonly id: string;
  readonly partitions: number;
  readonly source: SourcePlan | undefined;
  readonly operators: OperatorPlan[];
  readonly inputs: string[];
  readonly outputs: string[];
}

/** Where the records of a stream come out, and how the user wants them to travel from there. */
export interface Outlet {
  readonly stage: StageDraft;
  readonly operator: string;
  readonly tag: string | undefined;
  readonly routing: RoutingKind | undefined;
}

export class PlanDraft {
  readonly #stages: StageDraft[] = [];
  readonly #edges: EdgePlan[] = [];
  readonly #edgeIds = new Set<string>();

  addStage(id: string, partitions: number, source: SourcePlan | undefined): StageDraft {
    const frozen = source === undefined ? undefined : Object.freeze(source);
    const stage: StageDraft = { id, partitions, source: frozen, operators: [], inputs: [], outputs: [] };
    this.#stages.push(stage);
    return stage;
  }

  addEdge(outlet: Outlet, to: StageDraft, partitioning: Partitioning, reason: string, input = 0): void {
    const id = this.#edgeId(outlet, to, input);
    this.#edges.push({
      id,
      from: outlet.stage.id,
      to: to.id,
      fromOperator: outlet.operator,
      fromTag: outlet.tag,
      partitioning: Object.freeze(partitioning),
      input,
      reason,
    });
    outlet.stage.outputs.push(id);
    to.inputs.push(id);
  }

  /** From names only, so that it is the same in every process and after every restart. */
  #edgeId(outlet: Outlet, to: StageDraft, input: number): string {
    const tag = outlet.tag === undefined ? "" : `-${outlet.tag.replace(/[^A-Za-z0-9_-]/g, "")}`;
    // A stream may be joined with itself: the second input's edges have names of their own.
    const plain = `${outlet.operator}${tag}-to-${to.id}${input === 0 ? "" : `-${input + 1}`}`;
    let id = plain;
    if (!NAME_PATTERN.test(plain) || this.#edgeIds.has(plain)) {
      // Too long, or the names themselves contain "-to-": the digest of the parts tells them apart.
      const parts = JSON.stringify([
        outlet.operator,
        outlet.tag ?? null,
        to.id,
        ...(input === 0 ? [] : [input]),
      ]);
      id = `${plain.slice(0, 87)}-${createHash("sha256").update(parts).digest("hex").slice(0, 12)}`;
    }
    this.#edgeIds.add(id);
    return id;
  }

  finish(job: string): JobPlan {
    const plan: Omit<JobPlan, "hash"> = {
      job,
      stages: Object.freeze(this.#stages.map(freezeStage)),
      edges: Object.freeze(this.#edges.map((edge) => Object.freeze(edge))),
    };
    return Object.freeze({ ...plan, hash: hashDescription(describePlan(plan)) });
  }
}

function freezeStage(draft: StageDraft): StagePlan {
  return Object.freeze({
    ...draft,
    operators: Object.freeze(draft.operators.map((operator) => Object.freeze(operator))),
    inputs: Object.freeze(draft.inputs),
    outputs: Object.freeze(draft.outputs),
  });
}
