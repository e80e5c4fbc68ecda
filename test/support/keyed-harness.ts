// KeyedHarness — one partition of one keyed operator over a model backend: fetches, commits, crashes and goes on.
//
// Below weir/testing, whose calls are whole epochs: here a watermark is fired slice by slice, several steps make one epoch or
// a crash drops them, storage may share references as in an embedded job, and what a commit writes is looked at. What needs
// none of that is tested with `operatorHarness`.
import { type Batch, createBatch, MIN_WATERMARK } from "../../src/core/batch.ts";
import { ManualClock } from "../../src/core/clock.ts";
import type { StateLoad, StateWrites } from "../../src/core/ports/state-backend.ts";
import {
  createOperatorMetrics,
  type ErrorPolicy,
  type KeyedOperator,
  type KeyedOperatorContext,
  type OperatorMetrics,
} from "../../src/operators/operator.ts";
import { ModelBackend } from "./model-backend.ts";

export interface Emitted {
  readonly value: unknown;
  readonly timestamp: number | undefined;
}

export interface HarnessOptions {
  readonly onError?: ErrorPolicy;
  readonly cacheEntries?: number;
  /** The backend keeps references, as in an embedded job. */
  readonly shares?: boolean;
  /** Pretends that something is stored, so that every key is fetched. */
  readonly startsFull?: boolean;
  /** Tags that somebody reads. */
  readonly sides?: readonly string[];
  readonly clock?: ManualClock;
}

export class KeyedHarness {
  readonly backend: ModelBackend;
  readonly clock: ManualClock;
  readonly #create: (context: KeyedOperatorContext) => KeyedOperator;
  readonly #options: HarnessOptions;
  operator!: KeyedOperator;
  metrics!: OperatorMetrics;
  /** Everything emitted since the beginning, less what crashes took back; also side outputs, under their tag. */
  readonly outputs: Map<string, Emitted[]> = new Map([["", []]]);
  batches: Batch[] = [];
  watermarks: number[] = [];
  watermark: number = MIN_WATERMARK;
  #committed = { watermark: MIN_WATERMARK, lengths: new Map<string, number>() };

  constructor(create: (context: KeyedOperatorContext) => KeyedOperator, options: HarnessOptions = {}) {
    this.#create = create;
    this.#options = options;
    this.backend = new ModelBackend(options.shares ?? false);
    this.clock = options.clock ?? new ManualClock(1_000_000);
    this.#start(options.startsFull !== true);
  }

  #start(startsEmpty: boolean): void {
    this.metrics = createOperatorMetrics();
    const receiver = (tag: string) => ({
      onBatch: (batch: Batch) => {
        const into = this.outputs.get(tag) ?? [];
        this.outputs.set(tag, into);
        if (tag === "") this.batches.push(batch);
        batch.values.forEach((value, i) => {
          into.push({ value, timestamp: batch.timestamps?.[i] });
        });
      },
      onWatermark: (watermark: number) => {
        this.watermarks.push(watermark);
      },
    });
    const main = receiver("");
    const sides = new Map((this.#options.sides ?? []).map((tag) => [tag, receiver(tag)]));
    this.operator = this.#create({
      operator: "op",
      partition: 0,
      parallelism: 1,
      clock: this.clock,
      metrics: this.metrics,
      onError: this.#options.onError ?? "fail",
      output: main,
      side: (tag) => sides.get(tag),
      keyGroups: { first: 0, end: 256 },
      startsEmpty,
      cacheEntries: this.#options.cacheEntries ?? 1_000,
      timers: this.backend.timers("op"),
      watermark: this.watermark,
      encodesOnCommit: this.#options.shares !== true,
    });
  }

  emitted(tag = ""): unknown[] {
    return (this.outputs.get(tag) ?? []).map((one) => one.value);
  }

  #fetch(loads: readonly StateLoad[]): void {
    if (loads.length === 0) return;
    this.backend.load(loads);
    this.operator.supply(loads);
  }

  batch(batch: Batch): void {
    this.#fetch(this.operator.missingForBatch(batch));
    this.operator.onBatch(batch);
  }

  records(...records: readonly (readonly [key: unknown, value: unknown, timestamp?: number])[]): void {
    const timed = records.every(([, , timestamp]) => timestamp !== undefined);
    const batch = createBatch(
      records.map(([, value]) => value),
      timed ? records.map(([, , timestamp]) => timestamp as number) : undefined,
    );
    batch.keys = records.map(([key]) => key);
    this.batch(batch);
  }

  /** One slice. @returns true when no due timer is left */
  slice(watermark: number, limit: number): boolean {
    this.watermark = Math.max(this.watermark, watermark);
    this.#fetch(this.operator.missingForEventTime(watermark, limit));
    return this.operator.advanceEventTime(watermark, limit);
  }

  advance(watermark: number, limit = 1_000): number {
    let slices = 1;
    while (!this.slice(watermark, limit)) slices++;
    return slices;
  }

  /** Moves the clock and fires what is due. */
  advanceClock(byMs: number, limit = 1_000): void {
    this.clock.advance(byMs);
    const nowMs = this.clock.nowMs();
    do this.#fetch(this.operator.missingForProcessingTime(nowMs, limit));
    while (!this.operator.advanceProcessingTime(nowMs, limit));
  }

  collect(): StateWrites[] {
    const writes: StateWrites[] = [];
    this.operator.collectWrites(writes);
    return writes;
  }

  commit(): void {
    this.backend.stage(this.collect());
    this.backend.apply();
    this.operator.acknowledge();
    this.backend.checkUnchanged();
    this.#committed = {
      watermark: this.watermark,
      lengths: new Map([...this.outputs].map(([tag, emitted]) => [tag, emitted.length])),
    };
  }

  /** Back to the last commit, with a new operator. */
  crash(): void {
    this.backend.checkUnchanged();
    this.watermark = this.#committed.watermark;
    for (const [tag, emitted] of this.outputs) emitted.length = this.#committed.lengths.get(tag) ?? 0;
    this.#start(false);
  }
}
