// KeyedOperatorBase — what all keyed operators share: prefetch, the loop over a batch, timers in slices, failures, epochs.
// Step 4 of the walk (ARCHITECTURE.md).
//
// Owns:      the order in which state, timers and outputs of one operator instance begin, end and are taken back.
// Does not:  know what is done with a record (the subclasses), fetch or commit (the partition).
//
// A throwing user function ends the loop of its batch; the loop is entered again behind the failed record, so that no
// `try` stands inside of it. Under `fail` nothing is undone: the partition drops this heap.
import { type Batch, MAX_WATERMARK, type TraceMark } from "../core/batch.ts";
import { InvariantError, invariant } from "../core/errors.ts";
import type { StateLoad, StateWrites } from "../core/ports/state-backend.ts";
import { NO_KEY, StateOutsideRecordError } from "../state/key-scope.ts";
import { KeyedState } from "../state/keyed-state.ts";
import { WriteSet } from "../state/write-set.ts";
import type { Timer } from "../time/timer-member.ts";
import { restoreTimers, TimerQueue } from "../time/timer-queue.ts";
import { Collector } from "./collector.ts";
import { FailureHandler } from "./failure.ts";
import type { KeyedOperator, KeyedOperatorContext } from "./operator.ts";
import { AsyncFunctionError } from "./stateless-operator.ts";

const NO_LOADS: readonly StateLoad[] = Object.freeze([]);
const NO_KEYS: readonly never[] = Object.freeze([]);
/** Timers per slice where nobody asks for another number. */
const DEFAULT_SLICE = 1_024;

export abstract class KeyedOperatorBase implements KeyedOperator {
  protected readonly context: KeyedOperatorContext;
  protected readonly state: KeyedState;
  protected readonly output: Collector;
  protected readonly eventTimers: TimerQueue;
  protected readonly processingTimers: TimerQueue;
  readonly #cleanupTimers: TimerQueue;
  /** Later records are strictly newer, in epoch ms. */
  protected watermark: number;
  /** Wall clock in epoch ms at the start of the current batch or slice. */
  protected nowMs = 0;
  readonly #failures: FailureHandler;
  readonly #writes: WriteSet;
  readonly #sides = new Map<string, Collector | undefined>();
  readonly #journaling: boolean;
  /** Records need more than their key to be set: an undo log, or a look at the traces. */
  #careful: boolean;
  #index = 0;
  #traces: readonly TraceMark[] | undefined;
  #nextTrace = 0;

  constructor(context: KeyedOperatorContext) {
    const { operator, onError, watermark } = context;
    this.context = context;
    this.watermark = watermark;
    this.#journaling = onError !== "fail";
    this.#careful = this.#journaling;
    this.#failures = new FailureHandler(context);
    this.#writes = new WriteSet(operator);
    this.output = new Collector(context.output, context.metrics);
    this.eventTimers = new TimerQueue("event", operator, this.#journaling);
    this.processingTimers = new TimerQueue("processing", operator, this.#journaling);
    this.#cleanupTimers = new TimerQueue("cleanup", operator, this.#journaling);
    restoreTimers(context.timers, [this.eventTimers, this.processingTimers, this.#cleanupTimers]);
    this.state = new KeyedState({
      operator,
      startsEmpty: context.startsEmpty,
      cacheEntries: context.cacheEntries,
      encodesOnCommit: context.encodesOnCommit,
      journaling: this.#journaling,
      armCleanup: (state, timeMs) => {
        this.#cleanupTimers.register(state, this.state.key, timeMs);
      },
    });
  }

  // What an operator does

  /** Processes the records from index `from` on; calls {@link beginRecord} for each before anything else. */
  protected abstract run(batch: Batch, from: number): void;
  protected abstract fire(timer: Timer): void;
  /** Called before the first record of a batch and the first timer of a slice. */
  protected onEnter(): void {}

  /** Asks for what {@link run} will touch. */
  protected wantBatch(batch: Batch): void {
    this.state.wantKeys(batch.keys ?? NO_KEYS);
  }

  /** Asks for what {@link fire} will touch. */
  protected wantTimer(timer: Timer): void {
    this.state.wantKey(timer.key);
  }

  /** What {@link fire} will touch is in the heap. */
  protected isReady(timer: Timer): boolean {
    return this.state.knows(timer.key);
  }

  /** What must be done about a timer although {@link fire} failed, after all that it did was taken back. */
  protected abandon(_timer: Timer): void {}

  /** What a dead letter calls the record when a timer failed. */
  protected describe(timer: Timer): unknown {
    return { key: timer.key, timer: { kind: timer.kind, time: timer.time } };
  }

  /** Pending processing-time timers fire when the input ends, instead of being forgotten. */
  protected get firesProcessingTimersAtEnd(): boolean {
    return false;
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
    this.#careful = this.#journaling || batch.traces !== undefined;
    this.#enter(this.context.clock.nowMs());
    try {
      for (let from = 0; from < values.length; ) {
        try {
          this.run(batch, from);
          break;
        } catch (error) {
          const failed = this.#index;
          this.#fail(error, values[failed], timestamps?.[failed]);
          from = failed + 1;
        }
      }
    } finally {
      this.state.leave();
    }
    this.output.trace = undefined;
    this.#flush(batch.ingestMs);
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
    if (this.#journaling) this.#markUndo();
  }

  #markUndo(): void {
    this.state.beginRecord();
    this.eventTimers.beginRecord();
    this.processingTimers.beginRecord();
    this.#cleanupTimers.beginRecord();
    this.output.mark();
    for (const side of this.#sides.values()) side?.mark();
  }

  /** Law S1. */
  #undo(): void {
    if (!this.#journaling) return;
    this.state.rollback();
    this.eventTimers.rollback();
    this.processingTimers.rollback();
    this.#cleanupTimers.rollback();
    this.output.rollback();
    for (const side of this.#sides.values()) side?.rollback();
  }

  #fail(error: unknown, record: unknown, timestamp: number | undefined): void {
    this.#undo();
    // The function is wrong for every record: no policy about records can be meant.
    if (error instanceof AsyncFunctionError) throw error;
    this.#failures.handle(error, record, timestamp);
  }

  /** The collector of a side output; undefined when nobody reads it. */
  protected side(tag: string): Collector | undefined {
    const known = this.#sides.get(tag);
    if (known !== undefined || this.#sides.has(tag)) return known;
    const receiver = this.context.side(tag);
    const collector = receiver === undefined ? undefined : new Collector(receiver, undefined);
    this.#sides.set(tag, collector);
    return collector;
  }

  /** @throws {StateOutsideRecordError} when no record and no timer is being processed */
  protected checkInside(what: string): void {
    if (this.state.key === NO_KEY) throw new StateOutsideRecordError(this.context.operator, what);
  }

  /** Functions of keyed operators answer at once. @throws {AsyncFunctionError} */
  protected refusePromise(result: unknown, what: string): void {
    if (result instanceof Promise) {
      // Whatever it does later finds no key; its own failure would be reported as unhandled.
      result.catch(() => {});
      throw new AsyncFunctionError(this.context.operator, what);
    }
  }

  #enter(nowMs: number): void {
    this.nowMs = nowMs;
    this.state.enter(nowMs);
    this.onEnter();
  }

  #flush(ingestMs: number): void {
    this.output.flush(ingestMs);
    for (const side of this.#sides.values()) side?.flush(ingestMs);
    this.#failures.flush();
  }

  // Time

  missingForEventTime(watermark: number, limit: number): readonly StateLoad[] {
    this.state.prepare();
    if (this.state.complete) return NO_LOADS;
    this.eventTimers.forEachDue(watermark, limit, (timer) => this.wantTimer(timer));
    if (watermark === MAX_WATERMARK && this.firesProcessingTimersAtEnd)
      this.processingTimers.forEachDue(MAX_WATERMARK, limit, (timer) => this.wantTimer(timer));
    return this.state.takeLoads();
  }

  advanceEventTime(watermark: number, limit: number): boolean {
    this.watermark = Math.max(this.watermark, watermark);
    this.#enter(this.context.clock.nowMs());
    let done: boolean;
    try {
      done = this.#fireDue(this.eventTimers, watermark, limit);
      if (watermark === MAX_WATERMARK && this.firesProcessingTimersAtEnd)
        done = this.#fireDue(this.processingTimers, MAX_WATERMARK, limit) && done;
    } finally {
      this.state.leave();
    }
    this.#flush(0);
    if (done) this.context.output.onWatermark(watermark);
    return done;
  }

  missingForProcessingTime(nowMs: number, limit: number): readonly StateLoad[] {
    this.state.prepare();
    if (this.state.complete) return NO_LOADS;
    this.processingTimers.forEachDue(nowMs, limit, (timer) => this.wantTimer(timer));
    this.#cleanupTimers.forEachDue(nowMs, limit, (timer) =>
      this.state.wantExpiring(timer.namespace as string, timer.key),
    );
    return this.state.takeLoads();
  }

  advanceProcessingTime(nowMs: number, limit: number): boolean {
    this.#enter(nowMs);
    let done: boolean;
    try {
      done = this.#fireDue(this.processingTimers, nowMs, limit);
      done = this.#fireDue(this.#cleanupTimers, nowMs, limit) && done;
    } finally {
      this.state.leave();
    }
    this.#flush(0);
    return done;
  }

  nextProcessingTime(): number | undefined {
    const own = this.processingTimers.nextTime();
    const cleanup = this.#cleanupTimers.nextTime();
    if (own === undefined || cleanup === undefined) return own ?? cleanup;
    return Math.min(own, cleanup);
  }

  /** Advances in one go; for operators whose state is all in the heap. Partitions advance in slices instead. */
  onWatermark(watermark: number): void {
    do {
      invariant(
        this.missingForEventTime(watermark, DEFAULT_SLICE).length === 0,
        "a partition fetches state before it advances the time of a keyed operator",
        { operator: this.context.operator },
      );
    } while (!this.advanceEventTime(watermark, DEFAULT_SLICE));
  }

  /** @returns whether no timer with time <= `through` is left */
  #fireDue(queue: TimerQueue, through: number, limit: number): boolean {
    for (let fired = 0; ; fired++) {
      const timer = queue.peek(through);
      if (timer === undefined) return true;
      // A timer that user code set during this slice may come first and need state that was not asked for.
      if (fired >= limit || !this.#isReady(timer)) return false;
      queue.pop();
      this.state.setKey(timer.key);
      if (this.#journaling) this.#markUndo();
      try {
        if (timer.kind === "cleanup") this.#cleanUp(timer);
        else this.fire(timer);
      } catch (error) {
        this.#fail(error, this.describe(timer), eventTimeOf(timer));
        this.abandon(timer);
      }
    }
  }

  #isReady(timer: Timer): boolean {
    return timer.kind === "cleanup"
      ? this.state.knowsExpiring(timer.namespace as string, timer.key)
      : this.isReady(timer);
  }

  #cleanUp(timer: Timer): void {
    const again = this.state.expire(timer.namespace as string);
    if (again !== undefined) this.#cleanupTimers.register(timer.namespace, timer.key, again);
  }

  // Epochs

  get pendingWrites(): number {
    const timers =
      this.eventTimers.pendingWrites +
      this.processingTimers.pendingWrites +
      this.#cleanupTimers.pendingWrites;
    return this.state.pendingWrites + timers;
  }

  collectWrites(into: StateWrites[]): void {
    this.state.collect(this.#writes);
    const groupOf = (keyGroup: number): StateWrites => this.#writes.group(keyGroup);
    this.eventTimers.collect(groupOf);
    this.processingTimers.collect(groupOf);
    this.#cleanupTimers.collect(groupOf);
    this.#writes.drainInto(into);
  }

  acknowledge(): void {
    this.state.acknowledge();
  }
}

/** The event time at which a timer's function emits; undefined for processing time and for the end of the input. */
export function eventTimeOf(timer: Timer): number | undefined {
  return timer.kind === "event" && timer.time !== MAX_WATERMARK ? timer.time : undefined;
}
