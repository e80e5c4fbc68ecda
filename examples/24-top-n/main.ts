// Ranking: the two best-selling books of each shop, kept up to date while sales come in. A sale that was entered twice is
// dropped first; each change of the ranking is printed as it happens, and the ranking itself when the input ends.
import { collection, connect, defineJob, sum } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Sale {
  readonly id: number;
  readonly shop: string;
  readonly book: string;
  readonly copies: number;
}

const sales: readonly Sale[] = [
  { id: 1, shop: "harbour", book: "Moby-Dick", copies: 3 },
  { id: 2, shop: "harbour", book: "Emma", copies: 2 },
  { id: 2, shop: "harbour", book: "Emma", copies: 2 }, // entered twice
  { id: 3, shop: "market", book: "Emma", copies: 1 },
  { id: 4, shop: "harbour", book: "Walden", copies: 4 }, // pushes Emma out
  { id: 5, shop: "harbour", book: "Emma", copies: 5 }, // 7 copies: back, and in front
];

const job = defineJob("best-sellers", (job) => {
  const sellers = job
    .source("sales", collection(sales))
    .keyBy((sale) => sale.id)
    .deduplicate("once", { keep: "first", by: "arrival", ttl: "1d" })
    .keyBy((sale) => `${sale.shop}/${sale.book}`)
    // A sum that grows is a row that is replaced by a newer one: changes, which the ranking understands.
    .aggregateChanges(
      "copies",
      sum((sale) => sale.copies),
    )
    .keyBy(({ row }) => row.key.slice(0, row.key.indexOf("/")))
    .topN("best", 2, { by: (title) => title.value });
  sellers
    .map(({ op, row: { rank, record } }) => `${op} ${rank}. ${record.key}, ${record.value} copies`)
    .to("changes", consoleSink());
  sellers
    .keyBy(({ row }) => `${row.record.key.split("/")[0]} ${row.rank}`)
    .materialize("ranking")
    .map(({ rank, record }) => `in the end: ${rank}. ${record.key}, ${record.value} copies`)
    .to("report", consoleSink());
});

const weir = await connect();
// One partition per stage: then the lines have an order that can be compared with expected.txt.
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
