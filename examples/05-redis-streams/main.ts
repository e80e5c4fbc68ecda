// From a Redis stream to a Redis stream, exactly once: the position in the first and the entries of the second are
// written by the same commit. Any program may add to the first and read the second; neither needs to know Weir.
//
//   WEIR_REDIS_URL=redis://localhost:6379 npx tsx examples/05-redis-streams/main.ts
import { createClient } from "redis";
import { connect, defineJob, sum } from "weir";
import { redisStream, redisStreamSink } from "weir/connectors/redis";
import { z } from "zod";

const url = process.env["WEIR_REDIS_URL"] ?? "redis://localhost:6379";
const PAYMENTS = "example:payments";
const BALANCES = "example:balances";
const payment = z.object({ account: z.string(), cents: z.number() });

const job = defineJob("example-balances", (job) => {
  job
    .source("payments", redisStream(PAYMENTS, { schema: payment }))
    .keyBy((each) => each.account)
    .aggregate(
      "balances",
      sum((each) => each.cents),
    )
    .map(({ key, value }) => ({ account: key, cents: value }))
    .to("balances-out", redisStreamSink(BALANCES, { format: "fields" }));
});

const weir = await connect({ redis: url });
const redis = createClient({ url });
await redis.connect();
await redis.del([PAYMENTS, BALANCES]);
await pay("alice", 10_000, -2_500, -1_250);
await pay("bob", 5_000);

const run = await weir.run(job, { fresh: true });
await balancesAfter(4);
// The job goes on: what is added now follows within milliseconds.
await pay("bob", -500, 250);
const last = await balancesAfter(6);

for (const account of ["alice", "bob"]) {
  const balances = last.filter((entry) => entry["account"] === account).map((entry) => entry["cents"]);
  console.log(`${account}: ${balances.join(", ")}`);
}

// A stream never ends, so the job does not either: it is stopped, and goes on where it was when it is run again.
await run.stop();
const status = await weir.status(job.name);
console.log(`the job is ${status?.job.status}, with ${status?.workers.length} workers`);

await weir.remove(job.name);
await redis.del([PAYMENTS, BALANCES]);
await redis.close();

async function pay(account: string, ...amounts: number[]): Promise<void> {
  for (const cents of amounts)
    await redis.xAdd(PAYMENTS, "*", { record: JSON.stringify({ account, cents }) });
}

/** Waits for so many balances. */
async function balancesAfter(payments: number): Promise<Record<string, string>[]> {
  while ((await redis.xLen(BALANCES)) < payments) await new Promise((resolve) => setTimeout(resolve, 10));
  return ((await redis.xRange(BALANCES, "-", "+")) ?? []).map((entry) => entry.message);
}
