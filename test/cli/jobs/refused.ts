// A job whose sink never takes anything, or that reads what only this process has.
import { defineJob, generator, type Job, type Sink, stdinLines } from "weir";
import { console as consoleSink } from "weir/connectors/console";

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
