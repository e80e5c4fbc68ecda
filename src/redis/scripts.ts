// All scripts of Weir: what a session loads, and what the test compares with the contracts in their headers.
import { attachScript } from "./scripts/attach.ts";
import { commitDrainScript, commitScript } from "./scripts/commit.ts";
import { createJobScript, observeScript, raiseLayoutsScript, setStatusScript } from "./scripts/job.ts";
import { assignScript, electScript, leaderBeatScript } from "./scripts/leadership.ts";
import { releaseScript } from "./scripts/release.ts";
import { removeJobScript, sweepScript } from "./scripts/removal.ts";
import type { Script } from "./scripts/script.ts";
import { beatScript, joinScript, leaveScript, reportScript, requestLeaveScript } from "./scripts/workers.ts";

/** Of the data plane: partitions attach, commit and release. */
export const dataScripts: readonly Script[] = [attachScript, commitScript, commitDrainScript, releaseScript];

/** Of the control plane. */
export const controlScripts: readonly Script[] = [
  createJobScript,
  setStatusScript,
  raiseLayoutsScript,
  observeScript,
  electScript,
  leaderBeatScript,
  assignScript,
  joinScript,
  requestLeaveScript,
  reportScript,
  leaveScript,
];

/** Of the heartbeat thread. */
export const heartbeatScripts: readonly Script[] = [beatScript];

/** Of whoever deletes a job. */
export const removalScripts: readonly Script[] = [removeJobScript, sweepScript];

export const allScripts: readonly Script[] = [
  ...dataScripts,
  ...controlScripts,
  ...heartbeatScripts,
  ...removalScripts,
];
