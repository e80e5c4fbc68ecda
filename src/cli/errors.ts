// Errors of the command line.
import { EngineError } from "../core/errors.ts";

/** The command was called in a way that it does not know. */
export class UsageError extends EngineError<"USAGE"> {
  constructor(problem: string, details: Readonly<Record<string, unknown>> = {}) {
    super("USAGE", problem, { details });
  }
}

/** The job file is missing, breaks while it is loaded, or exports no job. */
export class JobFileError extends EngineError<"JOB_FILE"> {
  constructor(path: string, problem: string, cause?: unknown) {
    super("JOB_FILE", `job file ${path}: ${problem}`, { details: { path, problem }, cause });
  }
}

/** A job file is written in TypeScript, and nothing here can read that. */
export class TypeScriptLoaderError extends EngineError<"TYPESCRIPT_LOADER"> {
  constructor(path: string, nodeVersion: string) {
    super(
      "TYPESCRIPT_LOADER",
      `job file ${path} is TypeScript, which Node ${nodeVersion} does not read by itself; ` +
        "install tsx beside it (npm i -D tsx), or use Node 22.18 or newer",
      { details: { path, nodeVersion } },
    );
  }
}

/** Worker processes ended again and again without saying why. */
export class WorkersCrashedError extends EngineError<"WORKERS_CRASHED"> {
  constructor(job: string, crashes: number, last: string) {
    super(
      "WORKERS_CRASHED",
      `job "${job}": a worker process crashed ${crashes} times in a row, the last time with ${last}; ` +
        "see what it printed before; the job goes on from its last commit when it is run again",
      { details: { job, crashes, last } },
    );
  }
}

/** A job that is over cannot be cancelled. */
export class JobNotRunningError extends EngineError<"JOB_NOT_RUNNING"> {
  constructor(job: string, status: string) {
    super("JOB_NOT_RUNNING", `job "${job}" is ${status}; there is nothing to cancel`, {
      details: { job, status },
    });
  }
}
