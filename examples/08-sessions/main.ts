// Sessions: the visits of each user, ended by 30 minutes of silence. A record that comes between two sessions makes one of
// them, wherever it stands in the input.
import { collection, connect, count, defineJob, session } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Click {
  readonly user: string;
  /** Minutes since midnight. */
  readonly at: number;
}

const clicks: readonly Click[] = [
  { user: "ada", at: 600 },
  { user: "bob", at: 605 },
  { user: "ada", at: 610 },
  { user: "ada", at: 660 }, // 50 minutes later: another visit, so far
  { user: "bob", at: 640 }, // 35 minutes later: another visit
  { user: "ada", at: 635 }, // 25 minutes from both: the two visits of ada were one
];

const job = defineJob("sessions", (job) => {
  job
    .source("clicks", collection(clicks), {
      timestamp: (click) => click.at * 60_000,
      outOfOrderness: "2h",
    })
    .keyBy((click) => click.user)
    .window(session("30m"))
    .aggregate("visits", count())
    .map(({ key, value, window }) => {
      const minutes = (window.end - window.start) / 60_000 - 30;
      return `${key}: ${value} clicks in ${minutes} minutes`;
    })
    .to("report", consoleSink());
});

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
