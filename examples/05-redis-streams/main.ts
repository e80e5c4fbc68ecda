// From a Redis stream to a Redis stream, exactly once: the position in the first and the entries of the second are
// written by the same commit. Any program may add to `payments` and read `balances`; neither needs to know Weir.
//
//   WEIR_REDIS_URL=redis://localhost:6379 npx tsx examples/05-redis-streams/main.ts
import { createClient } from "redis";
import { connect, defineJob, sum } from "weir";
import { redisStream, redisStreamSink } from "weir/connectors/redis";
import { z } from "zod";

const url = process.env["WEIR_REDIS_URL"] ?? "redis://localhost:6379";
const payment = z.object({ account: z.string(), cents: z.number() });

const job = defineJob("balances", (job) => {
  job
    .source("payments", redisStream("payments", { schema: payment }))
    .keyBy((each) => each.account)
    .aggregate(
      "balances",
      sum((each) => each.cents),
    )
    .map(({ key, value }) => ({ account: key, cents: value }))
    .to("balances-out", redisStreamSink("balances", { format: "fields" }));
});

const redis = createClient({ url });
await redis.connect();
await redis.del(["payments", "balances"]);
await pay("alice", 10_000, -2_500, -1_250);
await pay("bob", 5_000);

const weir = await connect({ redis: url });
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
const status = await weir.status("balances");
console.log(`the job is ${status?.job.status}, with ${status?.workers.length} workers`);

await weir.remove("balances");
await redis.del(["payments", "balances"]);
await redis.close();

async function pay(account: string, ...amounts: number[]): Promise<void> {
  for (const cents of amounts)
    await redis.xAdd("payments", "*", { record: JSON.stringify({ account, cents }) });
}

/** Waits for so many balances. */
async function balancesAfter(payments: number): Promise<Record<string, string>[]> {
  while ((await redis.xLen("balances")) < payments) await new Promise((resolve) => setTimeout(resolve, 10));
  return ((await redis.xRange("balances", "-", "+")) ?? []).map((entry) => entry.message);
}
