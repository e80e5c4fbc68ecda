// A job whose sink never takes anything, or that reads what only this process has.
import { console as consoleSink } from "../../../src/connectors/console.ts";
import type { Sink } from "../../../src/connectors/contract.ts";
import { generator } from "../../../src/connectors/generator.ts";
import { stdinLines } from "../../../src/connectors/stdin-lines.ts";
import { defineJob, type Job } from "../../../src/dataflow/job.ts";

const name = process.env["WEIR_TEST_JOB"] ?? "refused";

const refusing: Sink<number> = {
  description: "refuses everything",
  guarantee: "append",
  open: () => {
    throw new Error("no space");
  },
};

export const job: Job = defineJob(name, (builder) => {
  builder.source("numbers", generator({ generate: (n) => n, count: 100 })).to("out", refusing);
});

export const typed: Job = defineJob(name, (builder) => {
  builder.source("lines", stdinLines()).to("out", consoleSink());
});
