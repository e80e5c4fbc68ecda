// A job whose requests are never answered: two records are refused once, and then wait like all others.
import { collection, defineJob, type Job } from "weir";
import { console as consoleSink } from "weir/connectors/console";

const job: Job = defineJob(process.env["WEIR_TEST_JOB"] ?? "waiting-requests", (builder) => {
  builder
    .source("numbers", collection([0, 1, 2, 3, 4, 5, 6]), { parallelism: 1 })
    .keyBy((n) => n % 3)
    .asyncMap(
      "ask",
      async (n, { attempt }) => {
        if (n < 2 && attempt === 1) throw new Error("not yet");
        return new Promise<number>(() => {});
      },
      { concurrency: 5, retry: { attempts: 2, backoff: 1 }, timeout: "1h" },
    )
    .to("out", consoleSink());
});
export default job;
