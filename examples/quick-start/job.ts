import { combine, count, defineJob, type Job, max, tumbling } from "weir";
import { console } from "weir/connectors/console";
import { ndjsonFile } from "weir/connectors/files";
import { z } from "zod";

const request = z.object({ at: z.coerce.date(), path: z.string(), ms: z.number() });

export const job: Job = defineJob("slow-pages", (job) => {
  job
    .source("requests", ndjsonFile("requests.ndjson", { schema: request }), {
      timestamp: ({ at }) => at,
      outOfOrderness: "10s",
      onError: "skip", // counted; "deadLetter" would keep them
    })
    .keyBy(({ path }) => path)
    .window(tumbling("1m"))
    .aggregate("per-minute", combine({ requests: count(), slowest: max((each: { ms: number }) => each.ms) }))
    .filter(({ value }) => value.slowest > 1_000)
    .to("report", console());
});
