// Early and late results: a window tells what it has after every second record, once more at its end, and again for each
// record that comes within the allowed lateness. What comes later still goes to the late output.
import { connect, defineJob, generator, sum, triggers, tumbling } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Sale {
  readonly shop: string;
  /** Seconds since the start. */
  readonly at: number;
  readonly amount: number;
}

const sales: readonly Sale[] = [
  { shop: "north", at: 1, amount: 10 },
  { shop: "north", at: 4, amount: 20 },
  { shop: "north", at: 8, amount: 5 },
  { shop: "north", at: 13, amount: 7 }, // event time passes 10 s
  { shop: "north", at: 9, amount: 100 }, // late, and allowed
  { shop: "north", at: 26, amount: 1 }, // event time passes 20 s, and the lateness of the first window
  { shop: "north", at: 2, amount: 1_000 }, // too late
  { shop: "north", at: 27, amount: 2 },
];

const job = defineJob("early-and-late-results", (job) => {
  const totals = job
    // Ten per second: whether a record is late depends on what has been seen before it, so they must not come at once.
    .source("sales", generator({ count: sales.length, ratePerSecond: 10, generate: saleOf }), {
      timestamp: (sale) => sale.at * 1_000,
    })
    .keyBy((sale) => sale.shop)
    .window(tumbling("10s"))
    .trigger(triggers.afterWatermark({ early: triggers.afterCount(2), late: triggers.afterCount(1) }))
    .allowedLateness("10s")
    .aggregate(
      "total",
      sum((sale: Sale) => sale.amount),
    );
  totals
    .map(({ key, value, window, pane }) => `${key} ${window.start / 1_000} s: ${value} (${pane?.timing})`)
    .to("report", consoleSink());
  totals
    .late()
    .map((sale) => `too late: ${sale.amount}`)
    .to("late-report", consoleSink());
});

function saleOf(n: number): Sale {
  return sales[n] as Sale;
}

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
