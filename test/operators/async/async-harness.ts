// AsyncHarness — one partition of one operator that waits, over a model backend: an input that can be read again, an
// outside that answers when it is told to, commits, crashes.
//
// `operatorHarness` of weir/testing never waits, and `runTestJob` does not say when an epoch ends: here requests, answers,
// commits and crashes come in any order.
import { type Batch, createBatch, MIN_WATERMARK } from "../../../src/core/batch.ts";
import { ManualClock } from "../../../src/core/clock.ts";
import { KEY_GROUPS } from "../../../src/core/key-group.ts";
import type { StateWrites } from "../../../src/core/ports/state-backend.ts";
import type { AsyncOperator, AsyncOperatorContext } from "../../../src/operators/async/async-operator.ts";
import {
  createOperatorMetrics,
  DEAD_LETTER_TAG,
  type DeadLetter,
  type ErrorPolicy,
  type OperatorMetrics,
} from "../../../src/operators/operator.ts";
import { ModelBackend } from "../../support/model-backend.ts";

/** What the operator gets, in order: batches of the numbers that follow, and watermarks. */
export type Input =
  | { readonly kind: "batch"; readonly size: number }
  | { readonly kind: "watermark"; readonly watermark: number };

export type Left =
  | { readonly kind: "result"; readonly value: unknown; readonly timestamp: number | undefined }
  | { readonly kind: "letter"; readonly record: unknown }
  | { readonly kind: "watermark"; readonly watermark: number };

/** Everything that a crash takes back to the last commit. */
interface Progress {
  /** Of the input. */
  readonly position: number;
  readonly records: number;
  readonly watermark: number;
  readonly left: number;
}

const START: Progress = { position: 0, records: 0, watermark: MIN_WATERMARK, left: 0 };

export class AsyncHarness {
  readonly clock: ManualClock = new ManualClock(1_000_000);
  readonly backend: ModelBackend;
  readonly left: Left[] = [];
  operator!: AsyncOperator;
  metrics!: OperatorMetrics;
  wakes = 0;
  readonly #create: (context: AsyncOperatorContext) => AsyncOperator;
  readonly #input: readonly Input[];
  readonly #onError: ErrorPolicy;
  readonly #keyOf: ((record: unknown) => unknown) | undefined;
  readonly #timestampOf: (record: number) => number;
  #lineage = 0;
  #now: Progress = START;
  #committed: Progress = START;
  #inFlight: Progress | undefined;

  constructor(
    create: (context: AsyncOperatorContext) => AsyncOperator,
    input: readonly Input[] = [],
    onError: ErrorPolicy = "fail",
    shares = false,
    keyOf?: (record: unknown) => unknown,
    timestampOf: (record: number) => number = (n) => n * 10,
  ) {
    this.#create = create;
    this.#input = input;
    this.#onError = onError;
    this.#keyOf = keyOf;
    this.#timestampOf = timestampOf;
    this.backend = new ModelBackend(shares);
    this.#start(true);
  }

  #context(startsEmpty: boolean): AsyncOperatorContext {
    const letters = {
      onBatch: (batch: Batch) => {
        for (const letter of batch.values)
          this.left.push({ kind: "letter", record: (letter as DeadLetter).record });
      },
      onWatermark: () => {},
    };
    return {
      operator: "op",
      partition: 0,
      parallelism: 1,
      clock: this.clock,
      metrics: this.metrics,
      onError: this.#onError,
      output: {
        onBatch: ({ values, timestamps }) => {
          values.forEach((value, i) => {
            this.left.push({ kind: "result", value, timestamp: timestamps?.[i] });
          });
        },
        onWatermark: (watermark) => this.left.push({ kind: "watermark", watermark }),
      },
      side: (tag) => (tag === DEAD_LETTER_TAG ? letters : undefined),
      keyGroups: this.#keyOf === undefined ? { first: 3, end: 6 } : { first: 0, end: KEY_GROUPS },
      startsEmpty,
      lineage: this.#lineage,
      wake: () => {
        this.wakes++;
      },
    };
  }

  #start(startsEmpty: boolean): void {
    this.#lineage++;
    this.metrics = createOperatorMetrics();
    this.operator = this.#create(this.#context(startsEmpty));
    const loads = this.operator.storedState();
    this.backend.load(loads);
    if (loads.length > 0) this.operator.supply(loads);
    if (this.#now.watermark > MIN_WATERMARK) this.operator.onWatermark(this.#now.watermark);
  }

  get results(): unknown[] {
    return this.left.flatMap((each) => (each.kind === "result" ? [each.value] : []));
  }

  get letters(): unknown[] {
    return this.left.flatMap((each) => (each.kind === "letter" ? [each.record] : []));
  }

  get isOver(): boolean {
    return this.#now.position === this.#input.length && this.operator.held === 0;
  }

  batch(values: unknown[], timestamps?: number[]): void {
    this.operator.onBatch({
      ...createBatch(values, timestamps),
      keys: this.#keyOf && values.map(this.#keyOf),
    });
  }

  /** Gives the operator what comes next, if it takes more. Records are numbers. */
  feed(): void {
    const next = this.#input[this.#now.position];
    if (next === undefined || this.operator.isFull) return;
    let { records, watermark } = this.#now;
    if (next.kind === "batch") {
      const values = Array.from({ length: next.size }, (_, i) => records + i);
      records += next.size;
      this.#now = { ...this.#now, position: this.#now.position + 1, records };
      this.batch(
        values,
        values.map((n) => this.#timestampOf(n)),
      );
    } else {
      watermark = Math.max(watermark, next.watermark);
      this.#now = { ...this.#now, position: this.#now.position + 1, watermark };
      this.operator.onWatermark(next.watermark);
    }
  }

  /** Lets promises tell what became of them, and the operator act on it. */
  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await undefined;
    if (this.operator.isDue) this.operator.advance();
  }

  /** Sends a commit, unless one is on its way. */
  beginCommit(): void {
    if (this.#inFlight !== undefined) return;
    const writes: StateWrites[] = [];
    this.operator.collectWrites(writes);
    this.backend.stage(writes);
    this.#inFlight = { ...this.#now, left: this.left.length };
  }

  /** The commit on its way is durable. */
  endCommit(): void {
    if (this.#inFlight === undefined) return;
    this.backend.apply();
    this.#committed = this.#inFlight;
    this.#inFlight = undefined;
    this.operator.acknowledge();
  }

  /** @param landed the commit on its way became durable, but nobody was told */
  crash(landed: boolean): void {
    if (landed && this.#inFlight !== undefined) {
      this.backend.apply();
      this.#committed = this.#inFlight;
    }
    this.backend.dropStaged();
    this.#inFlight = undefined;
    this.operator.close?.();
    this.#now = this.#committed;
    this.left.length = this.#committed.left;
    this.#start(false);
  }

  /** What is stored, and what should be: the records of the commit's input whose results it does not carry. */
  stored(): { found: number[]; expected: number[] } {
    const loads = this.#create(this.#context(false)).storedState();
    this.backend.load(loads);
    const found = loads.flatMap(({ results }) =>
      [...((results[0] as Map<string, { record: number }> | undefined) ?? new Map()).values()].map(
        ({ record }) => record as number,
      ),
    );
    const gone = new Set(
      this.left.slice(0, this.#committed.left).flatMap((each) => {
        if (each.kind === "watermark") return [];
        return [each.kind === "result" ? each.value : each.record];
      }),
    );
    const expected = Array.from({ length: this.#committed.records }, (_, n) => n).filter((n) => !gone.has(n));
    return { found: found.sort((a, b) => a - b), expected };
  }
}
