// weir remove — deletes everything that a job keeps in Redis.
import type { Command } from "commander";
import { JobNotFoundError } from "../core/partition-errors.ts";
import { deleteJob } from "../redis/delete-job.ts";
import { perform, requireRedis } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { addNamedJobOptions, jobName, type NamedJobOptions } from "./job-argument.ts";
import type { Output } from "./output.ts";

export function registerRemove(program: Command): void {
  const command = program
    .command("remove")
    .description(
      "delete all state, channels and positions of a job; workers that still run stop with an error",
    );
  addNamedJobOptions(command, "<job>").action(async (argument: string, options: NamedJobOptions) => {
    await perform(options, (output) => remove(argument, options, output));
  });
}

async function remove(argument: string, options: NamedJobOptions, output: Output): Promise<number> {
  const redis = requireRedis("remove", options);
  const job = await jobName(argument, options);
  const keys = await deleteJob(redis, job);
  if (keys === 0) throw new JobNotFoundError(job);
  output.result(`job ${job} is removed (${keys} keys)`, { job, removedKeys: keys });
  return EXIT.ok;
}
