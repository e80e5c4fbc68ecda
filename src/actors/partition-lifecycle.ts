// The life of one attempt of a partition.
//
//   created ──► restoring ──► running ──► draining ──► stopped      given back; also before it runs
//                   └────────────┴────────────┴──────► ended        input over, last epoch durable
//       any of these ──► failed                                     doubt, or an error: the heap is dropped
import { defineLifecycle, type Lifecycle } from "../core/lifecycle.ts";

export type PartitionState =
  | "created"
  | "restoring"
  | "running"
  | "draining"
  | "ended"
  | "stopped"
  | "failed";

/** `ended`: the input is over and the last epoch is durable. A failed attempt is never revived; a new one attaches. */
export const partitionLifecycle: Lifecycle<PartitionState> = defineLifecycle("partition", {
  created: ["restoring", "failed", "stopped"],
  restoring: ["running", "ended", "failed", "stopped"],
  running: ["draining", "ended", "failed"],
  draining: ["stopped", "ended", "failed"],
  ended: [],
  stopped: [],
  failed: [],
});
