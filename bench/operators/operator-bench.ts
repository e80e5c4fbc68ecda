// runRounds — one keyed operator in one thread, with epochs that are collected and acknowledged as in a partition.
import type { Batch } from "../../src/core/batch.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { StateWrites } from "../../src/core/ports/state-backend.ts";
import {
  createOperatorMetrics,
  type KeyedOperator,
  type KeyedOperatorContext,
} from "../../src/operators/operator.ts";
import { smoke } from "../figures.ts";

/** Batches per epoch: 40 are 20 ms at a million records per second. */
const BATCHES_PER_EPOCH = 40;

export interface RoundOptions {
  /** Batches between two watermarks; 0 for none. */
  readonly watermarkEvery: number;
  readonly rounds?: number;
  /** Batches come from the inputs in turn. Default 1. */
  readonly inputs?: number;
}

export interface RoundResult {
  readonly recordsPerSecond: number;
  readonly resultsPerSecond: number;
}

export function benchContext(onResults: (count: number) => void): KeyedOperatorContext {
  return {
    operator: "bench",
    partition: 0,
    parallelism: 1,
    clock: systemClock,
    metrics: createOperatorMetrics(),
    onError: "fail",
    output: { onBatch: (batch) => onResults(batch.values.length), onWatermark: () => {} },
    side: () => undefined,
    keyGroups: { first: 0, end: 256 },
    startsEmpty: true,
    cacheEntries: 10_000_000,
    timers: [],
    watermark: Number.NEGATIVE_INFINITY,
    encodesOnCommit: true,
  };
}

/** Moves the writes of an epoch out, and takes them for durable. */
export function closeEpoch(operator: KeyedOperator): void {
  const writes: StateWrites[] = [];
  operator.collectWrites(writes);
  operator.acknowledge();
}

/** The best round, by the processor time that was used: the machine may be shared. */
export function runRounds(
  create: (context: KeyedOperatorContext) => KeyedOperator,
  batches: readonly Batch[],
  { watermarkEvery, rounds = smoke ? 1 : 3, inputs = 1 }: RoundOptions,
): RoundResult {
  let best: RoundResult = { recordsPerSecond: 0, resultsPerSecond: 0 };
  for (let round = 0; round < rounds; round++) {
    let results = 0;
    let records = 0;
    const operator = create(benchContext((count) => (results += count)));
    const before = process.cpuUsage();
    for (let turn = 0; turn < batches.length; turn++) {
      const batch = batches[turn] as Batch;
      operator.fromInput?.(turn % inputs);
      if (operator.missingForBatch(batch).length > 0) throw new Error("nothing should be missing");
      operator.onBatch(batch);
      records += batch.values.length;
      const { timestamps } = batch;
      if (watermarkEvery > 0 && turn % watermarkEvery === 0 && timestamps !== undefined)
        operator.onWatermark(timestamps[timestamps.length - 1] as number);
      if (turn % BATCHES_PER_EPOCH === 0) closeEpoch(operator);
    }
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    if (records / seconds > best.recordsPerSecond)
      best = {
        recordsPerSecond: Math.round(records / seconds),
        resultsPerSecond: Math.round(results / seconds),
      };
  }
  return best;
}
