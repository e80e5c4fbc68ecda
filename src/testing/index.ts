// weir/testing — for tests of jobs: one operator by hand, or a whole job with its clock, its input and its failures.

export {
  HarnessBuildError,
  HarnessEndedError,
  HarnessSnapshotError,
  KillNotReachedError,
  ManualSourceEndedError,
  NotSettledError,
} from "./errors.ts";
export type { Emitted } from "./harness-attempt.ts";
export type { HarnessSettings, KeyedHarnessOptions, StreamHarnessOptions } from "./harness-options.ts";
export type { HarnessSnapshot, SnapshotGroup, StateSize } from "./harness-snapshot.ts";
export type { Kill, KillOptions, KillStep } from "./kill-switch.ts";
export {
  type ManualSource,
  type ManualSourceOptions,
  type ManualSplit,
  manualSource,
} from "./manual-source.ts";
export { type OperatorHarness, operatorHarness } from "./operator-harness.ts";
export type { TestTime } from "./test-clock.ts";
export { runTestJob, type TestJob, type TestJobOptions } from "./test-job.ts";
