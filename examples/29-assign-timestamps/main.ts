// Event time that the source cannot tell: the lines of a log must be parsed first. What has no time is a dead letter.
import { collection, connect, count, defineJob, tumbling } from "weir";
import { console as consoleSink } from "weir/connectors/console";

const LINES = [
  "2026-03-01T10:00:05Z GET /orders",
  "2026-03-01T10:00:50Z POST /orders",
  "2026-03-01T10:00:41Z GET /orders", // out of order, by less than the 30 s that are allowed
  "-- log rotated --",
  "2026-03-01T10:01:58Z GET /orders",
  "2026-03-01T10:01:29Z POST /orders",
];

interface Entry {
  readonly time: string;
  readonly method: string;
}

const job = defineJob("log", (job) => {
  const entries = job
    .source("lines", collection(LINES))
    .map("parse", (line): Entry => {
      const [time = "", method = ""] = line.split(" ");
      return { time, method };
    })
    .assignTimestamps("times", {
      timestamp: (entry) => new Date(entry.time),
      outOfOrderness: "30s",
      onError: "deadLetter",
    });

  entries
    .keyBy((entry) => entry.method)
    .window(tumbling("1m"))
    .aggregate("per-minute", count())
    .map(({ key, value, window }) => `${new Date(window.start).toISOString().slice(11, 16)} ${key} ${value}`)
    .to("report", consoleSink());
  entries
    .deadLetters()
    .map((letter) => `no time: ${JSON.stringify(letter.record)}`)
    .to("letters", consoleSink());
});

const weir = await connect();
await (await weir.run(job, { parallelism: 1 })).finished;
await weir.close();
