// weir explain — how a job would be cut into stages and partitions, and why.
import type { Command } from "commander";
import { explainPlan, formatExplanation } from "../dataflow/explain.ts";
import { defaultParallelism } from "../runtime/job-config.ts";
import {
  addExportOption,
  addOutputOptions,
  addParallelismOption,
  perform,
  type RunningOptions,
} from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { loadJob } from "./load-job.ts";
import type { OutputOptions } from "./output.ts";

type ExplainOptions = OutputOptions & Pick<RunningOptions, "export" | "parallelism">;

export function registerExplain(program: Command): void {
  const command = program
    .command("explain")
    .description("show the stages, partitions and channels of a job, and why it is cut there; runs nothing")
    .argument("<job>", "file that exports the job");
  addOutputOptions(addParallelismOption(addExportOption(command))).action(
    async (file: string, options: ExplainOptions) => {
      await perform(options, async (output) => {
        const job = await loadJob(file, options.export);
        const explanation = explainPlan(
          job.plan({ parallelism: options.parallelism ?? defaultParallelism() }),
        );
        output.result(formatExplanation(explanation).trimEnd(), explanation);
        return EXIT.ok;
      });
    },
  );
}
