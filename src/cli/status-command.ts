// weir status — how a job on Redis stands: its stages, its workers, how far behind it is. Also a health check.
import type { Command } from "commander";
import { JobNotFoundError } from "../core/partition-errors.ts";
import type { JobStatusReport } from "../runtime/weir.ts";
import { perform, requireRedis } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { addNamedJobOptions, jobName, type NamedJobOptions } from "./job-argument.ts";
import { listJobs } from "./job-list.ts";
import { causesOf, configOf, JobWatch, reportsOf, requestsOf, shapesOfDescription } from "./job-watch.ts";
import type { Output } from "./output.ts";
import { ProgressMeter, type StageProgress } from "./progress-meter.ts";
import { formatStatus, statusObject } from "./status-text.ts";

export function registerStatus(program: Command): void {
  const command = program
    .command("status")
    .description(
      "show how a job on Redis stands; without a job: all jobs that are there. Fails when it is unknown",
    );
  addNamedJobOptions(command, "[job]").action(
    async (argument: string | undefined, options: NamedJobOptions) => {
      await perform(options, (output) => status(argument, options, output));
    },
  );
}

async function status(
  argument: string | undefined,
  options: NamedJobOptions,
  output: Output,
): Promise<number> {
  const redis = requireRedis("status", options);
  if (argument !== undefined) {
    const job = await jobName(argument, options);
    const seen = await look(redis, job);
    if (seen === undefined) throw new JobNotFoundError(job);
    show(output, seen);
    return EXIT.ok;
  }
  const names = await listJobs(redis);
  if (names.length === 0) output.note("there are no jobs here", { event: { kind: "no-jobs" } });
  for (const name of names) {
    const seen = await look(redis, name);
    if (seen !== undefined) show(output, seen);
  }
  return EXIT.ok;
}

async function look(redis: string, job: string): Promise<JobStatusReport | undefined> {
  const watch = await JobWatch.open(redis, job);
  try {
    return await watch.look();
  } finally {
    await watch.close();
  }
}

function show(output: Output, seen: JobStatusReport): void {
  const stages: StageProgress[] = new ProgressMeter(shapesOfDescription(configOf(seen).description)).observe(
    reportsOf(seen),
    Date.now(),
  );
  const causes = causesOf(seen);
  const requests = requestsOf(seen);
  output.result(formatStatus(seen, stages, causes, requests), statusObject(seen, stages, causes, requests));
}
