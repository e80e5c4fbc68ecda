// window — folds records per key and window of time, and emits a window's result when it closes.
// Step 4 of the walk (ARCHITECTURE.md).
//
// A record is folded once, into the accumulator of its pane: the longest stretch of time without a window boundary
// (src/time/windows.ts). State is addressed by (pane start, key). When a window closes, its panes are merged; a pane goes
// when the last window that contains it has closed. A tumbling window is its only pane, so nothing is merged there.
//
// Owns:      which windows have a timer, what is late, when a pane goes.
// Does not:  cut time (src/time/windows.ts), or decide when a window closes other than by its end: triggers, allowed
//            lateness and sessions belong behind WindowFiring, which is all that `#close` knows about a closing window.
//
// Invariant: a pane that is stored has a timer, in the same commit, for the next of its windows that has not closed.
//
// Laws (docs/laws.md)
//   W5  For any order of records and watermarks, every window with at least one record that was not late for it is
//       emitted exactly once, with the fold of those records, and windows of one key in the order of their ends.
//   W6  Stopping after any commit and going on from storage gives the same results as never stopping.
import type { Batch } from "../core/batch.ts";
import { type Codec, msgpackCodec } from "../core/codec.ts";
import { EngineError } from "../core/errors.ts";
import type { ValueCells } from "../state/value-state.ts";
import type { Timer } from "../time/timer-member.ts";
import type { TimerQueue } from "../time/timer-queue.ts";
import {
  firstWindowEnd,
  lastWindowEnd,
  paneEnd,
  paneOf,
  panesOfWindow,
  type Window,
  type WindowAssigner,
} from "../time/windows.ts";
import type { Aggregate } from "./aggregates.ts";
import { KeyedOperatorBase } from "./keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "./operator.ts";
import { NoAccumulatorError } from "./reduce.ts";

/** Tag of the side output that carries the records which came too late for all of their windows. */
export const LATE_TAG = "late";

/** The result of one window of one key. */
export interface WindowResult<K, R> {
  readonly key: K;
  readonly value: R;
  /** start <= timestamp of its records < end, in epoch ms. */
  readonly window: Window;
}

export interface WindowDefinition<T, A, R> {
  readonly assigner: WindowAssigner;
  readonly aggregate: Aggregate<T, A, R>;
  /** How an accumulator is stored. Default: the aggregate's codec, else MessagePack for any plain data. */
  readonly codec?: Codec<A> | undefined;
}

/** One window of one key that emits now. */
interface WindowFiring {
  readonly key: unknown;
  readonly window: Window;
  /** Starts of its panes, ascending. */
  readonly panes: readonly number[];
}

/** A record without event time came to a window in event time. */
export class MissingTimestampError extends EngineError<"MISSING_TIMESTAMP"> {
  constructor(operator: string, timestamp: unknown) {
    super(
      "MISSING_TIMESTAMP",
      `window "${operator}": a record has ${timestamp === undefined ? "no timestamp" : `the timestamp ${String(timestamp)}`}; ` +
        "give the source a `timestamp` option, or use a window in processing time",
      { details: { operator, timestamp: String(timestamp) } },
    );
  }
}

/**
 * Emits a {@link WindowResult} when a window closes, with timestamp `window.end - 1`.
 *
 * In event time a window closes when the watermark reaches `window.end - 1`; in processing time when the clock reaches
 * `window.end`, or the input ends. A record whose windows have all closed is late: counted, and sent to the side output
 * {@link LATE_TAG} when somebody reads it.
 */
export function windowOperator<T, A, R>(
  definition: WindowDefinition<T, A, R>,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new WindowOperator(context, definition);
}

class WindowOperator<T, A, R> extends KeyedOperatorBase {
  readonly #assigner: WindowAssigner;
  readonly #aggregate: Aggregate<T, A, R>;
  readonly #codec: Codec<A>;
  readonly #panes: ValueCells<A>;
  readonly #inEventTime: boolean;
  readonly #timers: TimerQueue;
  /** A timer stands at `window.end - #timerOffset`. */
  readonly #timerOffset: number;
  /** The pane of the last record, as it was looked at: start <= timestamp < end. */
  #pane = Number.NaN;
  #paneEnd = Number.NaN;
  #paneIsLate = false;
  /** Everything up to here has been closed, in the time of the assigner. */
  #closedThrough: number;
  /** Processing time of the records of a batch, fixed when their panes were asked for. */
  #preparedMs: number | undefined = undefined;
  #batchMs = 0;
  #panesOfEnd: { end: number; panes: readonly number[] } = { end: Number.NaN, panes: [] };

  constructor(context: KeyedOperatorContext, definition: WindowDefinition<T, A, R>) {
    super(context);
    this.#assigner = definition.assigner;
    this.#aggregate = definition.aggregate;
    this.#codec = definition.codec ?? definition.aggregate.codec ?? (msgpackCodec as Codec<A>);
    this.#panes = this.state.addCells("accumulator", this.#codec);
    this.#inEventTime = definition.assigner.time === "event";
    this.#timers = this.#inEventTime ? this.eventTimers : this.processingTimers;
    this.#timerOffset = this.#inEventTime ? 1 : 0;
    this.#closedThrough = this.#inEventTime ? context.watermark : Number.NEGATIVE_INFINITY;
    this.#assumeNewPanesAreEmpty();
  }

  /** By the invariant no pane is stored behind the last window that has a timer: new panes need no fetch. */
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

  /** Makes the pane that holds `time` the current one. */
  #standOn(time: number): void {
    if (time >= this.#pane && time < this.#paneEnd) {
      this.#panes.useNamespace(this.#pane);
      return;
    }
    const pane = paneOf(this.#assigner, time);
    this.#pane = pane;
    this.#paneEnd = paneEnd(this.#assigner, pane);
    this.#paneIsLate = lastWindowEnd(this.#assigner, pane) - 1 <= this.#closedThrough;
    this.#panes.useNamespace(pane);
  }

  /** The current pane is new for this key: the next window that contains it must close for this key. */
  #setTimer(key: unknown): void {
    let end = firstWindowEnd(this.#assigner, this.#pane);
    while (end - 1 <= this.#closedThrough) end += this.#assigner.slideMs;
    this.#timers.register(undefined, key, end - this.#timerOffset);
  }

  // Closing

  protected override wantTimer(timer: Timer): void {
    for (const pane of this.#firing(timer).panes) {
      this.#panes.useNamespace(pane);
      this.#panes.want(timer.key);
    }
    this.#forgetPane();
  }

  protected override isReady(timer: Timer): boolean {
    if (this.#panes.allComplete) return true;
    this.#forgetPane();
    for (const pane of this.#firing(timer).panes) {
      this.#panes.useNamespace(pane);
      if (!this.#panes.knows(timer.key)) return false;
    }
    return true;
  }

  protected fire(timer: Timer): void {
    const firing = this.#firing(timer);
    this.#forgetPane();
    if (!this.#inEventTime) this.#closedThrough = Math.max(this.#closedThrough, firing.window.end - 1);
    this.#dropPanes(firing, this.#close(firing));
  }

  /** The window has closed although its result could not be made: it must not hold its panes for ever. */
  protected override abandon(timer: Timer): void {
    const firing = this.#firing(timer);
    const isLeft = firing.panes.some(
      (pane) => !isLast(firing, pane, this.#assigner) && this.#panes.peekIn(pane) !== undefined,
    );
    this.#dropPanes(firing, isLeft);
  }

  protected override describe(timer: Timer): unknown {
    const { key, window } = this.#firing(timer);
    return { key, window };
  }

  #firing(timer: Timer): WindowFiring {
    const end = timer.time + this.#timerOffset;
    // Thousands of keys close the same window one after the other.
    if (this.#panesOfEnd.end !== end) this.#panesOfEnd = { end, panes: panesOfWindow(this.#assigner, end) };
    const window = { start: end - this.#assigner.sizeMs, end };
    return { key: timer.key, window, panes: this.#panesOfEnd.panes };
  }

  /** Emits the result. @returns whether a pane is left that later windows need */
  #close(firing: WindowFiring): boolean {
    const { key, window, panes } = firing;
    const aggregate = this.#aggregate;
    // `merge` may change its first argument, and a pane must stay as it is while later windows need it.
    const copies = panes.length > 1 && aggregate.immutable !== true;
    let first: A | undefined;
    let merged: A | undefined;
    let isLeft = false;
    for (let i = 0; i < panes.length; i++) {
      const pane = panes[i] as number;
      const accumulator = this.#panes.peekIn(pane);
      if (accumulator === undefined) continue;
      isLeft ||= !isLast(firing, pane, this.#assigner);
      if (first === undefined) {
        first = accumulator;
        merged = accumulator;
      } else {
        if (merged === first) merged = copies ? this.#detached(first) : first;
        merged = aggregate.merge(merged as A, accumulator);
      }
    }
    if (merged === undefined) return isLeft;
    const result: unknown = aggregate.result(merged);
    const value = copies && result === first ? this.#detached(first as A) : result;
    this.output.emit({ key, value, window }, window.end - 1);
    return isLeft;
  }

  /** Drops what no later window needs, and sets the timer of the next window when something is left for it. */
  #dropPanes(firing: WindowFiring, isLeft: boolean): void {
    const { key, window, panes } = firing;
    for (let i = 0; i < panes.length && isLast(firing, panes[i] as number, this.#assigner); i++) {
      this.#panes.useNamespace(panes[i]);
      this.#panes.clear();
    }
    if (isLeft)
      this.#timers.register(undefined, key, window.end + this.#assigner.slideMs - this.#timerOffset);
  }

  #detached(accumulator: A): A {
    return typeof accumulator === "object" && accumulator !== null
      ? this.#codec.decode(this.#codec.encode(accumulator))
      : accumulator;
  }

  /** Another namespace was used in between. */
  #forgetPane(): void {
    this.#pane = Number.NaN;
    this.#paneEnd = Number.NaN;
  }
}

/** No later window contains the pane: those are the first panes of a window. */
function isLast({ window }: WindowFiring, pane: number, assigner: WindowAssigner): boolean {
  return pane < window.start + assigner.slideMs;
}
