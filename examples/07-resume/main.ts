// A job outlives its workers: the first one is stopped in the middle, the second one finds state, timers and positions
// on Redis and finishes the job as if nothing had happened. (`npm run demo -- --redis` kills one instead.)
//
//   WEIR_REDIS_URL=redis://localhost:6379 npx tsx examples/07-resume/main.ts
import { createClient } from "redis";
import { connect, count, defineJob, generator, type Job } from "weir";
import { redisStreamSink } from "weir/connectors/redis";

const url = process.env["WEIR_REDIS_URL"] ?? "redis://localhost:6379";
const EVENTS = 3_000;
const USERS = 7;
const COUNTS = "example:resume-counts";

const job: Job = defineJob("example-resume", (job) => {
  job
    .source(
      "events",
      generator({ count: EVENTS, ratePerSecond: 1_500, generate: (n) => ({ user: n % USERS }) }),
    )
    .keyBy((event) => event.user)
    .aggregate("counts", count())
    .map(({ key, value }) => ({ user: key, count: value }))
    .to("counts-out", redisStreamSink(COUNTS, { format: "fields" }));
});

const weir = await connect({ redis: url });
const redis = createClient({ url });
await redis.connect();
await redis.del(COUNTS);

const first = await weir.run(job, { fresh: true });
while ((await redis.xLen(COUNTS)) < EVENTS / 3) await new Promise((resolve) => setTimeout(resolve, 10));
await first.stop();

const status = await weir.status(job.name);
const before = await redis.xLen(COUNTS);
console.log(`stopped: the job is ${status?.job.status} with ${status?.workers.length} workers`);
console.log(`some results are there, others are missing: ${before > 0 && before < EVENTS}`);

const second = await weir.run(job);
const { status: end } = await second.finished;
console.log(`resumed by another worker: the job is ${end}`);

// Each user's counts must be 1, 2, 3, ... without gap or repeat: nothing was lost, nothing was counted twice.
const counts = Array.from({ length: USERS }, (): number[] => []);
for (const { message } of (await redis.xRange(COUNTS, "-", "+")) ?? [])
  counts[Number(message["user"])]?.push(Number(message["count"]));
const contiguous = counts.every((own) => own.every((each, i) => each === i + 1));
const total = counts.reduce((sum, own) => sum + own.length, 0);
console.log(`${total} results for ${EVENTS} events, every count follows the one before it: ${contiguous}`);

await weir.remove(job.name);
await redis.del(COUNTS);
await redis.close();
