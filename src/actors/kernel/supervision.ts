// Supervision — what happens after a partition failed: pure decisions, the worker acts.
import { isEngineError } from "../../core/errors.ts";

/** How often, and after which waits, a partition that failed is attached again. The defaults take 26 s to give up. */
export interface RestartPolicy {
  /** Restarts of one partition in a row before the job fails; 0: the first failure ends it. Default 10. */
  readonly maxRestarts: number;
  /** Wait before the first restart; doubles with each further one. Default 100 ms. */
  readonly initialBackoffMs: number;
  /** Upper bound of the wait. Default 5,000 ms. */
  readonly maxBackoffMs: number;
  /** A partition that ran so long without failing has recovered: its count starts again. Default 60,000 ms. */
  readonly resetAfterMs: number;
}

export const defaultRestartPolicy: RestartPolicy = {
  maxRestarts: 10,
  initialBackoffMs: 100,
  maxBackoffMs: 5_000,
  resetAfterMs: 60_000,
};

/** A channel that does not fit will not repair itself. */
const MAX_CHANNEL_RESTARTS = 3;

export type SupervisionVerdict =
  /** Attach again after `delayMs`. `restarts` is the new count in a row. */
  | { readonly kind: "restart"; readonly delayMs: number; readonly restarts: number }
  /** The partition belongs to somebody else now: forget it. */
  | { readonly kind: "forget" }
  /** All partitions of the session attach again. */
  | { readonly kind: "end-session" }
  /** The job cannot go on. */
  | { readonly kind: "fail-job" };

/** What a partition reads is not what it should be: either the data is broken, or a successor has trimmed it. */
export function isChannelDoubt(error: Error): boolean {
  return isEngineError(error) && (error.code === "CHANNEL_GAP" || error.code === "CHANNEL_CONFLICT");
}

/**
 * @param error why the partition stopped
 * @param restarts restarts in a row so far
 * @param ranMs how long the attempt that failed was running; 0 when it did not get so far
 * @param restartable the committed state can be attached again (false for embedded jobs, whose state is the heap)
 */
export function decideSupervision(
  error: Error,
  restarts: number,
  ranMs: number,
  restartable: boolean,
  policy: RestartPolicy = defaultRestartPolicy,
): SupervisionVerdict {
  const retry = isEngineError(error) ? error.retry : "never";
  const code = isEngineError(error) ? error.code : undefined;
  // A worker whose layouts are old leaves at its next look at the control plane: the job goes on without it.
  if (code === "PARTITION_FENCED" || code === "STALE_ASSIGNMENT" || code === "LAYOUTS_CHANGED")
    return { kind: "forget" };
  if (retry === "never" || !restartable) return { kind: "fail-job" };
  if (retry === "job") return { kind: "end-session" };
  const inARow = ranMs >= policy.resetAfterMs ? 0 : restarts;
  const maxRestarts = isChannelDoubt(error)
    ? Math.min(MAX_CHANNEL_RESTARTS, policy.maxRestarts)
    : policy.maxRestarts;
  if (inARow >= maxRestarts) return { kind: "fail-job" };
  const delayMs = Math.min(policy.initialBackoffMs * 2 ** inARow, policy.maxBackoffMs);
  return { kind: "restart", delayMs, restarts: inARow + 1 };
}
