// Requests behind a keyBy: the accounts of a service are updated one request at a time, in the order of each account's
// payments, while requests for other accounts go on beside them. A slow account holds back nobody else.
import { setTimeout as sleep } from "node:timers/promises";
import { collect, collection, connect, defineJob } from "weir";

interface Payment {
  readonly account: string;
  readonly cents: number;
}

const payments: readonly Payment[] = [
  { account: "slow", cents: 100 },
  { account: "ada", cents: 500 },
  { account: "slow", cents: 200 },
  { account: "bob", cents: 900 },
  { account: "ada", cents: -300 },
];

/** Stands for a service that keeps balances: two requests for one account at once would lose an update. */
const balances = new Map<string, number>();

async function book({ account, cents }: Payment): Promise<number> {
  const balance = balances.get(account) ?? 0;
  await sleep(account === "slow" ? 60 : 5);
  balances.set(account, balance + cents);
  return balance + cents;
}

const booked = collect<string>();

const job = defineJob("bookings", (job) => {
  job
    .source("payments", collection(payments), { parallelism: 1 })
    .keyBy((payment) => payment.account)
    .asyncMap("book", async (payment, { key }) => `${key}: ${await book(payment)}`, {
      order: "sequential",
      timeout: "10s",
    })
    .to("booked", booked);
});

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
await weir.close();

for (const line of booked.results) console.log(line);
