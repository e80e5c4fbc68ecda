// Keyed state and keyed operators in one thread, without channels: what step 5 (and 4) of the walk may cost.
//
// Guards the tricks of src/state/cell-state.ts. Run: npx tsx bench/state.ts [--smoke] [--json]
import { type Batch, createBatch } from "../src/core/batch.ts";
import { aggregateOperator } from "../src/operators/aggregate.ts";
import { count } from "../src/operators/aggregates.ts";
import { keyedProcessOperator } from "../src/operators/keyed-process.ts";
import type { ErrorPolicy, KeyedOperator, KeyedOperatorContext } from "../src/operators/operator.ts";
import { reduceOperator } from "../src/operators/reduce.ts";
import { value } from "../src/state/descriptors.ts";
import { KeyedState } from "../src/state/keyed-state.ts";
import { WriteSet } from "../src/state/write-set.ts";
import { type Figure, measure, smoke, tell } from "./figures.ts";
import { benchContext, closeEpoch } from "./operators/operator-bench.ts";

const RECORDS = smoke ? 100_000 : 4_000_000;
const BATCH = 512;
/** Batches per epoch: 40 per epoch is 20 ms at a million records per second. */
const BATCHES_PER_EPOCH = 40;
const KEYS = 10_000;

interface Bid {
  readonly auction: number;
  readonly price: number;
}

function makeBatches(keyOf: (i: number) => unknown): Batch[] {
  const batches: Batch[] = [];
  for (let b = 0; b < 400; b++) {
    const values: Bid[] = [];
    const keys: unknown[] = [];
    for (let i = 0; i < BATCH; i++) {
      const auction = Math.imul(b * BATCH + i, 2_654_435_761) >>> 0;
      values.push({ auction, price: i });
      keys.push(keyOf(auction % KEYS));
    }
    const batch = createBatch(values);
    batch.keys = keys;
    batches.push(batch);
  }
  return batches;
}

const integerBatches = makeBatches((n) => n);
const stringBatches = makeBatches((n) => `user-${n}`);

function runOperator(
  create: (context: KeyedOperatorContext) => KeyedOperator,
  batches: readonly Batch[],
  onError: ErrorPolicy = "fail",
): number {
  const operator = create({ ...benchContext(() => {}), onError });
  let records = 0;
  for (let turn = 0; records < RECORDS; turn++) {
    const batch = batches[turn % batches.length] as Batch;
    if (operator.missingForBatch(batch).length > 0) throw new Error("nothing should be missing");
    operator.onBatch(batch);
    records += batch.values.length;
    if (turn % BATCHES_PER_EPOCH === 0) closeEpoch(operator);
  }
  return records;
}

/** The hot path alone: one key set, one read, one write per record. */
function runState(batches: readonly Batch[]): number {
  const state = new KeyedState({
    operator: "bench",
    startsEmpty: true,
    cacheEntries: 1_000_000,
    encodesOnCommit: true,
    journaling: false,
    armCleanup: () => {},
  });
  const total = state.add("total", value({ default: 0 }));
  const writes = new WriteSet("bench");
  let records = 0;
  for (let turn = 0; records < RECORDS; turn++) {
    const keys = (batches[turn % batches.length] as Batch).keys as unknown[];
    state.prepare();
    state.enter(0);
    for (let i = 0; i < keys.length; i++) {
      state.setKey(keys[i]);
      total.set(total.get() + 1);
    }
    state.leave();
    records += keys.length;
    if (turn % BATCHES_PER_EPOCH === 0) {
      state.collect(writes);
      writes.drainInto([]);
      state.acknowledge();
    }
  }
  return records;
}

function runMap(batches: readonly Batch[]): number {
  const totals = new Map<unknown, number>();
  let records = 0;
  for (let turn = 0; records < RECORDS; turn++) {
    const keys = (batches[turn % batches.length] as Batch).keys as unknown[];
    for (let i = 0; i < keys.length; i++) totals.set(keys[i], (totals.get(keys[i]) ?? 0) + 1);
    records += keys.length;
  }
  return records;
}

const processCount = keyedProcessOperator({
  state: { total: value({ default: 0 }) },
  onRecord(_bid: Bid, { state }) {
    state.total.set(state.total.get() + 1);
  },
});

const figures: Figure[] = [
  await measure("plain Map, integer keys (the limit)", () => runMap(integerBatches)),
  await measure("plain Map, string keys", () => runMap(stringBatches)),
  await measure("keyed state: get and set, integer keys", () => runState(integerBatches)),
  await measure("keyed state: get and set, string keys", () => runState(stringBatches)),
  await measure("process: count", () => runOperator(processCount, integerBatches)),
  await measure("process: count, policy skip", () => runOperator(processCount, integerBatches, "skip")),
  await measure("aggregate: count", () =>
    runOperator(aggregateOperator({ aggregate: count() }), integerBatches),
  ),
  await measure("reduce: larger price", () =>
    runOperator(reduceOperator<Bid>({ reduce: (a, b) => (a.price >= b.price ? a : b) }), integerBatches),
  ),
];

tell([{ title: "keyed state and folds, 10,000 keys", figures }]);
