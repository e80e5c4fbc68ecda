// checkLayouts — a job enters only when it can read all state that may be stored; then the registry says what it writes.
import { JobNotFoundError } from "../core/partition-errors.ts";
import type { Coordination, JobRecord } from "../core/ports/coordination.ts";
import type { JobPlan } from "../plan/plan.ts";
import { decideLayouts, layoutsOf, type StoredLayouts } from "../plan/state-versions.ts";
import { MigrationMissingError, StateNewerError } from "../state/version-errors.ts";
import { JobGraphChangedError } from "./errors.ts";

export function formatLayouts(plan: JobPlan): string {
  return JSON.stringify(layoutsOf(plan));
}

/**
 * Checks the registry of state layouts against the plan, and raises it when the plan writes something new.
 *
 * @returns `layoutSeq` of the registry that the plan fits
 * @throws {StateNewerError | MigrationMissingError | JobGraphChangedError | JobNotFoundError}
 */
export async function checkLayouts(
  record: JobRecord,
  plan: JobPlan,
  coordination: Coordination,
): Promise<number> {
  // Another process may raise it between the look and the raise; it only ever grows, so this comes to an end.
  for (let seen = record; ; ) {
    const verdict = decideLayouts(JSON.parse(seen.layouts) as StoredLayouts, plan);
    switch (verdict.kind) {
      case "same":
        return seen.layoutSeq;
      case "newer": {
        const { where, stored, own } = verdict.gap;
        throw new StateNewerError(`job "${plan.job}", ${where}`, stored, own);
      }
      case "no-migration": {
        const { where, stored, own } = verdict.gap;
        throw new MigrationMissingError(`job "${plan.job}", ${where}`, stored, own);
      }
      case "changed":
        throw new JobGraphChangedError(plan.job, verdict.changes);
      case "raise":
        if (await coordination.raiseLayouts(seen.layoutSeq, JSON.stringify(verdict.layouts)))
          return seen.layoutSeq + 1;
    }
    const { job } = await coordination.observe();
    if (job === undefined) throw new JobNotFoundError(plan.job);
    seen = job;
  }
}
