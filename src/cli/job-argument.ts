// The argument of commands that look at a job or end it: its name, or a file that exports it.
import type { Command } from "commander";
import { addExportOption, addOutputOptions, addRedisOption, type RedisOption } from "./command.ts";
import { loadJob, looksLikeFile } from "./load-job.ts";
import type { OutputOptions } from "./output.ts";

export interface NamedJobOptions extends OutputOptions, RedisOption {
  readonly export?: string | undefined;
}

/** @param argument `<job>`, or `[job]` when it may be left out */
export function addNamedJobOptions(command: Command, argument: string): Command {
  command.argument(argument, "name of the job, or the file that exports it");
  return addOutputOptions(addRedisOption(addExportOption(command)));
}

export async function jobName(argument: string, options: NamedJobOptions): Promise<string> {
  return looksLikeFile(argument) ? (await loadJob(argument, options.export)).name : argument;
}
