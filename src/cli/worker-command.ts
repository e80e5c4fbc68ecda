// weir worker — this process joins a job on Redis, and creates it when nobody has.
import { type Command, Option } from "commander";
import {
  addOutputOptions,
  addRedisOption,
  addRunningOptions,
  cpuProfileFolder,
  perform,
  type RedisOption,
  type RunningOptions,
  requireRedis,
  runOptions,
} from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { loadJob } from "./load-job.ts";
import { Output, type OutputOptions } from "./output.ts";
import { runHere } from "./run-here.ts";
import { beginAsked, STANDBY_FLAG, tellError } from "./worker-messages.ts";

interface WorkerCommandOptions extends OutputOptions, RedisOption, RunningOptions {
  readonly joinOnly?: boolean;
  readonly managed?: boolean;
  readonly standby?: boolean;
}

export function registerWorker(program: Command): void {
  const command = program
    .command("worker")
    .description(
      "join a job on Redis as one more worker, from anywhere; creates the job when it does not exist",
    )
    .argument("<job>", "file that exports the job; the same file for all workers");
  addRedisOption(command)
    .option("--join-only", "fail when the job does not exist, instead of creating it")
    .addOption(new Option("--managed", "started by weir run, which shows what happens").hideHelp())
    .addOption(new Option(STANDBY_FLAG, "begins when weir run says so").hideHelp());
  addOutputOptions(addRunningOptions(command)).action(async (file: string, options: WorkerCommandOptions) => {
    if (options.managed === true) process.exitCode = await workManaged(file, options);
    else await perform(options, (output) => work(file, options, output));
  });
}

async function work(file: string, options: WorkerCommandOptions, output: Output): Promise<number> {
  const redis = requireRedis("worker", options);
  const { joinOnly, managed } = options;
  return runHere(await loadJob(file, options.export), {
    redis,
    run: { ...runOptions(options), joinOnly, shared: true },
    output,
    cpuProfile: cpuProfileFolder(options),
    managed,
  });
}

/** Everything that goes wrong is for the parent to show, once for all its children. */
async function workManaged(file: string, options: WorkerCommandOptions): Promise<number> {
  try {
    if (options.standby === true && !(await beginAsked())) return EXIT.ok;
    return await work(file, options, new Output({ quiet: true, verbose: options.verbose }));
  } catch (thrown) {
    return tellError(thrown);
  }
}
