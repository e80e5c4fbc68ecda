// weir run — a job in this process, or on Redis with worker processes, until it is over or a signal drains it.
import type { Command } from "commander";
import { checkConnectors } from "../runtime/job-checks.ts";
import { defaultParallelism } from "../runtime/job-config.ts";
import { resolveRestart, resolveSettings } from "../runtime/run-options.ts";
import {
  addOptionalRedisOption,
  addOutputOptions,
  addRunningOptions,
  cpuProfileFolder,
  parseWholeNumber,
  perform,
  type RedisOption,
  type RunningOptions,
  runningArguments,
  runOptions,
} from "./command.ts";
import { UsageError } from "./errors.ts";
import { shapesOfPlan } from "./job-watch.ts";
import { loadJob } from "./load-job.ts";
import type { Output, OutputOptions } from "./output.ts";
import { runHere } from "./run-here.ts";
import { runWithWorkers } from "./run-with-workers.ts";
import { spawnStandby } from "./worker-processes.ts";

interface RunCommandOptions extends OutputOptions, RedisOption, RunningOptions {
  readonly workers?: number;
  readonly fresh?: boolean;
}

export function registerRun(program: Command): void {
  const command = program
    .command("run")
    .description("run a job to its end: embedded in this process, or on Redis with worker processes")
    .argument("<job>", "file that exports the job: .ts, .mts, .cts, .js, .mjs or .cjs");
  addOptionalRedisOption(command)
    .option("--workers <n>", "worker processes to start; needs --redis (default: 1)", (text: string) =>
      parseWholeNumber(text, 1, 256),
    )
    .option("--fresh", "delete what an earlier job of this name left in Redis, and begin anew");
  addOutputOptions(addRunningOptions(command)).action(async (file: string, options: RunCommandOptions) => {
    await perform(options, (output) => run(file, options, output));
  });
}

async function run(file: string, options: RunCommandOptions, output: Output): Promise<number> {
  const { redis, workers, fresh } = options;
  const { settings, restart, parallelism } = runOptions(options);
  resolveSettings(settings);
  resolveRestart(restart);
  if (redis === undefined && workers !== undefined)
    throw new UsageError("--workers needs --redis: without a Redis a job runs in one process");
  if (redis === undefined)
    return runHere(await loadJob(file, options.export), {
      redis,
      run: runOptions(options),
      output,
      cpuProfile: cpuProfileFolder(options),
    });
  const count = workers ?? 1;
  const childArgs = ["worker", file, "--managed", ...runningArguments(options)];
  const standby = spawnStandby(count, childArgs, { WEIR_REDIS_URL: redis });
  try {
    const job = await loadJob(file, options.export);
    const plan = job.plan({ parallelism: parallelism ?? defaultParallelism() });
    // The workers would refuse it too, but after --fresh has deleted what was there.
    checkConnectors(plan, { onRedis: true, severalProcesses: true });
    return await runWithWorkers({
      job: job.name,
      shapes: shapesOfPlan(plan),
      redis,
      workers: count,
      fresh: fresh === true,
      childArgs,
      standby,
      output,
    });
  } finally {
    standby.close();
  }
}
