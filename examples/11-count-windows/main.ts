// Count windows and the global window: the mean of the last three readings after each, and a result for every two readings
// of a sensor that forgets what it has told.
import { collection, connect, countWindow, defineJob, globalWindow, mean, sum, triggers } from "weir";
import { console as consoleSink } from "weir/connectors/console";

const readings = [10, 20, 30, 40, 50].map((celsius) => ({ sensor: "attic", celsius }));
type Reading = (typeof readings)[number];

const job = defineJob("count-windows", (job) => {
  const bySensor = job.source("readings", collection(readings)).keyBy((reading) => reading.sensor);
  bySensor
    .window(countWindow(3, 1))
    .aggregate(
      "moving-mean",
      mean((reading: Reading) => reading.celsius),
    )
    .map(({ value }) => `mean of the last three: ${value}`)
    .to("means", consoleSink());
  bySensor
    .window(globalWindow())
    .trigger(triggers.purging(triggers.count(2)))
    .aggregate(
      "pairs",
      sum((reading: Reading) => reading.celsius),
    )
    .map(({ value }) => `sum of two: ${value}`)
    .to("sums", consoleSink());
});

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
