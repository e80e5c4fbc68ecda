// Errors of running a job.
import { EngineError } from "../core/errors.ts";

/** A job is resumed with a graph that does not fit the state it left. */
export class JobGraphChangedError extends EngineError<"JOB_GRAPH_CHANGED"> {
  constructor(job: string, changes: readonly string[]) {
    super(
      "JOB_GRAPH_CHANGED",
      `job "${job}" has changed since it was started: ${changes.join("; ")}. ` +
        "Give the changed job another name, or start it with `fresh` to delete its state and begin anew",
      { details: { job, changes } },
    );
  }
}

/** The stored job is over. */
export class JobOverError extends EngineError<"JOB_OVER"> {
  constructor(job: string, status: string) {
    super(
      "JOB_OVER",
      `job "${job}" is ${status}; start it with \`fresh\` (--fresh on the command line) to delete what it left and begin anew, or give it another name`,
      { details: { job, status } },
    );
  }
}

/** The job contains something that only works on Redis. */
export class NeedsRedisError extends EngineError<"NEEDS_REDIS"> {
  constructor(job: string, part: string) {
    super(
      "NEEDS_REDIS",
      `job "${job}": ${part} is written in the job's commit on Redis, but the job runs embedded; give the URL of a Redis`,
      { details: { job, part } },
    );
  }
}

/** The job contains something that lives in one process, but other processes take part. */
export class NeedsOneProcessError extends EngineError<"NEEDS_ONE_PROCESS"> {
  constructor(job: string, part: string) {
    super(
      "NEEDS_ONE_PROCESS",
      `job "${job}": ${part} lives in one process and cannot be used with worker processes; ` +
        "run the job in this process alone, or use a file or a Redis stream instead",
      { details: { job, part } },
    );
  }
}

/** A setting is not a number in its range. */
export class InvalidSettingError extends EngineError<"INVALID_SETTING"> {
  constructor(setting: string, value: unknown, range: string) {
    super("INVALID_SETTING", `setting ${setting} is ${String(value)}; it must be ${range}`, {
      details: { setting, value, range },
    });
  }
}

/** The job ended with an error. */
export class JobFailedError extends EngineError<"JOB_FAILED"> {
  constructor(
    job: string,
    failure: { code: string; message: string; partition: string | undefined } | undefined,
  ) {
    const where = failure?.partition === undefined ? "" : ` in partition ${failure.partition}`;
    super("JOB_FAILED", `job "${job}" failed${where}: ${failure?.message ?? "no reason was recorded"}`, {
      details: { job, ...failure },
    });
  }
}
