// Operators that wait, in one thread, without channels: what a request costs besides its answer.
//
// Guards the lists of src/operators/async. Run: npx tsx bench/async.ts [--smoke] [--json]
import { type Batch, createBatch } from "../src/core/batch.ts";
import { systemClock } from "../src/core/clock.ts";
import { msgpackCodec } from "../src/core/codec.ts";
import type { StateWrites } from "../src/core/ports/state-backend.ts";
import { asyncMapOperator } from "../src/operators/async/async-map.ts";
import type { AsyncOperator, AsyncOperatorContext } from "../src/operators/async/async-operator.ts";
import type { CallLimits } from "../src/operators/async/call-pool.ts";
import type { AsyncOrder } from "../src/operators/async/exit-order.ts";
import { lookupOperator } from "../src/operators/async/lookup.ts";
import { createOperatorMetrics } from "../src/operators/operator.ts";
import { type Figure, measure, smoke, tell } from "./figures.ts";

const RECORDS = smoke ? 20_000 : 1_000_000;
const BATCH = 512;
/** Batches per epoch: 40 per epoch is 20 ms at a million records per second. */
const BATCHES_PER_EPOCH = 40;
const KEYS = 10_000;

interface Bid {
  readonly auction: number;
  readonly price: number;
}

const batches: readonly Batch[] = Array.from({ length: 200 }, (_, b) => {
  const values: Bid[] = Array.from({ length: BATCH }, (_unused, i) => ({
    auction: (Math.imul(b * BATCH + i, 2_654_435_761) >>> 0) % KEYS,
    price: i,
  }));
  return createBatch(
    values,
    values.map((_unused, i) => b * BATCH + i),
  );
});

/** A turn of the partition is asked for as in the engine: between two rounds of the event loop. */
async function runOperator(create: (context: AsyncOperatorContext) => AsyncOperator): Promise<number> {
  let woken = (): void => {};
  let left = 0;
  const operator = create({
    operator: "bench",
    partition: 0,
    parallelism: 1,
    clock: systemClock,
    metrics: createOperatorMetrics(),
    onError: "fail",
    output: {
      onBatch: ({ values }) => {
        left += values.length;
      },
      onWatermark: () => {},
    },
    side: () => undefined,
    keyGroups: { first: 0, end: 256 },
    startsEmpty: true,
    lineage: 1,
    wake: () => setImmediate(() => woken()),
  });
  const turn = async (): Promise<void> => {
    if (!operator.isDue)
      await new Promise<void>((resolve) => {
        woken = resolve;
      });
    operator.advance();
  };
  let records = 0;
  for (let batch = 0; records < RECORDS; batch++) {
    while (operator.isFull) await turn();
    operator.onBatch(batches[batch % batches.length] as Batch);
    records += BATCH;
    if (batch % BATCHES_PER_EPOCH !== 0) continue;
    const writes: StateWrites[] = [];
    operator.collectWrites(writes);
    operator.acknowledge();
  }
  while (operator.held > 0) await turn();
  operator.close?.();
  if (left !== records) throw new Error(`${left} of ${records} results have left`);
  return records;
}

function limits(concurrency: number): CallLimits {
  const retry = { attempts: 1, backoffMs: 0, maxBackoffMs: 0, when: undefined };
  return { concurrency, timeoutMs: 30_000, retry };
}

function asyncMap(fn: (bid: Bid) => unknown, concurrency: number, order: AsyncOrder): Promise<number> {
  const definition = { fn, flat: false, order, start: "immediately", limits: limits(concurrency) } as const;
  return runOperator(asyncMapOperator({ ...definition, codec: msgpackCodec }));
}

async function runAwait(): Promise<number> {
  const fn = async (bid: Bid): Promise<number> => bid.price;
  let sum = 0;
  for (let records = 0; records < RECORDS; records += BATCH) {
    const { values } = batches[(records / BATCH) % batches.length] as Batch;
    for (const price of await Promise.all((values as Bid[]).map(fn))) sum += price;
  }
  if (sum === 0) throw new Error("nothing was summed up");
  return RECORDS;
}

const rows = new Map(Array.from({ length: KEYS }, (_, key) => [key, { name: `auction ${key}` }]));

function lookup(maxEntries: number): Promise<number> {
  return runOperator(
    lookupOperator({
      key: (bid: Bid) => bid.auction,
      load: async (keys) => rows,
      join: (bid: Bid, row: { readonly name: string }) => ({ price: bid.price, name: row.name }),
      kind: "inner",
      cache: { maxEntries, ttlMs: 3_600_000, cacheMissing: true },
      maxKeys: 1_000,
      capacity: 10_000,
      order: "ordered",
      limits: limits(10),
      codec: msgpackCodec,
    }),
  );
}

const immediate = async (bid: Bid): Promise<number> => bid.price;
const figures: Figure[] = [
  await measure("Promise.all over batches of 512 (the limit)", runAwait),
  await measure("asyncMap, no promise", () => asyncMap((bid) => bid.price, 100, "ordered")),
];
for (const order of ["ordered", "unordered"] as const)
  for (const concurrency of [1, 100, 1_000])
    figures.push(
      await measure(`asyncMap, immediate promise, ${order}, concurrency ${concurrency}`, () =>
        asyncMap(immediate, concurrency, order),
      ),
    );
figures.push(
  await measure("lookup, all keys cached", () => lookup(KEYS)),
  await measure("lookup, one key of ten cached", () => lookup(KEYS / 10)),
);

tell([{ title: "requests to the outside, answered at once", figures }]);
