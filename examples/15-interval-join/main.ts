// An interval join: an order and its payment belong together when the payment comes at most an hour after the order. An
// order that nobody paid is told when event time says that its payment cannot come any more.
import { collect, collection, connect, defineJob } from "weir";

const orders = [
  { order: 1, total: 90, at: "10:00" },
  { order: 2, total: 25, at: "10:10" },
  { order: 3, total: 60, at: "10:20" },
  { order: 4, total: 15, at: "11:50" },
];

const payments = [
  { order: 2, amount: 25, at: "10:12" },
  { order: 1, amount: 50, at: "10:30" },
  { order: 3, amount: 60, at: "11:45" }, // 85 minutes after its order: too late
  { order: 1, amount: 40, at: "10:59" }, // out of order by 46 minutes, but not late
];

const report = collect<string>();

const job = defineJob("paid-orders", (job) => {
  const placed = job
    .source("orders", collection(orders), { timestamp: (order) => timeOf(order.at), outOfOrderness: "1h" })
    .keyBy((order) => order.order);
  const paid = job
    .source("payments", collection(payments), {
      timestamp: (payment) => timeOf(payment.at),
      outOfOrderness: "1h",
    })
    .keyBy((payment) => payment.order);
  placed
    .intervalJoin("paid", paid, { lower: 0, upper: "1h", kind: "left" }, (order, payment) =>
      payment === undefined
        ? `order ${order.order} of ${order.at}: not paid within an hour`
        : `order ${order.order} of ${order.at}: ${payment.amount} of ${order.total} paid at ${payment.at}`,
    )
    .to("report", report);
});

function timeOf(time: string): number {
  return Date.parse(`2026-03-01T${time}:00Z`);
}

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
// Nothing is promised about the order between two sources, so the lines are sorted.
for (const line of report.results.toSorted()) console.log(line);
