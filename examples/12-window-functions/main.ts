// Window functions: `apply` gets all records of a window at once, here the median, which no fold can give. An evictor keeps
// the last five minutes of what a window holds when it fires.
import { collection, connect, defineJob, evictors, tumbling } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Price {
  readonly stock: string;
  /** Minutes since the opening. */
  readonly at: number;
  readonly price: number;
}

const prices: readonly Price[] = [
  { stock: "ACME", at: 0, price: 10 },
  { stock: "ACME", at: 3, price: 90 },
  { stock: "ACME", at: 6, price: 20 },
  { stock: "ACME", at: 9, price: 30 },
  { stock: "ACME", at: 12, price: 40 },
];

const job = defineJob("window-functions", (job) => {
  const quarters = job
    .source("prices", collection(prices), { timestamp: (price) => price.at * 60_000 })
    .keyBy((price) => price.stock)
    .window(tumbling("10m"));
  quarters
    .apply("median", (stock, window, records) => {
      const sorted = records.map(({ price }) => price).sort((a, b) => a - b);
      return [
        `${stock} from minute ${window.start / 60_000}: median ${sorted[Math.floor(sorted.length / 2)]}`,
      ];
    })
    .to("medians", consoleSink());
  quarters
    .evict(evictors.time("5m"))
    .apply("last-minutes", function* (stock, window, records) {
      for (const { price } of records) yield `${stock} late in minute ${window.end / 60_000}: ${price}`;
    })
    .to("closing-prices", consoleSink());
});

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
