// The life of a job as a whole, as coordination stores it.
import { defineLifecycle, IllegalTransitionError, type Lifecycle } from "./lifecycle.ts";
import type { JobStatus } from "./ports/coordination.ts";

/**
 * ```
 * created ─► running ─► finished
 *    │          ├─────► failed
 *    │          └─► cancelling ─► cancelled      an input may end, or a partition fail, while the job is cancelled
 *    └─► (any of them)
 * ```
 * A final status is never left (law A3).
 */
export const jobLifecycle: Lifecycle<JobStatus> = defineLifecycle<JobStatus>("job", {
  created: ["running", "cancelling", "finished", "failed", "cancelled"],
  running: ["cancelling", "finished", "failed", "cancelled"],
  cancelling: ["cancelled", "finished", "failed"],
  finished: [],
  failed: [],
  cancelled: [],
});

/** Whether nothing can happen to the job any more. */
export function isOver(status: JobStatus): boolean {
  return jobLifecycle.edges[status].length === 0;
}

/** @throws {IllegalTransitionError} when one of the moves is in no life of a job */
export function checkMoves(job: string, from: readonly JobStatus[], to: JobStatus): void {
  for (const status of from)
    if (!jobLifecycle.allows(status, to))
      throw new IllegalTransitionError("job", job, status, to, jobLifecycle.edges[status]);
}
