// tumbling window — windows that follow each other and emit once, when they close. Step 4 of the walk (ARCHITECTURE.md).
//
// The accumulator of a window is addressed by (window start, key). Overlapping windows are sliced-window.ts.
//
// Owns:      which windows have a timer, what is late.
// Does not:  cut time (src/time/windows.ts), or know windows that emit more than once (general-window.ts).
//
// Invariant: a window that is stored has a timer, in the same commit, for its end.
//
// Laws (docs/laws.md)
//   W5  For any order of records and watermarks, every window with at least one record that was not late for it is
//       emitted exactly once, with the fold of those records, and windows of one key in the order of their ends.
//   W6  Stopping after any commit and going on from storage gives the same results as never stopping.
import { type Aggregate, NoAccumulatorError } from "../../core/aggregate.ts";
import type { Batch } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import type { ValueCells } from "../../state/value-state.ts";
import type { Timer } from "../../time/timer-member.ts";
import type { TimerQueue } from "../../time/timer-queue.ts";
import type { Window } from "../../time/window.ts";
import { type AlignedAssigner, paneEnd, paneOf, windowStart } from "../../time/windows.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperatorContext } from "../operator.ts";
import { LATE_TAG, MissingTimestampError } from "./window-result.ts";

/**
 * Emits a {@link WindowResult} when a window closes, with timestamp `window.end - 1`.
 *
 * In event time a window closes when the watermark reaches `window.end - 1`; in processing time when the clock reaches
 * `window.end`, or the input ends. A record whose windows have all closed is late: counted, and sent to the side output
 * {@link LATE_TAG} when somebody reads it.
 */
export class TumblingWindowOperator<T, A, R> extends KeyedOperatorBase {
  readonly #assigner: AlignedAssigner;
  readonly #aggregate: Aggregate<T, A, R>;
  readonly #panes: ValueCells<A>;
  readonly #inEventTime: boolean;
  readonly #timers: TimerQueue;
  /** A timer stands at `window.end - #timerOffset`. */
  readonly #timerOffset: number;
  /** The window of the last record, which is its only pane: start <= timestamp < end. */
  #pane = Number.NaN;
  #paneEnd = Number.NaN;
  #paneIsLate = false;
  /** Everything up to here has been closed, in the time of the assigner. */
  #closedThrough: number;
  /** Processing time of the records of a batch, fixed when their panes were asked for. */
  #preparedMs: number | undefined = undefined;
  #batchMs = 0;
  /** The window that closed last. */
  #closing: Window = { start: Number.NaN, end: Number.NaN };

  constructor(context: KeyedOperatorContext, assigner: AlignedAssigner, aggregate: Aggregate<T, A, R>) {
    super(context);
    this.#assigner = assigner;
    this.#aggregate = aggregate;
    this.#panes = this.state.addCells("accumulator", aggregate.codec ?? (msgpackCodec as Codec<A>));
    this.#inEventTime = assigner.time === "event";
    this.#timers = this.#inEventTime ? this.eventTimers : this.processingTimers;
    this.#timerOffset = this.#inEventTime ? 1 : 0;
    this.#closedThrough = this.#inEventTime ? context.watermark : Number.NEGATIVE_INFINITY;
    this.#assumeNewPanesAreEmpty();
  }

  /** By the invariant no window is stored behind the last one that has a timer: new ones need no fetch. */
  #assumeNewPanesAreEmpty(): void {
    if (this.context.startsEmpty) return;
    let last = Number.NEGATIVE_INFINITY;
    this.#timers.forEach((timer) => {
      last = Math.max(last, paneOf(this.#assigner, timer.time + this.#timerOffset - 1));
    });
    this.#panes.assumeCompleteAbove(last);
  }

  protected override get firesProcessingTimersAtEnd(): boolean {
    return !this.#inEventTime;
  }

  protected override onEnter(): void {
    this.#batchMs = this.#preparedMs ?? this.nowMs;
    this.#preparedMs = undefined;
    if (!this.#inEventTime || this.watermark === this.#closedThrough) return;
    this.#closedThrough = this.watermark;
    this.#forgetPane();
  }

  // Records

  protected override wantBatch(batch: Batch): void {
    const keys = batch.keys as unknown[];
    const { timestamps } = batch;
    this.#preparedMs = this.context.clock.nowMs();
    const nowMs = this.#processingTime(this.#preparedMs);
    for (let i = 0; i < keys.length; i++) {
      const time = this.#inEventTime ? timestamps?.[i] : nowMs;
      if (time === undefined || !Number.isFinite(time)) continue; // refused when it is processed
      this.#standOn(time);
      if (!this.#paneIsLate) this.#panes.want(keys[i]);
    }
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    const aggregate = this.#aggregate;
    const panes = this.#panes;
    const immutable = aggregate.immutable === true;
    const nowMs = this.#processingTime(this.#batchMs);
    const inEventTime = this.#inEventTime;
    for (let i = from; i < values.length; i++) {
      const key = keys[i];
      this.beginRecord(i, key);
      const time = inEventTime ? timestamps?.[i] : nowMs;
      if (!(time !== undefined && time >= this.#pane && time < this.#paneEnd))
        this.#standOn(this.#checkTime(time));
      if (this.#paneIsLate) {
        this.context.metrics.late++;
        this.side(LATE_TAG)?.emit(values[i], timestamps?.[i]);
        continue;
      }
      let accumulator = immutable ? panes.peek() : panes.get();
      if (accumulator === undefined) {
        this.#setTimer(key);
        accumulator = aggregate.create();
      }
      const next = aggregate.add(accumulator as A, values[i] as T);
      if (next === undefined) throw new NoAccumulatorError(this.context.operator, "the aggregate's add");
      panes.set(next);
    }
  }

  /** The clock may step back, or stand still while a window closes; then records go to the next window, never too late. */
  #processingTime(nowMs: number): number {
    return Math.max(this.#closedThrough + 1, nowMs);
  }

  #checkTime(time: number | undefined): number {
    if (time === undefined || !Number.isFinite(time))
      throw new MissingTimestampError(this.context.operator, time);
    return time;
  }

  /** Makes the window that holds `time` the current one. */
  #standOn(time: number): void {
    if (time >= this.#pane && time < this.#paneEnd) {
      this.#panes.useNamespace(this.#pane);
      return;
    }
    const pane = paneOf(this.#assigner, time);
    this.#pane = pane;
    this.#paneEnd = paneEnd(this.#assigner, pane);
    this.#paneIsLate = this.#paneEnd - 1 <= this.#closedThrough;
    this.#panes.useNamespace(pane);
  }

  /** The current window is new for this key. */
  #setTimer(key: unknown): void {
    this.#timers.register(undefined, key, this.#paneEnd - this.#timerOffset);
  }

  // Closing

  protected override wantTimer(timer: Timer): void {
    this.#panes.useNamespace(this.#windowOf(timer).start);
    this.#panes.want(timer.key);
    this.#forgetPane();
  }

  protected override isReady(timer: Timer): boolean {
    if (this.#panes.allComplete) return true;
    this.#forgetPane();
    this.#panes.useNamespace(this.#windowOf(timer).start);
    return this.#panes.knows(timer.key);
  }

  protected fire(timer: Timer): void {
    const window = this.#windowOf(timer);
    this.#forgetPane();
    if (!this.#inEventTime) this.#closedThrough = Math.max(this.#closedThrough, window.end - 1);
    this.#panes.useNamespace(window.start);
    const accumulator = this.#panes.peek();
    if (accumulator !== undefined) {
      const value = this.#aggregate.result(accumulator);
      this.output.emit({ key: timer.key, value, window }, window.end - 1);
    }
    this.#panes.clear();
  }

  /** The window has closed although its result could not be made: it must not hold its accumulator for ever. */
  protected override abandon(timer: Timer): void {
    this.#forgetPane();
    this.#panes.useNamespace(this.#windowOf(timer).start);
    this.#panes.clear();
  }

  protected override describe(timer: Timer): unknown {
    return { key: timer.key, window: this.#windowOf(timer) };
  }

  #windowOf(timer: Timer): Window {
    const end = timer.time + this.#timerOffset;
    // Thousands of keys close the same window one after the other.
    if (this.#closing.end !== end) this.#closing = { start: windowStart(this.#assigner, end), end };
    return this.#closing;
  }

  /** Another namespace was used in between. */
  #forgetPane(): void {
    this.#pane = Number.NaN;
    this.#paneEnd = Number.NaN;
  }
}
