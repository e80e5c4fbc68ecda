// weir cancel — asks all workers of a job to drain and the job to end.
import type { Command } from "commander";
import { JobNotFoundError } from "../core/partition-errors.ts";
import { connect } from "../runtime/weir.ts";
import { perform, requireRedis } from "./command.ts";
import { JobNotRunningError } from "./errors.ts";
import { EXIT } from "./exit-codes.ts";
import { addNamedJobOptions, jobName, type NamedJobOptions } from "./job-argument.ts";
import type { Output } from "./output.ts";

export function registerCancel(program: Command): void {
  const command = program
    .command("cancel")
    .description("end a job: its workers finish what is under way and leave; it cannot be resumed");
  addNamedJobOptions(command, "<job>").action(async (argument: string, options: NamedJobOptions) => {
    await perform(options, (output) => cancel(argument, options, output));
  });
}

async function cancel(argument: string, options: NamedJobOptions, output: Output): Promise<number> {
  const redis = requireRedis("cancel", options);
  const job = await jobName(argument, options);
  const weir = await connect({ redis });
  await weir.cancel(job);
  const seen = await weir.status(job);
  if (seen === undefined) throw new JobNotFoundError(job);
  const { status } = seen.job;
  if (status === "finished" || status === "failed") throw new JobNotRunningError(job, status);
  const workers = seen.workers.length;
  const waits =
    status === "cancelling" && workers === 0 ? "; it ends when a worker sees this, and none is there" : "";
  output.result(`job ${job} is ${status}${waits}`, { job, status, workers });
  return EXIT.ok;
}
