// Over-windows: every record goes on, with an aggregate over the records before it. Here each payment is compared with
// the mean of the three before it, and with what the same card has spent in the last minute.
import { combine, connect, count, defineJob, generator, mean, sum } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Payment {
  readonly card: string;
  /** Seconds since the start. */
  readonly at: number;
  readonly amount: number;
}

const payments: readonly Payment[] = [
  { card: "blue", at: 0, amount: 20 },
  { card: "blue", at: 30, amount: 40 },
  { card: "red", at: 31, amount: 8 },
  { card: "blue", at: 45, amount: 30 },
  { card: "blue", at: 40, amount: 60 }, // 5 s out of order: counted where it belongs
  { card: "blue", at: 60, amount: 90 },
  { card: "red", at: 95, amount: 9 },
  { card: "blue", at: 20, amount: 99 }, // the watermark has passed it: in no result
  { card: "blue", at: 130, amount: 10 },
];

const job = defineJob("payments", (job) => {
  const byCard = job
    // Ten per second: whether a record is late depends on what has been seen before it, so they must not come at once.
    .source("payments", generator({ count: payments.length, ratePerSecond: 10, generate: paymentOf }), {
      timestamp: (payment) => payment.at * 1_000,
      outOfOrderness: "10s",
    })
    .keyBy((payment) => payment.card);
  const amount = (payment: Payment): number => payment.amount;
  byCard
    .over("recent", { rows: 3 }, combine({ payments: count(), mean: mean(amount) }))
    .map(
      ({ record, value }) =>
        `${record.card} at ${record.at} s: ${record.amount}, mean of ${value.payments} is ${value.mean}`,
    )
    .to("recent-out", consoleSink());
  const lastMinute = byCard.over("last-minute", { range: "1m" }, sum(amount));
  lastMinute
    .filter(({ value }) => value > 150)
    .map(({ record, value }) => `${record.card} at ${record.at} s: ${value} within a minute`)
    .to("alarms", consoleSink());
  lastMinute
    .late()
    .map((payment) => `late: ${payment.card} ${payment.amount} of second ${payment.at}`)
    .to("late-out", consoleSink());
});

function paymentOf(n: number): Payment {
  return payments[n] as Payment;
}

const weir = await connect();
// One partition per stage: then the lines have an order that can be compared with expected.txt.
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
