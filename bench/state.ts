// Keyed state and keyed operators in one thread, without channels: what step 5 (and 4) of the walk may cost.
//
// Guards the tricks of src/state/cell-state.ts. Run: npx tsx bench/state.ts [--json]
import { type Batch, createBatch } from "../src/core/batch.ts";
import { systemClock } from "../src/core/clock.ts";
import type { StateWrites } from "../src/core/ports/state-backend.ts";
import { aggregateOperator } from "../src/operators/aggregate.ts";
import { count, mean } from "../src/operators/aggregates.ts";
import { keyedProcessOperator } from "../src/operators/keyed-process.ts";
import {
  createOperatorMetrics,
  type ErrorPolicy,
  type KeyedOperator,
  type KeyedOperatorContext,
} from "../src/operators/operator.ts";
import { reduceOperator } from "../src/operators/reduce.ts";
import { windowOperator } from "../src/operators/window.ts";
import { value } from "../src/state/descriptors.ts";
import { KeyedState } from "../src/state/keyed-state.ts";
import { WriteSet } from "../src/state/write-set.ts";
import { sliding, tumbling } from "../src/time/windows.ts";

const RECORDS = 4_000_000;
const BATCH = 512;
/** Batches per epoch: 40 per epoch is 20 ms at a million records per second. */
const BATCHES_PER_EPOCH = 40;
const KEYS = 10_000;

interface Figure {
  readonly name: string;
  readonly recordsPerSecond: number;
}

/** The best of three runs, by the processor time that was used: the machine may be shared. */
function measure(name: string, run: () => number): Figure {
  let best = 0;
  for (let i = 0; i < 3; i++) {
    const before = process.cpuUsage();
    const records = run();
    const used = process.cpuUsage(before);
    best = Math.max(best, (records * 1e6) / (used.user + used.system));
  }
  return { name, recordsPerSecond: Math.round(best) };
}

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

/** One record per millisecond of event time, for as many batches as a run takes. */
const timestampsOfTurn = Array.from({ length: RECORDS / BATCH + 1 }, (_, turn) =>
  Array.from({ length: BATCH }, (_unused, i) => turn * BATCH + i),
);

const integerBatches = makeBatches((n) => n);
const stringBatches = makeBatches((n) => `user-${n}`);

function contextOf(onError: ErrorPolicy): KeyedOperatorContext {
  return {
    operator: "bench",
    partition: 0,
    parallelism: 1,
    clock: systemClock,
    metrics: createOperatorMetrics(),
    onError,
    output: { onBatch: () => {}, onWatermark: () => {} },
    side: () => undefined,
    keyGroups: { first: 0, end: 256 },
    startsEmpty: true,
    cacheEntries: 1_000_000,
    timers: [],
    watermark: Number.NEGATIVE_INFINITY,
    encodesOnCommit: true,
  };
}

function runOperator(
  create: (context: KeyedOperatorContext) => KeyedOperator,
  batches: readonly Batch[],
  onError: ErrorPolicy = "fail",
  watermarkEvery = 0,
): number {
  const operator = create(contextOf(onError));
  let records = 0;
  for (let turn = 0; records < RECORDS; turn++) {
    const batch = { ...(batches[turn % batches.length] as Batch), timestamps: timestampsOfTurn[turn] };
    if (operator.missingForBatch(batch).length > 0) throw new Error("nothing should be missing");
    operator.onBatch(batch);
    records += batch.values.length;
    if (watermarkEvery > 0 && turn % watermarkEvery === 0) operator.onWatermark(turn * BATCH);
    if (turn % BATCHES_PER_EPOCH === 0) {
      const writes: StateWrites[] = [];
      operator.collectWrites(writes);
      operator.acknowledge();
    }
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
  measure("plain Map, integer keys (the limit)", () => runMap(integerBatches)),
  measure("plain Map, string keys (the limit)", () => runMap(stringBatches)),
  measure("keyed state: get and set, integer keys", () => runState(integerBatches)),
  measure("keyed state: get and set, string keys", () => runState(stringBatches)),
  measure("process: count, integer keys", () => runOperator(processCount, integerBatches)),
  measure("process: count, integer keys, policy skip", () =>
    runOperator(processCount, integerBatches, "skip"),
  ),
  measure("aggregate: count, integer keys", () =>
    runOperator(aggregateOperator({ aggregate: count() }), integerBatches),
  ),
  measure("reduce: larger price, integer keys", () =>
    runOperator(reduceOperator<Bid>({ reduce: (a, b) => (a.price >= b.price ? a : b) }), integerBatches),
  ),
  measure("tumbling window: count, one watermark per 4 batches", () =>
    runOperator(
      windowOperator({ assigner: tumbling(200_000), aggregate: count() }),
      integerBatches,
      "fail",
      4,
    ),
  ),
  measure("sliding window, overlap 10: mean", () =>
    runOperator(
      windowOperator({ assigner: sliding(200_000, 20_000), aggregate: mean((bid: Bid) => bid.price) }),
      integerBatches,
      "fail",
      4,
    ),
  ),
];

if (process.argv.includes("--json")) console.log(JSON.stringify(figures, undefined, 2));
else
  for (const { name, recordsPerSecond } of figures)
    console.log(`${(recordsPerSecond / 1e6).toFixed(1).padStart(6)} M/s per CPU  ${name}`);
