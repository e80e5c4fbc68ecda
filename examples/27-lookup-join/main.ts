// A lookup join: each order gets the name of its product from a table outside of the job. A batch asks for the keys that
// it misses with one call; what is known is taken from a cache without waiting.
import { setTimeout as sleep } from "node:timers/promises";
import { connect, defineJob, generator } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Order {
  readonly id: number;
  readonly product: string;
}

const products = new Map([
  ["p1", { name: "anvil", cents: 9_900 }],
  ["p2", { name: "rope", cents: 1_250 }],
  ["p3", { name: "magnet", cents: 500 }],
]);

const wanted = ["p1", "p2", "p1", "p4", "p2", "p3", "p4", "p1"];
const asked: string[] = [];

/** Stands for a client of a database: several keys with one query. */
async function selectProducts(ids: readonly string[]) {
  asked.push(...ids);
  await sleep(5);
  return new Map(ids.flatMap((id) => (products.has(id) ? [[id, products.get(id)!] as const] : [])));
}

const job = defineJob("orders", (job) => {
  job
    .source("orders", generator({ count: wanted.length, generate: orderOf }))
    .lookup(
      "product",
      {
        key: (order) => order.product,
        load: selectProducts,
        kind: "left",
        cache: { ttl: "10m", maxEntries: 1_000 },
        timeout: "2s",
        retry: { attempts: 3 },
      },
      (order, product) =>
        `order ${order.id}: ${product === undefined ? `no product ${order.product}` : product.name}`,
    )
    .to("report", consoleSink());
});

function orderOf(n: number): Order {
  return { id: n, product: wanted[n] as string };
}

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
console.log(`asked for ${asked.sort().join(", ")}`);
