// A bounded job for the tests of the command line: counts per key and second of event time.
import { count, defineJob, generator, type Job, tumbling } from "weir";
import { console as consoleSink } from "weir/connectors/console";
import { ndjsonSink } from "weir/connectors/files";
import { heldSource } from "./held-source.ts";

const KEYS = 5;
const RECORDS_PER_SECOND = 500;

/** Set by the tests in the environment of the command. */
const name = process.env["WEIR_TEST_JOB"] ?? "window-counts";
const records = Number(process.env["WEIR_TEST_RECORDS"] ?? 4_000);
const rate = process.env["WEIR_TEST_RATE"];
const hold = process.env["WEIR_TEST_HOLD"];
const file = process.env["WEIR_TEST_FILE"];

interface Tick {
  readonly n: number;
  readonly at: number;
}

const job: Job = defineJob(name, (builder) => {
  const ticks = generator({
    generate: (n): Tick => ({ n, at: timeOf(n) }),
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
export default job;

function timeOf(n: number): number {
  return Math.floor((n * 1_000) / RECORDS_PER_SECOND);
}

/** What the job must print, in any order: a fold without windows, watermarks or partitions. */
export function expectedLines(recordCount: number): string[] {
  const counts = new Map<string, { key: number; start: number; count: number }>();
  for (let n = 0; n < recordCount; n++) {
    const key = n % KEYS;
    const start = Math.floor(timeOf(n) / 1_000) * 1_000;
    const entry = counts.get(`${key} ${start}`) ?? { key, start, count: 0 };
    entry.count++;
    counts.set(`${key} ${start}`, entry);
  }
  return [...counts.values()].map((entry) => JSON.stringify(entry)).sort();
}
