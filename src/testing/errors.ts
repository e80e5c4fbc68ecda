// What the test kit refuses, and what it finds.
import { EngineError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";

/** What the build function of a harness describes is not one operator, or none that runs without waiting. */
export class HarnessBuildError extends EngineError<"HARNESS_BUILD"> {
  constructor(reason: string, remedy: string) {
    super("HARNESS_BUILD", `operatorHarness: ${reason}; ${remedy}`, { details: { reason } });
  }
}

/** A harness was given something after its end. */
export class HarnessEndedError extends EngineError<"HARNESS_ENDED"> {
  constructor(call: string) {
    super(
      "HARNESS_ENDED",
      `${call}: the input of this harness has ended; call end() last, or make a new harness`,
      {
        details: { call },
      },
    );
  }
}

/** A snapshot does not belong to the operators that it is given to, or is none. */
export class HarnessSnapshotError extends EngineError<"HARNESS_SNAPSHOT"> {
  constructor(reason: string) {
    super(
      "HARNESS_SNAPSHOT",
      `restore: ${reason}; give what snapshot() of a harness of the same operators returned`,
      {
        details: { reason },
      },
    );
  }
}

/** Something was pushed into a manual source that has ended. */
export class ManualSourceEndedError extends EngineError<"MANUAL_SOURCE_ENDED"> {
  constructor(call: string, split: number) {
    super(
      "MANUAL_SOURCE_ENDED",
      `${call}: split ${split} of the manual source has ended; push before end()`,
      {
        details: { call, split },
      },
    );
  }
}

/** What an attempt dies of when a test kills it. Never reaches the test, and fails no job. */
export class KilledByTestError extends EngineError<"KILLED_BY_TEST"> {
  constructor(partition: PartitionId, step: string, scope: string) {
    super("KILLED_BY_TEST", `partition ${partition} was killed by the test at step "${step}"`, {
      retry: scope === "job" ? "job" : "partition",
      details: { partition, step, scope },
    });
  }
}

/** The job is over and a kill that was asked for did not happen: the test shows less than it says. */
export class KillNotReachedError extends EngineError<"KILL_NOT_REACHED"> {
  constructor(kill: string, reached: number) {
    super(
      "KILL_NOT_REACHED",
      `${kill} did not happen: the step was reached ${reached} times; push more, or choose another step, partition or occurrence`,
      { details: { kill, reached } },
    );
  }
}

/** Something of the job is still under way when a test waits for quiet. */
export class NotSettledError extends EngineError<"NOT_SETTLED"> {
  constructor(call: string, timeoutMs: number, underWay: string) {
    super(
      "NOT_SETTLED",
      `${call}: the job is not done after ${timeoutMs} ms: ${underWay}; end or answer what it waits for, advance the clock, or raise timeoutMs`,
      { details: { call, timeoutMs, underWay } },
    );
  }
}
