// What all commands share: their common options, and turning what an action returns or throws into an exit code.
import { type Command, InvalidArgumentError, Option } from "commander";
import { defaultRestartPolicy, type RestartPolicy } from "../actors/kernel/supervision.ts";
import { defaultSettings, type EngineSettings } from "../actors/settings.ts";
import { DEAD_AFTER_RANGE_MS, type RunOptions } from "../runtime/run-options.ts";
import { reportOf } from "./error-report.ts";
import { UsageError } from "./errors.ts";
import { exitCodeFor } from "./exit-codes.ts";
import { Output, type OutputOptions } from "./output.ts";

/** Runs the action of a command. @param act returns the exit code; what it throws is shown here */
export async function perform(
  options: OutputOptions,
  act: (output: Output) => Promise<number>,
): Promise<void> {
  const output = new Output(options);
  try {
    process.exitCode = await act(output);
  } catch (thrown) {
    const report = reportOf(thrown);
    output.error(report);
    process.exitCode = exitCodeFor(report.code);
  }
}

export function addOutputOptions(command: Command): Command {
  return command
    .option("--json", "print JSON, one object per line")
    .option("--quiet", "print nothing but results and errors")
    .option("--verbose", "print every event, and errors with their stacks (also: WEIR_DEBUG=1)");
}

export interface RedisOption {
  readonly redis?: string | undefined;
}

const REDIS_FLAG = "--redis <url>";

/** For commands that make no sense without a Redis: its URL may also come from the environment. */
export function addRedisOption(command: Command): Command {
  return command.addOption(
    new Option(REDIS_FLAG, "URL of the Redis, for example redis://localhost:6379").env("WEIR_REDIS_URL"),
  );
}

/** For `run`: without it the job runs in this process, whatever the environment says. */
export function addOptionalRedisOption(command: Command): Command {
  return command.option(
    REDIS_FLAG,
    "run on this Redis, with worker processes (default: embedded in this process)",
  );
}

/** @throws {UsageError} */
export function requireRedis(command: string, options: RedisOption): string {
  if (options.redis !== undefined && options.redis !== "") return options.redis;
  throw new UsageError(`weir ${command} needs a Redis: give --redis <url>, or set WEIR_REDIS_URL`);
}

export interface RunningOptions {
  readonly export?: string | undefined;
  readonly parallelism?: number | undefined;
  readonly set?: Partial<EngineSettings> | undefined;
  readonly restart?: Partial<RestartPolicy> | undefined;
  readonly deadAfterMs?: number | undefined;
  readonly cpuProf?: boolean | undefined;
  readonly cpuProfDir?: string | undefined;
}

export function addExportOption(command: Command): Command {
  return command.option(
    "--export <name>",
    "export of the file that is the job (default: the default export, or job)",
  );
}

export function addParallelismOption(command: Command): Command {
  return command.option(
    "--parallelism <n>",
    "partitions of stages for which the job says nothing; counts when the job is created (default: 2 x cores)",
    (text: string) => parseWholeNumber(text, 1, 256),
  );
}

/** Options of commands that work on a job. */
export function addRunningOptions(command: Command): Command {
  addParallelismOption(addExportOption(command))
    .option(
      "--set <name=value>",
      `an engine setting; repeatable: ${namesOf(defaultSettings)}`,
      (text: string, before: Partial<EngineSettings> | undefined) =>
        parseSetting(text, before, defaultSettings),
    )
    .option(
      "--restart <name=value>",
      `how partitions that failed are tried again, on Redis; repeatable: ${namesOf(defaultRestartPolicy)}`,
      (text: string, before: Partial<RestartPolicy> | undefined) =>
        parseSetting(text, before, defaultRestartPolicy),
    )
    .option(
      "--dead-after-ms <ms>",
      "a worker whose heartbeat stands still for so long loses its partitions (default: 1500)",
      (text: string) => parseWholeNumber(text, ...DEAD_AFTER_RANGE_MS),
    );
  return addProfileOptions(command);
}

export function addProfileOptions(command: Command): Command {
  return command
    .option("--cpu-prof", "write a CPU profile of each process that works")
    .option("--cpu-prof-dir <folder>", "where CPU profiles are written", ".");
}

/** What they mean to the engine. */
export function runOptions({ parallelism, set, restart, deadAfterMs }: RunningOptions): RunOptions {
  return { parallelism, settings: set, restart, deadAfterMs };
}

/** The same options for the command line of a child process. */
export function runningArguments(options: RunningOptions): string[] {
  const args: string[] = [];
  if (options.export !== undefined) args.push("--export", options.export);
  if (options.parallelism !== undefined) args.push("--parallelism", String(options.parallelism));
  for (const [name, value] of Object.entries(options.set ?? {})) args.push("--set", `${name}=${value}`);
  for (const [name, value] of Object.entries(options.restart ?? {}))
    args.push("--restart", `${name}=${value}`);
  if (options.deadAfterMs !== undefined) args.push("--dead-after-ms", String(options.deadAfterMs));
  if (options.cpuProf === true) args.push("--cpu-prof", "--cpu-prof-dir", options.cpuProfDir ?? ".");
  return args;
}

export function cpuProfileFolder(options: RunningOptions): string | undefined {
  return options.cpuProf === true ? (options.cpuProfDir ?? ".") : undefined;
}

/** @throws {InvalidArgumentError} */
export function parseWholeNumber(text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
}

/**
 * `commitIntervalMs=50`, or `commit-interval-ms=50`. Ranges are checked by the engine.
 *
 * @param before what the same option brought until now
 * @param known an object with all names
 * @throws {InvalidArgumentError}
 */
function parseSetting<T extends object>(text: string, before: Partial<T> | undefined, known: T): Partial<T> {
  const [, written = "", value = ""] = /^([A-Za-z-]+)=(\d+)$/.exec(text) ?? [];
  if (value === "")
    throw new InvalidArgumentError(
      `Write name=value with a whole number, for example ${Object.keys(known)[0]}=50.`,
    );
  const name = written.replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase());
  if (!Object.hasOwn(known, name))
    throw new InvalidArgumentError(`There is no setting "${written}"; the settings are ${namesOf(known)}.`);
  return { ...before, [name]: Number(value) } as Partial<T>;
}

function namesOf(known: object): string {
  return Object.keys(known).join(", ");
}
