// A job whose user function fails, or ends its process, at one record.
import { defineJob, generator } from "weir";
import { console as consoleSink } from "weir/connectors/console";

export const job = defineJob(process.env["WEIR_TEST_JOB"] ?? "failing", (builder) => {
  builder
    .source("numbers", generator({ generate: (n) => n, count: 100 }))
    .map("check", (n) => {
      if (n !== 50) return n;
      if (process.env["WEIR_TEST_CRASH"] === "1") process.exit(7);
      throw new RangeError("fifty is too much");
    })
    .to("out", consoleSink());
});
