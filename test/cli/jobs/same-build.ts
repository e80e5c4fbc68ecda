// A job that is named after where its "weir" comes from: from the build of the command that loads it, or elsewhere.
import { pathToFileURL } from "node:url";
import { defineJob, generator, type Job } from "weir";
import { console as consoleSink } from "weir/connectors/console";

const command = pathToFileURL(process.argv[1]!);
const ofCommand = (await import(new URL("../index.js", command).href)) as { readonly defineJob: unknown };

const job: Job = defineJob(ofCommand.defineJob === defineJob ? "the-same" : "another", (builder) => {
  builder.source("numbers", generator({ generate: (n) => n, count: 1 })).to("out", consoleSink());
});
export default job;
