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
import type { ContextPort } from "./current-context.ts";
import { FailureHandler } from "./failure.ts";
import type { KeyedOperator, KeyedOperatorContext } from "./operator.ts";
import { AsyncFunctionError } from "./stateless-operator.ts";

const NO_LOADS: readonly StateLoad[] = Object.freeze([]);
const NO_KEYS: readonly never[] = Object.freeze([]);
/** Where a timer at the end of the input stands when no earlier watermark is known: a time to live fits behind it. */
const BEFORE_ALL_TIMES = Number.MIN_SAFE_INTEGER;
/** Timers per slice where nobody asks for another number. */
const DEFAULT_SLICE = 1_024;

export abstract class KeyedOperatorBase implements KeyedOperator {
  protected readonly context: KeyedOperatorContext;
  protected readonly state: KeyedState;
  protected readonly output: Collector;
  protected readonly eventTimers: TimerQueue;
  protected readonly processingTimers: TimerQueue;
  readonly #cleanupTimers: TimerQueue;
  readonly #eventCleanupTimers: TimerQueue;
  readonly #queues: readonly TimerQueue[];
  /** Later records are strictly newer, in epoch ms. */
  protected watermark: number;
  /** The highest one before the end of the input, which is no time at which state grows old. */
  #lastWatermark: number;
  /** Wall clock in epoch ms at the start of the current batch or slice. */
  protected nowMs = 0;
  readonly #failures: FailureHandler;
  readonly #writes: WriteSet;
  readonly #sides = new Map<string, Collector | undefined>();
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
    this.#lastWatermark = watermark === MAX_WATERMARK ? Number.NEGATIVE_INFINITY : watermark;
    this.#journaling = onError !== "fail";
    this.#careful = this.#journaling;
    this.#failures = new FailureHandler(context);
    this.#writes = new WriteSet(operator);
    this.output = new Collector(context.output, context.metrics);
    this.eventTimers = new TimerQueue("event", operator, this.#journaling);
    this.processingTimers = new TimerQueue("processing", operator, this.#journaling);
    this.#cleanupTimers = new TimerQueue("cleanup", operator, this.#journaling);
    this.#eventCleanupTimers = new TimerQueue("eventCleanup", operator, this.#journaling);
    this.#queues = [this.eventTimers, this.processingTimers, this.#cleanupTimers, this.#eventCleanupTimers];
    restoreTimers(context.timers, this.#queues);
    this.state = new KeyedState({
      operator,
      startsEmpty: context.startsEmpty,
      cacheEntries: context.cacheEntries,
      encodesOnCommit: context.encodesOnCommit,
      journaling: this.#journaling,
      armCleanup: (state, timeMs, time) => {
        const queue = time === "event" ? this.#eventCleanupTimers : this.#cleanupTimers;
        queue.register(state, this.state.key, timeMs);
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
    this.#timestamps = timestamps;
    this.#careful = this.#journaling || batch.traces !== undefined || this.state.tracksEventTime;
    this.#enter(this.context.clock.nowMs());
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
    if (this.state.tracksEventTime)
      this.state.standAt(Math.max(this.#timestamps?.[index] ?? this.#lastWatermark, this.#lastWatermark));
    if (this.#journaling) this.#markUndo();
  }

  #markUndo(): void {
    this.state.beginRecord();
    for (const queue of this.#queues) queue.beginRecord();
    this.output.mark();
    for (const side of this.#sides.values()) side?.mark();
  }

  /** Law S1. */
  #undo(): void {
    if (!this.#journaling) return;
    this.state.rollback();
    for (const queue of this.#queues) queue.rollback();
    this.output.rollback();
    for (const side of this.#sides.values()) side?.rollback();
  }

  /** From here on only what follows is taken back when something fails: what was done so far stays. */
  protected settle(): void {
    if (this.#journaling) this.#markUndo();
  }

  /** Takes back what was done since the record or timer began, or since {@link settle}, and applies the `onError` policy. */
  protected fail(error: unknown, record: unknown, timestamp: number | undefined): void {
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

  /** For the context of an operator that runs user code with timers and side outputs. */
  protected contextPort(): ContextPort {
    const key = (): unknown => {
      this.checkInside("timers");
      return this.state.key;
    };
    return {
      operator: this.context.operator,
      event: (time) => void this.eventTimers.register(undefined, key(), time),
      deleteEvent: (time) => void this.eventTimers.delete(undefined, key(), time),
      processing: (time) => void this.processingTimers.register(undefined, key(), time),
      deleteProcessing: (time) => void this.processingTimers.delete(undefined, key(), time),
      emit: (value, timestamp) => {
        this.checkInside("emit");
        this.output.emit(value, timestamp);
      },
      side: (tag, value, timestamp) => {
        this.checkInside("side");
        this.side(tag)?.emit(value, timestamp);
      },
    };
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
    if (watermark !== MAX_WATERMARK) this.#wantCleanups(this.#eventCleanupTimers, watermark, limit);
    return this.state.takeLoads();
  }

  advanceEventTime(watermark: number, limit: number): boolean {
    this.watermark = Math.max(this.watermark, watermark);
    // No watermark came before the end, or an earlier attempt saw it: then all that is stored lives.
    this.#lastWatermark =
      watermark === MAX_WATERMARK ? Math.max(this.#lastWatermark, BEFORE_ALL_TIMES) : this.watermark;
    this.#enter(this.context.clock.nowMs());
    let done: boolean;
    try {
      done = this.#fireDue(this.eventTimers, watermark, limit);
      if (watermark === MAX_WATERMARK && this.firesProcessingTimersAtEnd)
        done = this.#fireDue(this.processingTimers, MAX_WATERMARK, limit) && done;
      // Behind the timers, which see what lives at their own time. At the end of the input nothing more grows old.
      if (done && watermark !== MAX_WATERMARK)
        done = this.#fireDue(this.#eventCleanupTimers, watermark, limit);
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
    this.#wantCleanups(this.#cleanupTimers, nowMs, limit);
    return this.state.takeLoads();
  }

  #wantCleanups(queue: TimerQueue, through: number, limit: number): void {
    queue.forEachDue(through, limit, (timer) =>
      this.state.wantExpiring(timer.namespace as string, timer.key),
    );
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
      if (fired >= limit || !this.#isReady(queue, timer)) return false;
      queue.pop();
      this.state.setKey(timer.key);
      if (this.state.tracksEventTime) this.state.standAt(eventTimeOf(timer) ?? this.#lastWatermark);
      if (this.#journaling) this.#markUndo();
      try {
        if (queue === this.#cleanupTimers || queue === this.#eventCleanupTimers) this.#cleanUp(queue, timer);
        else this.fire(timer);
      } catch (error) {
        this.fail(error, this.describe(timer), eventTimeOf(timer));
        this.abandon(timer);
      }
    }
  }

  #isReady(queue: TimerQueue, timer: Timer): boolean {
    return queue === this.#cleanupTimers || queue === this.#eventCleanupTimers
      ? this.state.knowsExpiring(timer.namespace as string, timer.key)
      : this.isReady(timer);
  }

  #cleanUp(queue: TimerQueue, timer: Timer): void {
    const again = this.state.expire(timer.namespace as string);
    if (again !== undefined) queue.register(timer.namespace, timer.key, again);
  }

  // Epochs

  get pendingWrites(): number {
    let writes = this.state.pendingWrites;
    for (const queue of this.#queues) writes += queue.pendingWrites;
    return writes;
  }

  collectWrites(into: StateWrites[]): void {
    this.state.collect(this.#writes);
    const groupOf = (keyGroup: number): StateWrites => this.#writes.group(keyGroup);
    for (const queue of this.#queues) queue.collect(groupOf);
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
