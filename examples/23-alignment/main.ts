// Two sources that are read side by side: an archive as fast as the disk gives it, and a live feed. Without alignment the
// archive would be read to its end, and whatever joins the two would keep all of it until the feed has caught up.
import { connect, defineJob, generator, monotonic } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Tick {
  readonly n: number;
  /** Seconds since the start. */
  readonly at: number;
}

const COUNT = 30;
let archiveAt = 0;
let liveAt = 0;
let furthest = 0;

/** Made when it is asked for, so it can be seen how far ahead each source is read. */
const archive = generator({
  count: COUNT,
  batch: 1,
  generate: (n): Tick => {
    if (n > 0) furthest = Math.max(furthest, archiveAt - liveAt);
    archiveAt = n;
    return { n, at: n };
  },
});
const live = generator({
  count: COUNT,
  ratePerSecond: 60,
  batch: 1,
  generate: (n): Tick => {
    liveAt = n;
    return { n, at: n };
  },
});

const job = defineJob("backfill", (job) => {
  const options = {
    timestamp: (tick: Tick) => tick.at * 1_000,
    watermarks: monotonic(),
    alignment: { group: "backfill", maxDrift: "5s" },
    parallelism: 1,
  } as const;
  job
    .source("archive", archive, options)
    .union(job.source("live", live, options))
    .filter(({ n }) => n === COUNT - 1)
    .map(({ n }) => `read up to second ${n}`)
    .to("report", consoleSink());
});

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
console.log(furthest <= 5 ? "the archive was at most 5 s ahead" : `the archive was ${furthest} s ahead`);
