// What a worker process of the fault tests is started with, and what it says: JSON both ways.
import type { EngineSettings } from "../../src/actors/settings.ts";
import type { RunEvent } from "../../src/runtime/reports.ts";
import type { ChaosJob } from "./job.ts";

/**
 * Where a worker kills itself. Steps are counted over all partitions of the process; `after-*` of a commit means that
 * its answer has arrived, `commit-sent` that it has not.
 */
export const CRASH_STEPS = [
  "before-attach",
  "attached",
  "before-read",
  "read",
  "before-load",
  "prefetched",
  "before-commit",
  "commit-sent",
  "after-commit",
  "before-release",
  "released",
] as const;
export type CrashStep = (typeof CRASH_STEPS)[number];

/**
 * Controls: how a worker would be without one of the protections. None of them is a switch of the engine; they stand
 * between the engine and the store.
 *
 * - `unprotected`: reconnects by itself, sends lost commits again, and gives every commit the fence, sequence, history
 *   and entry numbers that match at that moment. It stands for a client without fences, without compare-and-set,
 *   without a session bound to one history.
 * - `late-positions`: commits its positions one commit after the work.
 * - `forgetful`: commits no records whose requests are under way.
 * - `all-denied`: gives up the permission to drain while memory is short.
 * - `recreate`: creates its job anew when it finds it gone.
 */
export type Control = "unprotected" | "late-positions" | "forgetful" | "all-denied" | "recreate";

export interface WorkerConfig {
  readonly redis: string;
  readonly job: ChaosJob;
  readonly settings: Partial<EngineSettings>;
  /** Undefined: the engine's defaults for detection, heartbeat and rounds. */
  readonly pace:
    | { readonly deadAfterMs: number; readonly beatMs: number; readonly roundMs: number }
    | undefined;
  readonly replyTimeoutMs: number;
  /** `<step>:<n>`: SIGKILL at the n-th time, n >= 1. */
  readonly crashAt: string | undefined;
  readonly control: Control | undefined;
  /** After a pause of this process it is told for so long, or until it was fenced, that nothing has changed. */
  readonly staleViewMs: number;
  /** Loads everything, then waits for the command `go`. */
  readonly standby: boolean;
}

/** One line on the standard output of a worker. */
export interface WorkerEvent {
  /** Epoch ms. */
  readonly atMs: number;
  readonly kind:
    | RunEvent["kind"]
    | "standing-by"
    | "joined"
    | "attached"
    | "first-commit"
    | "answer"
    | "paused"
    | "over"
    | "failed";
  readonly worker?: string;
  readonly partition?: string;
  /** Code of the error, the answer to a commit, or the status of the job. */
  readonly code?: string;
  readonly message?: string;
}

/** One line on its standard input. The end of the input means that the parent is gone. */
export type WorkerCommand = "go" | "leave";
