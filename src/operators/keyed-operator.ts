// KeyedOperatorBase — what all keyed operators share: records (keyed-records.ts), timers that fire in slices, epochs.
// Step 4 of the walk (ARCHITECTURE.md).
//
// Owns:      which timers fire, in which order, and how far a slice goes.
// Does not:  know what a timer means (the subclasses), fetch or commit (the partition).
//
// The timers that are still queued are the cursor of a firing: nothing else remembers how far it has come.
import { MAX_WATERMARK } from "../core/batch.ts";
import { invariant } from "../core/errors.ts";
import type { StateLoad, StateWrites } from "../core/ports/state-backend.ts";
import { WriteSet } from "../state/write-set.ts";
import type { Timer } from "../time/timer-member.ts";
import type { TimerQueue } from "../time/timer-queue.ts";
import { eventTimeOf } from "./event-time.ts";
import { KeyedRecords, NO_LOADS } from "./keyed-records.ts";
import type { KeyedOperator, KeyedOperatorContext } from "./operator.ts";

/** Where a timer at the end of the input stands when no earlier watermark is known: a time to live fits behind it. */
const BEFORE_ALL_TIMES = Number.MIN_SAFE_INTEGER;
/** Timers per slice where nobody asks for another number. */
const DEFAULT_SLICE = 1_024;

export abstract class KeyedOperatorBase extends KeyedRecords implements KeyedOperator {
  readonly #writes: WriteSet;

  constructor(context: KeyedOperatorContext) {
    super(context);
    this.#writes = new WriteSet(context.operator);
  }

  // What an operator does

  protected abstract fire(timer: Timer): void;

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

  // Time

  missingForEventTime(watermark: number, limit: number): readonly StateLoad[] {
    this.state.prepare();
    if (this.state.complete) return NO_LOADS;
    this.eventTimers.forEachDue(watermark, limit, (timer) => this.wantTimer(timer));
    if (watermark === MAX_WATERMARK && this.firesProcessingTimersAtEnd)
      this.processingTimers.forEachDue(MAX_WATERMARK, limit, (timer) => this.wantTimer(timer));
    if (watermark !== MAX_WATERMARK) this.#wantCleanups(this.allTimers.eventCleanup, watermark, limit);
    return this.state.takeLoads();
  }

  advanceEventTime(watermark: number, limit: number): boolean {
    this.watermark = Math.max(this.watermark, watermark);
    // No watermark came before the end, or an earlier attempt saw it: then all that is stored lives.
    this.lastWatermark =
      watermark === MAX_WATERMARK ? Math.max(this.lastWatermark, BEFORE_ALL_TIMES) : this.watermark;
    this.enter(this.context.clock.nowMs());
    let done: boolean;
    try {
      done = this.#fireDue(this.eventTimers, watermark, limit);
      if (watermark === MAX_WATERMARK && this.firesProcessingTimersAtEnd)
        done = this.#fireDue(this.processingTimers, MAX_WATERMARK, limit) && done;
      // Behind the timers, which see what lives at their own time. At the end of the input nothing more grows old.
      if (done && watermark !== MAX_WATERMARK)
        done = this.#fireDue(this.allTimers.eventCleanup, watermark, limit);
    } finally {
      this.state.leave();
    }
    this.flush(0);
    if (done) this.context.output.onWatermark(watermark);
    return done;
  }

  missingForProcessingTime(nowMs: number, limit: number): readonly StateLoad[] {
    this.state.prepare();
    if (this.state.complete) return NO_LOADS;
    this.processingTimers.forEachDue(nowMs, limit, (timer) => this.wantTimer(timer));
    this.#wantCleanups(this.allTimers.cleanup, nowMs, limit);
    return this.state.takeLoads();
  }

  #wantCleanups(queue: TimerQueue, through: number, limit: number): void {
    queue.forEachDue(through, limit, (timer) =>
      this.state.wantExpiring(timer.namespace as string, timer.key),
    );
  }

  advanceProcessingTime(nowMs: number, limit: number): boolean {
    this.enter(nowMs);
    let done: boolean;
    try {
      done = this.#fireDue(this.processingTimers, nowMs, limit);
      done = this.#fireDue(this.allTimers.cleanup, nowMs, limit) && done;
    } finally {
      this.state.leave();
    }
    this.flush(0);
    return done;
  }

  nextProcessingTime(): number | undefined {
    return this.allTimers.nextProcessingTime();
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
      if (this.state.tracksEventTime) this.state.standAt(eventTimeOf(timer) ?? this.lastWatermark);
      this.settle();
      try {
        if (this.allTimers.cleansUp(queue)) this.#cleanUp(queue, timer);
        else this.fire(timer);
      } catch (error) {
        this.fail(error, this.describe(timer), eventTimeOf(timer));
        this.abandon(timer);
      }
    }
  }

  #isReady(queue: TimerQueue, timer: Timer): boolean {
    return this.allTimers.cleansUp(queue)
      ? this.state.knowsExpiring(timer.namespace as string, timer.key)
      : this.isReady(timer);
  }

  #cleanUp(queue: TimerQueue, timer: Timer): void {
    const again = this.state.expire(timer.namespace as string);
    if (again !== undefined) queue.register(timer.namespace, timer.key, again);
  }

  // Epochs

  get pendingWrites(): number {
    return this.state.pendingWrites + this.allTimers.pendingWrites;
  }

  collectWrites(into: StateWrites[]): void {
    this.state.collect(this.#writes);
    this.allTimers.collect((keyGroup) => this.#writes.group(keyGroup));
    this.#writes.drainInto(into);
  }

  acknowledge(): void {
    this.state.acknowledge();
  }
}
