// A join of two tables that is kept up to date: rows replace each other by their primary keys, whenever they come, and the
// results are changes. Applied one after the other they give the table; here it is printed when the input has ended.
import { type Change, collect, collection, connect, defineJob } from "weir";

interface Product {
  readonly id: number;
  readonly shop: string;
  readonly name: string;
}

interface Shop {
  readonly name: string;
  readonly city: string;
}

const products: readonly Product[] = [
  { id: 1, shop: "north", name: "lamp" },
  { id: 2, shop: "north", name: "chair" },
  { id: 3, shop: "south", name: "table" },
  { id: 1, shop: "north", name: "desk lamp" }, // the same product, renamed
  { id: 4, shop: "west", name: "shelf" }, // of a shop that nobody knows
];

const shops: readonly Change<Shop>[] = [
  { op: "+I", row: { name: "north", city: "Oslo" } },
  { op: "+I", row: { name: "south", city: "Rome" } },
  { op: "+I", row: { name: "east", city: "Riga" } },
  { op: "-U", row: { name: "north", city: "Oslo" } },
  { op: "+U", row: { name: "north", city: "Bergen" } }, // it has moved
  { op: "-D", row: { name: "east", city: "Riga" } },
];

const changes = collect<Change<string>>();

const job = defineJob("offers", (job) => {
  // One partition each: changes of one row must come in their order.
  const byName = job
    .source("shops", collection(shops), { parallelism: 1 })
    .keyBy((change) => change.row.name);
  job
    .source("products", collection(products), { parallelism: 1 })
    .keyBy((product) => product.shop)
    .join(
      "offers",
      byName,
      { kind: "left", leftKey: (product) => product.id, rightKey: (shop) => shop.name },
      (product, shop) => `${product.id} ${product.name}, ${product.shop}, ${shop?.city ?? "unknown"}`,
    )
    .to("changes", changes);
});

const weir = await connect();
const run = await weir.run(job, { parallelism: 2 });
await run.finished;

const table = new Map<string, number>();
for (const { op, row } of changes.results)
  table.set(row, (table.get(row) ?? 0) + (op === "+I" || op === "+U" ? 1 : -1));
for (const [row, count] of [...table].sort()) if (count > 0) console.log(row);
