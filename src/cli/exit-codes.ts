// What the exit code of `weir` means. Documented in docs/cli.md; scripts and health checks depend on it.

export const EXIT = {
  /** Done as asked; for `run` and `worker`: the job finished, was cancelled, or was drained by a signal. */
  ok: 0,
  /** The job failed, or something broke that nobody foresaw. */
  failed: 1,
  /** The call or the job file is wrong: repeating it as it is cannot help. */
  usage: 2,
  /** Redis cannot be reached, or this one cannot be used. */
  redis: 3,
  /** The job is unknown there, over, gone, or another one under the same name. */
  job: 4,
  /** Whoever read the results went away: 128 + SIGPIPE, as shells count. */
  brokenPipe: 141,
} as const;

/** A second signal ends the process at once, with 128 + the number of the signal. */
export const FORCED_EXIT: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

export type StopSignal = "SIGINT" | "SIGTERM";

const USAGE: ReadonlySet<string> = new Set([
  "USAGE",
  "JOB_FILE",
  "TYPESCRIPT_LOADER",
  "INVALID_JOB",
  "UNKNOWN_OPTION",
  "INVALID_OPTION",
  "INVALID_SETTING",
  "NEEDS_REDIS",
  "NEEDS_ONE_PROCESS",
  // Text that can be the URL of no Redis says nothing about a server.
  "REDIS_URL",
]);

const REDIS: ReadonlySet<string> = new Set(["SESSION_ENDED", "HISTORY_CHANGED"]);

const JOB: ReadonlySet<string> = new Set([
  "JOB_NOT_FOUND",
  "JOB_NOT_RUNNING",
  "JOB_OVER",
  "JOB_LOST",
  "JOB_REPLACED",
  "JOB_LEFTOVERS",
  "JOB_GRAPH_CHANGED",
]);

/** @param code stable code of an error */
export function exitCodeFor(code: string): number {
  if (USAGE.has(code)) return EXIT.usage;
  if (JOB.has(code)) return EXIT.job;
  if (REDIS.has(code) || code.startsWith("REDIS_")) return EXIT.redis;
  return EXIT.failed;
}
