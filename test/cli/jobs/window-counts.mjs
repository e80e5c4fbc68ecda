// A bounded job for the tests of the command line: counts per key and second of event time (../window-counts.ts says which).
import { count, defineJob, generator, tumbling } from "weir";
import { console as consoleSink } from "weir/connectors/console";
import { ndjsonSink } from "weir/connectors/files";
import { heldSource } from "./held-source.mjs";

const KEYS = 5;
const RECORDS_PER_SECOND = 500;

// Set by the tests in the environment of the command.
const name = process.env["WEIR_TEST_JOB"] ?? "window-counts";
const records = Number(process.env["WEIR_TEST_RECORDS"] ?? 4_000);
const rate = process.env["WEIR_TEST_RATE"];
const hold = process.env["WEIR_TEST_HOLD"];
const file = process.env["WEIR_TEST_FILE"];

export default defineJob(name, (builder) => {
  const ticks = generator({
    generate: (n) => ({ n, at: Math.floor((n * 1_000) / RECORDS_PER_SECOND) }),
    count: records,
    ...(rate === undefined ? {} : { ratePerSecond: Number(rate) }),
  });
  const counts = builder
    .source("ticks", hold === undefined ? ticks : heldSource(ticks, hold), {
      timestamp: (tick) => tick.at,
      outOfOrderness: "1s",
    })
    .keyBy((tick) => tick.n % KEYS)
    .window(tumbling("1s"))
    .aggregate("counts", count())
    .map((result) => ({ key: result.key, start: result.window.start, count: result.value }));
  if (file === undefined) counts.to("out", consoleSink({ format: "json" }));
  else counts.to("out", ndjsonSink(file));
});
