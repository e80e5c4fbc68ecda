// weir explain — how a job would be cut into stages and partitions, and why; with --live also where its event time stands.
import type { Command } from "commander";
import { JobNotFoundError } from "../core/partition-errors.ts";
import { explainPlan, formatExplanation } from "../dataflow/explain.ts";
import { defaultParallelism } from "../runtime/job-config.ts";
import {
  addExportOption,
  addOutputOptions,
  addParallelismOption,
  addRedisOption,
  perform,
  type RedisOption,
  type RunningOptions,
  requireRedis,
} from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { causesOf, configOf, JobWatch } from "./job-watch.ts";
import { loadJob } from "./load-job.ts";
import type { Output, OutputOptions } from "./output.ts";
import { formatCauses } from "./watermark-text.ts";

type ExplainOptions = OutputOptions &
  RedisOption &
  Pick<RunningOptions, "export" | "parallelism"> & { readonly live?: boolean | undefined };

export function registerExplain(program: Command): void {
  const command = program
    .command("explain")
    .description("show the stages, partitions and channels of a job, and why it is cut there; runs nothing")
    .argument("<job>", "file that exports the job")
    .option("--live", "also what holds back the event time of each stage of the job that runs on Redis");
  addOutputOptions(addRedisOption(addParallelismOption(addExportOption(command)))).action(
    async (file: string, options: ExplainOptions) => {
      await perform(options, (output) => explain(file, options, output));
    },
  );
}

async function explain(file: string, options: ExplainOptions, output: Output): Promise<number> {
  const job = await loadJob(file, options.export);
  if (options.live === true) {
    const watch = await JobWatch.open(requireRedis("explain --live", options), job.name);
    try {
      const seen = await watch.look();
      if (seen === undefined) throw new JobNotFoundError(job.name);
      const explanation = explainPlan(job.plan({ parallelism: configOf(seen).parallelism }));
      const causes = causesOf(seen);
      const live = causes.length === 0 ? ["no event time is held back"] : formatCauses(causes);
      output.result(`${formatExplanation(explanation)}\n${live.join("\n")}`, {
        ...explanation,
        watermarks: causes,
      });
    } finally {
      await watch.close();
    }
    return EXIT.ok;
  }
  const explanation = explainPlan(job.plan({ parallelism: options.parallelism ?? defaultParallelism() }));
  output.result(formatExplanation(explanation).trimEnd(), explanation);
  return EXIT.ok;
}
