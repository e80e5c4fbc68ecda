// JobProblem — one thing that is wrong with a job, found before anything runs; all of them are reported at once.
import { EngineError } from "../core/errors.ts";

export type JobProblemCode =
  /** The build function is no plain synchronous function. */
  | "INVALID_BUILD"
  | "MISSING_NAME"
  | "INVALID_NAME"
  | "DUPLICATE_NAME"
  /** Something else stands where a function is needed, or the function is async. */
  | "INVALID_FUNCTION"
  | "INVALID_SOURCE"
  | "INVALID_SINK"
  | "INVALID_STREAM"
  | "INVALID_AGGREGATE"
  | "INVALID_WINDOW"
  | "INVALID_DEFINITION"
  | "INVALID_STATE"
  | "INVALID_KEY_CODEC"
  | "INVALID_SIDE_TAG"
  | "UNKNOWN_OPTION"
  | "INVALID_OPTION"
  | "PARALLELISM_OUT_OF_RANGE"
  | "PARALLELISM_ABOVE_MAXIMUM"
  | "EMPTY_JOB"
  | "NO_SINK"
  | "UNREAD_STREAM"
  | "FOREIGN_STREAM"
  | "CYCLE"
  | "REPEATED_UNION_INPUT"
  | "REPEATED_ROUTING"
  | "BROADCAST_BEFORE_KEY_BY"
  | "WINDOW_WITHOUT_TIMESTAMPS"
  | "DEAD_LETTERS_UNREAD"
  | "DEAD_LETTERS_NEVER_SENT";

export interface JobProblem {
  readonly code: JobProblemCode;
  /** What it is about, for programs: the name of an operator, or the description of a node. */
  readonly subject: string;
  /** One sentence that names the thing, the value and the remedy. */
  readonly message: string;
}

/** A job that cannot run as it is written. `problems` holds everything that was found. */
export class InvalidJobError extends EngineError<"INVALID_JOB"> {
  readonly job: string;
  readonly problems: readonly JobProblem[];

  constructor(job: string, problems: readonly JobProblem[]) {
    const [first] = problems;
    const message =
      problems.length === 1 && first !== undefined
        ? `job "${job}": ${first.message}`
        : `job "${job}" has ${problems.length} problems:\n${problems.map((problem) => `  - ${problem.message}`).join("\n")}`;
    super("INVALID_JOB", message, { details: { job, problems } });
    this.job = job;
    this.problems = Object.freeze([...problems]);
  }

  /** Whether a problem with this code was found. */
  has(code: JobProblemCode): boolean {
    return this.problems.some((problem) => problem.code === code);
  }
}
