// coGroup: the records of two streams that are in the same window under the same key, side by side. Every hour the
// temperatures of a room are compared with how often its window was opened; all windows and triggers work for two streams.
import { collect, collection, connect, defineJob, tumbling } from "weir";

const temperatures = [
  { room: "attic", celsius: 21, at: "10:05" },
  { room: "attic", celsius: 19, at: "10:40" },
  { room: "cellar", celsius: 12, at: "10:45" },
  { room: "attic", celsius: 18, at: "11:10" },
];

const openings = [
  { room: "attic", at: "10:20" },
  { room: "attic", at: "10:35" },
  { room: "kitchen", at: "11:15" },
];

const report = collect<string>();

const job = defineJob("rooms", (job) => {
  const measured = job
    .source("temperatures", collection(temperatures), { timestamp: (one) => timeOf(one.at) })
    .keyBy((one) => one.room);
  const opened = job
    .source("openings", collection(openings), { timestamp: (one) => timeOf(one.at) })
    .keyBy((one) => one.room);
  measured
    .coGroup(opened)
    .window(tumbling("1h"))
    .apply("rooms-per-hour", (room, window, readings, opens) => {
      const hour = new Date(window.start).toISOString().slice(11, 16);
      const celsius = readings.map((reading) => reading.celsius).join(" and ") || "unknown";
      return [`${hour} ${room}: ${celsius} °C, window opened ${opens.length} times`];
    })
    .to("report", report);
});

function timeOf(time: string): number {
  return Date.parse(`2026-03-01T${time}:00Z`);
}

const weir = await connect();
const run = await weir.run(job, { parallelism: 2 });
await run.finished;
for (const line of report.results.toSorted()) console.log(line);
