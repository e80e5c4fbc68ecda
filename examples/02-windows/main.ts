// Windows in event time: readings are put where they were measured, not where they arrived, and what comes too late for
// all of its windows goes to a side output instead of being lost silently.
import { combine, connect, count, defineJob, generator, LATE_TAG, max, sideTag, sliding } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Reading {
  readonly sensor: string;
  /** Seconds since the start. */
  readonly at: number;
  readonly celsius: number;
}

const readings: readonly Reading[] = [
  { sensor: "attic", at: 1, celsius: 21 },
  { sensor: "cellar", at: 2, celsius: 12 },
  { sensor: "attic", at: 6, celsius: 23 },
  { sensor: "attic", at: 4, celsius: 25 }, // 2 s out of order: in time, because the source allows for 2 s
  { sensor: "cellar", at: 9, celsius: 13 },
  { sensor: "attic", at: 18, celsius: 22 }, // event time passes the end of the windows up to 15 s
  { sensor: "cellar", at: 17, celsius: 12 },
  { sensor: "cellar", at: 18, celsius: 12 },
  { sensor: "attic", at: 19, celsius: 24 },
  { sensor: "cellar", at: 19, celsius: 14 },
  { sensor: "attic", at: 18, celsius: 26 },
  { sensor: "cellar", at: 18, celsius: 11 },
  { sensor: "attic", at: 3, celsius: 99 }, // 16 s out of order: all of its windows have closed
];

const late = sideTag<Reading>(LATE_TAG);

const job = defineJob("windows", (job) => {
  const warmest = job
    // Ten per second: whether a record is late depends on what has been seen before it, so they must not come at once.
    .source("readings", generator({ count: readings.length, ratePerSecond: 10, generate: readingOf }), {
      timestamp: (reading) => reading.at * 1_000,
      outOfOrderness: "2s",
    })
    .keyBy((reading) => reading.sensor)
    .window(sliding("10s", "5s"))
    .aggregate(
      "warmest",
      combine({ readings: count(), celsius: max((reading: Reading) => reading.celsius) }),
    );
  warmest
    .map(({ key, value, window }) => {
      const span = `${window.start / 1_000} s to ${window.end / 1_000} s`;
      return `${span.padEnd(13)} ${key.padEnd(7)} ${value.celsius} °C at most, of ${value.readings}`;
    })
    .to("report", consoleSink());
  warmest
    .sideOutput(late)
    .map((reading) => `late: ${reading.sensor} ${reading.celsius} °C of second ${reading.at}`)
    .to("late-report", consoleSink());
});

function readingOf(n: number): Reading {
  return readings[n] as Reading;
}

const weir = await connect();
// One partition per stage: then the lines have an order that can be compared with expected.txt.
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
