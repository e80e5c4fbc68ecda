// Days in a time zone: windows of a day begin at midnight in Berlin, so the day on which summer time begins has 23 hours.
// Beside them running totals of the week, told every day.
import { collection, connect, count, cumulative, defineJob, tumbling } from "weir";
import { console as consoleSink } from "weir/connectors/console";

const orders = [
  "2024-03-30T12:00:00+01:00",
  "2024-03-30T23:59:00+01:00",
  "2024-03-31T00:00:00+01:00", // summer time begins at two o'clock
  "2024-03-31T23:59:00+02:00",
  "2024-04-01T00:00:00+02:00",
].map((at) => ({ at: new Date(at) }));

const timeZone = "Europe/Berlin";

const job = defineJob("days-in-a-time-zone", (job) => {
  const byNothing = job
    .source("orders", collection(orders), { timestamp: (order) => order.at })
    .keyBy(() => "all");
  const daily = byNothing.window(tumbling("1d", { timeZone })).aggregate("per-day", count());
  // 1970-01-01 was a Thursday: four days later is a Monday.
  const soFar = byNothing
    .window(cumulative("7d", "1d", { timeZone, offset: "4d" }))
    .aggregate("week-so-far", count());
  daily
    .map(
      ({ value, window }) =>
        `${day(window.start)}: ${value} orders in ${(window.end - window.start) / 3_600_000} hours`,
    )
    .union(
      soFar
        .filter(({ window }) => window.end <= Date.parse("2024-03-31T22:00:00Z"))
        .map(
          ({ value, window }) => `week from ${day(window.start)} to ${day(window.end - 1)}: ${value} orders`,
        ),
    )
    .to("report", consoleSink());
});

function day(at: number): string {
  return new Date(at).toLocaleDateString("en-GB", { timeZone });
}

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
