// KeyedRecords — what all keyed operators do about records: prefetch, the loop over a batch, side outputs, failures.
// Step 4 of the walk (ARCHITECTURE.md).
//
// Owns:      the order in which state, timers and outputs of one operator instance begin, end and are taken back.
// Does not:  know what is done with a record (the subclasses), or when timers fire (keyed-operator.ts).
//
// A throwing user function ends the loop of its batch; the loop is entered again behind the failed record, so that no
// `try` stands inside of it. Under `fail` nothing is undone: the partition drops this heap.
import { type Batch, MAX_WATERMARK, type TraceMark } from "../core/batch.ts";
import { InvariantError } from "../core/errors.ts";
import type { StateLoad } from "../core/ports/state-backend.ts";
import { KeyedState } from "../state/keyed-state.ts";
import type { TimerQueue } from "../time/timer-queue.ts";
import type { Collector } from "./collector.ts";
import { type ContextPort, createContextPort } from "./context-port.ts";
import { LATE_TAG, MissingTimestampError } from "./event-time.ts";
import { FailureHandler } from "./failure.ts";
import type { KeyedOperatorContext } from "./operator.ts";
import { OperatorOutputs } from "./operator-outputs.ts";
import { OperatorTimers } from "./operator-timers.ts";
import { AsyncFunctionError } from "./stateless-operator.ts";

/** Nothing is to be fetched. */
export const NO_LOADS: readonly StateLoad[] = Object.freeze([]);
const NO_KEYS: readonly never[] = Object.freeze([]);

export abstract class KeyedRecords {
  protected readonly context: KeyedOperatorContext;
  protected readonly state: KeyedState;
  protected readonly output: Collector;
  protected readonly eventTimers: TimerQueue;
  protected readonly processingTimers: TimerQueue;
  /** Those of all kinds. */
  protected readonly allTimers: OperatorTimers;
  readonly #outputs: OperatorOutputs;
  /** Later records are strictly newer, in epoch ms. */
  protected watermark: number;
  /** The highest one before the end of the input, in epoch ms: by it state grows old, and results are newer. */
  protected lastWatermark: number;
  /** Wall clock in epoch ms at the start of the current batch or slice. */
  protected nowMs = 0;
  readonly #failures: FailureHandler;
  readonly #journaling: boolean;
  /** Records need more than their key to be set: an undo log, a look at the traces, or their time. */
  #careful: boolean;
  #index = 0;
  #traces: readonly TraceMark[] | undefined;
  #nextTrace = 0;
  #timestamps: readonly number[] | undefined;

  constructor(context: KeyedOperatorContext) {
    const { operator, onError, watermark } = context;
    this.context = context;
    this.watermark = watermark;
    this.lastWatermark = watermark === MAX_WATERMARK ? Number.NEGATIVE_INFINITY : watermark;
    this.#journaling = onError !== "fail";
    this.#careful = this.#journaling;
    this.#failures = new FailureHandler(context);
    this.#outputs = new OperatorOutputs(context);
    this.output = this.#outputs.results;
    this.allTimers = new OperatorTimers(operator, this.#journaling, context.timers);
    this.eventTimers = this.allTimers.event;
    this.processingTimers = this.allTimers.processing;
    this.state = new KeyedState({
      operator,
      startsEmpty: context.startsEmpty,
      cacheEntries: context.cacheEntries,
      encodesOnCommit: context.encodesOnCommit,
      journaling: this.#journaling,
      armCleanup: (state, timeMs, time) => {
        const queue = time === "event" ? this.allTimers.eventCleanup : this.allTimers.cleanup;
        queue.register(state, this.state.key, timeMs);
      },
    });
  }

  // What an operator does

  /** Processes the records from index `from` on; calls {@link beginRecord} for each before anything else. */
  protected abstract run(batch: Batch, from: number): void;
  /** Called before the first record of a batch and the first timer of a slice. */
  protected onEnter(): void {}

  /** Asks for what {@link run} will touch. */
  protected wantBatch(batch: Batch): void {
    this.state.wantKeys(batch.keys ?? NO_KEYS);
  }

  // Records

  missingForBatch(batch: Batch): readonly StateLoad[] {
    this.state.prepare();
    if (this.state.complete) return NO_LOADS;
    this.wantBatch(batch);
    return this.state.takeLoads();
  }

  supply(loads: readonly StateLoad[]): void {
    this.state.supply(loads);
  }

  onBatch(batch: Batch): void {
    const { values, timestamps } = batch;
    if (batch.keys === undefined)
      throw new InvariantError("a batch of a keyed operator has keys", { operator: this.context.operator });
    this.context.metrics.recordsIn += values.length;
    this.#traces = batch.traces;
    this.#nextTrace = 0;
    this.#timestamps = timestamps;
    this.#careful = this.#journaling || batch.traces !== undefined || this.state.tracksEventTime;
    this.enter(this.context.clock.nowMs());
    try {
      for (let from = 0; from < values.length; ) {
        try {
          this.run(batch, from);
          break;
        } catch (error) {
          const failed = this.#index;
          this.fail(error, values[failed], timestamps?.[failed]);
          from = failed + 1;
        }
      }
    } finally {
      this.state.leave();
    }
    this.output.trace = undefined;
    this.flush(batch.ingestMs);
  }

  /** Makes record `index` the current one. Hot: called once per record. */
  protected beginRecord(index: number, key: unknown): void {
    this.#index = index;
    this.state.setKey(key);
    if (this.#careful) this.#beginCarefully(index);
  }

  #beginCarefully(index: number): void {
    if (this.#traces !== undefined) {
      while ((this.#traces[this.#nextTrace]?.index ?? index) < index) this.#nextTrace++;
      const mark = this.#traces[this.#nextTrace];
      this.output.trace = mark?.index === index ? mark : undefined;
    }
    if (this.state.tracksEventTime)
      this.state.standAt(Math.max(this.#timestamps?.[index] ?? this.lastWatermark, this.lastWatermark));
    this.settle();
  }

  /** Law S1. */
  #undo(): void {
    if (!this.#journaling) return;
    this.state.rollback();
    this.allTimers.rollback();
    this.#outputs.rollback();
  }

  /** From here on only what follows is taken back when something fails: what was done so far stays. */
  protected settle(): void {
    if (!this.#journaling) return;
    this.state.beginRecord();
    this.allTimers.beginRecord();
    this.#outputs.mark();
  }

  /** Takes back what was done since the record or timer began, or since {@link settle}, and applies the `onError` policy. */
  protected fail(error: unknown, record: unknown, timestamp: number | undefined): void {
    this.#undo();
    // The function is wrong for every record: no policy about records can be meant.
    if (error instanceof AsyncFunctionError) throw error;
    this.#failures.handle(error, record, timestamp);
  }

  /** @throws {MissingTimestampError} */
  protected timestampOf(timestamp: number | undefined): number {
    if (timestamp !== undefined && Number.isFinite(timestamp)) return timestamp;
    throw new MissingTimestampError(this.context.operator, timestamp);
  }

  /** Leaves a record aside that came too late: it is counted, and sent to {@link LATE_TAG} when somebody reads that. */
  protected leaveLate(record: unknown, timestamp: number | undefined): void {
    this.context.metrics.late++;
    this.side(LATE_TAG)?.emit(record, timestamp);
  }

  /** The collector of a side output; undefined when nobody reads it. */
  protected side(tag: string): Collector | undefined {
    return this.#outputs.side(tag);
  }

  /** Functions of keyed operators answer at once. @throws {AsyncFunctionError} */
  protected refusePromise(result: unknown, what: string): void {
    if (result instanceof Promise) {
      // Whatever it does later finds no key; its own failure would be reported as unhandled.
      result.catch(() => {});
      throw new AsyncFunctionError(this.context.operator, what);
    }
  }

  /** For the context of an operator that runs user code with timers and side outputs. */
  protected contextPort(): ContextPort {
    return createContextPort(this.context.operator, this.state, this.allTimers, this.#outputs);
  }

  protected enter(nowMs: number): void {
    this.nowMs = nowMs;
    this.state.enter(nowMs);
    this.onEnter();
  }

  protected flush(ingestMs: number): void {
    this.#outputs.flush(ingestMs);
    this.#failures.flush();
  }
}
