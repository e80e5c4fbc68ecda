// Input that cannot be used goes to a file of its own, with the reason, instead of stopping the job or vanishing.
// Two places may refuse: the source (no JSON, or not what the schema says), and a function of the job.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collect, connect, type DeadLetter, defineJob, type KeyedValue, sum } from "weir";
import { ndjsonFile, ndjsonSink } from "weir/connectors/files";
import { z } from "zod";

const order = z.object({ order: z.number(), product: z.string(), cents: z.number() });
type Order = z.infer<typeof order>;

const folder = mkdtempSync(join(tmpdir(), "weir-example-"));
const rejectedFile = join(folder, "rejected.ndjson");
const turnover = collect<KeyedValue<string, number>>();

const job = defineJob("orders", (job) => {
  const input = new URL("orders.ndjson", import.meta.url).pathname;
  const orders = job.source("orders", ndjsonFile(input, { schema: order }), { onError: "deadLetter" });
  const priced = orders.map("check-price", requirePrice, { onError: "deadLetter" });
  priced
    .keyBy((each) => each.product)
    .aggregate(
      "turnover",
      sum((each) => each.cents),
    )
    .to("turnover-out", turnover);
  orders
    .deadLetters()
    .union(priced.deadLetters())
    .to("rejected", ndjsonSink(rejectedFile), { parallelism: 1 });
});

function requirePrice(each: Order): Order {
  if (each.cents === 0) throw new RangeError(`order ${each.order} costs nothing`);
  return each;
}

try {
  const weir = await connect();
  const run = await weir.run(job);
  await run.finished;

  const totals = new Map(turnover.results.map(({ key, value }) => [key, value]));
  for (const [product, cents] of [...totals].sort()) console.log(`${product}: ${cents / 100}`);

  const rejected = readFileSync(rejectedFile, "utf8").trimEnd().split("\n");
  console.log(`\n${rejected.length} rejected:`);
  // Letters of the two operators come in any order.
  for (const line of rejected.map((text) => describe(JSON.parse(text) as DeadLetter)).sort())
    console.log(line);
} finally {
  rmSync(folder, { recursive: true });
}

function describe({ error, operator, record }: DeadLetter): string {
  return `${operator}: ${error.name} ${JSON.stringify(record)}`;
}
