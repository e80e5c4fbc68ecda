// A job in which one of two splits brings one record and then nothing: its windows wait for it.
import { count, defineJob, type Job, tumbling } from "weir";
import { console as consoleSink } from "weir/connectors/console";
import { FedSource } from "../../engine/fed-source.ts";

interface Reading {
  readonly at: number;
}

const source = new FedSource<Reading>(["active", "silent"]);
source.feed("active", { at: 10_000 }, { at: 500_000 });
source.feed("silent", { at: 40_000 });

const job: Job = defineJob(process.env["WEIR_TEST_JOB"] ?? "silent-split", (builder) => {
  builder
    .source("readings", source, { timestamp: ({ at }) => at })
    .keyBy(() => "all")
    .window(tumbling("1m"))
    .aggregate("counts", count())
    .to("out", consoleSink());
});
export default job;
