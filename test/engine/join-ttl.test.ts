// Joins of tables whose rows live for a limited time, as whole jobs: the results of a nested loop over times.
import { describe, expect, test } from "vitest";
import { type Change, collect, collection, type JobBuilder } from "../../src/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { embedded, newJob, onRedis, randomNumbers, runToEnd, sorted, until, withWeir } from "./engine.ts";
import { SMALL } from "./sales.ts";

interface Row {
  readonly id: string;
  readonly key: number;
  readonly at: number;
}

const TTL_MS = 50;

function rows(side: string, seed: number): Row[] {
  const random = randomNumbers(seed);
  return Array.from({ length: 300 }, (_, i) => ({
    id: `${side}${i}`,
    key: Math.floor(random() * 20),
    // A little out of order.
    at: i * 10 + Math.floor(random() * 15),
  }));
}

const orders = rows("order", 1);
const payments = rows("payment", 2);
const meet = (order: Row, payment: Row): boolean =>
  order.key === payment.key && Math.abs(order.at - payment.at) < TTL_MS;

const keyed = (job: JobBuilder, name: string, all: readonly Row[]) =>
  job
    .source(name, collection(all), { timestamp: ({ at }) => at, outOfOrderness: 20, parallelism: 1 })
    .keyBy(({ key }) => key);

/** What is left when all changes have been applied. */
function tableOf(changes: readonly Change<string>[]): string[] {
  const counts = new Map<string, number>();
  for (const { op, row } of changes)
    counts.set(row, (counts.get(row) ?? 0) + (op === "+I" || op === "+U" ? 1 : -1));
  for (const [row, count] of counts) expect({ row, count }).toEqual({ row, count: Math.max(0, count) });
  return [...counts].flatMap(([row, count]) => new Array<string>(count).fill(row)).sort();
}

describe.each([embedded, onRedis])("joins of tables with a time to live, $name", (engine) => {
  test("J7 rows meet when their event times are less than it apart, whichever comes first", async () => {
    const [pairs, all, long] = [collect<string>(), collect<Change<string>>(), collect<string>()];
    const join = (order: Row | undefined, payment: Row | undefined) => `${order?.id} ${payment?.id}`;
    await runToEnd(
      engine,
      (job) => {
        const [left, right] = [keyed(job, "orders", orders), keyed(job, "payments", payments)];
        const ttl = { after: TTL_MS, time: "event" } as const;
        left.join("pairs", right, { ttl }, join).to("out", pairs);
        left.join("all", right, { kind: "full", ttl }, join).to("changes", all);
        left.join("long", right, { ttl: "1h" }, join).to("longs", long);
      },
      { settings: SMALL },
    );
    const met = orders.flatMap((order) =>
      payments.filter((payment) => meet(order, payment)).map((payment) => `${order.id} ${payment.id}`),
    );
    expect(met.length).toBeGreaterThan(50);
    expect(sorted(pairs.results)).toEqual(sorted(met));
    const alone = [
      ...orders
        .filter((order) => !payments.some((payment) => meet(order, payment)))
        .map(({ id }) => `${id} undefined`),
      ...payments
        .filter((payment) => !orders.some((order) => meet(order, payment)))
        .map(({ id }) => `undefined ${id}`),
    ];
    expect(tableOf(all.results)).toEqual([...met, ...alone].sort());
    // An hour of the clock does not pass.
    expect(long.results).toHaveLength(
      orders.reduce((sum, { key }) => sum + payments.filter((payment) => payment.key === key).length, 0),
    );
  });

  test("in processing time a row is forgotten while nothing comes, on Redis also while nobody works", async () => {
    const results = collect<string>();
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const job = newJob((builder) => {
      const left = builder.source("first", collection(["a"]), { parallelism: 1 }).keyBy(() => 0);
      const right = builder
        .source("second", collection(["b", "c"]), { parallelism: 1 })
        .asyncMap("hold", async (text) => {
          if (text === "c") await released;
          return text;
        })
        .keyBy(() => 0);
      left
        .join("pairs", right, { kind: "left", ttl: "150ms" }, (one, other) => `${one}${other ?? ""}`)
        .map("text", ({ op, row }) => `${op} ${row}`)
        .to("out", results);
    });
    await withWeir(engine, job.name, async (weir) => {
      let run = await weir.run(job, { parallelism: 1, settings: SMALL });
      await until(run, "the pair", () => results.results.includes("+I ab"));
      const stops = engine === onRedis;
      if (stops) await run.stop();
      const sinceMs = performance.now();
      await waitFor(() => performance.now() - sinceMs > 200, { describe: "the row to expire" });
      release();
      if (stops) run = await weir.run(job, { parallelism: 1, settings: SMALL });
      await run.finished;
    });
    // "c" met nobody, and "ab" was not taken back.
    expect(results.results.at(-1)).toBe("+I ab");
    expect(results.results.filter((text) => text.includes("c"))).toEqual([]);
  });
});
