// sliced window — sliding and cumulative windows that emit once, when they close. Step 4 of the walk (ARCHITECTURE.md).
//
// A record is folded once, into the accumulator of its pane: the longest stretch of time without a window boundary
// (src/time/windows.ts). All panes of a key stand in one cell (src/state/pane-state.ts): a window that closes merges those
// that hold something, and a pane goes when the last window that contains it has closed.
// Guarded by bench/operators/sliding-windows.ts.
//
// Owns:      which windows have a timer, what is late, when a pane goes.
// Does not:  cut time (src/time/windows.ts), or know windows that emit more than once (general-window.ts).
//
// Invariant: a pane that is stored has a timer, in the same commit, for the next of its windows that has not closed.
//
// Laws (docs/laws.md)
//   W5  For any order of records and watermarks, every window with at least one record that was not late for it is
//       emitted exactly once, with the fold of those records, and windows of one key in the order of their ends.
//   W6  Stopping after any commit and going on from storage gives the same results as never stopping.
import { type Aggregate, NoAccumulatorError } from "../../core/aggregate.ts";
import type { Batch } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { type Pane, PaneCells } from "../../state/pane-state.ts";
import type { Timer } from "../../time/timer-member.ts";
import type { TimerQueue } from "../../time/timer-queue.ts";
import type { Window } from "../../time/window.ts";
import {
  type AlignedAssigner,
  firstWindowEnd,
  lastWindowEnd,
  nextWindowEnd,
  paneEnd,
  paneOf,
  windowStart,
} from "../../time/windows.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperatorContext } from "../operator.ts";
import { LATE_TAG, MissingTimestampError } from "./window-result.ts";

/** A window that closes, and what comes behind it. */
interface Closing {
  readonly window: Window;
  /** Of the window behind it: what starts earlier is of no use any more. */
  readonly nextStart: number;
  readonly nextEnd: number;
}

/**
 * Emits a {@link WindowResult} when a window closes, with timestamp `window.end - 1`.
 *
 * In event time a window closes when the watermark reaches `window.end - 1`; in processing time when the clock reaches
 * `window.end`, or the input ends. A record whose windows have all closed is late: counted, and sent to the side output
 * {@link LATE_TAG} when somebody reads it.
 */
export class SlicedWindowOperator<T, A, R> extends KeyedOperatorBase {
  readonly #assigner: AlignedAssigner;
  readonly #aggregate: Aggregate<T, A, R>;
  readonly #codec: Codec<A>;
  readonly #panes: PaneCells<A>;
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
  /** The window that closed last. */
  #closing: Closing = {
    window: { start: Number.NaN, end: Number.NaN },
    nextStart: Number.NaN,
    nextEnd: Number.NaN,
  };

  constructor(context: KeyedOperatorContext, assigner: AlignedAssigner, aggregate: Aggregate<T, A, R>) {
    super(context);
    this.#assigner = assigner;
    this.#aggregate = aggregate;
    this.#codec = aggregate.codec ?? (msgpackCodec as Codec<A>);
    this.#panes = this.state.addCellsOf(
      (scope, startsEmpty) =>
        new PaneCells<A>(scope, "accumulators", this.#codec as Codec<unknown>, startsEmpty),
    );
    this.#inEventTime = assigner.time === "event";
    this.#timers = this.#inEventTime ? this.eventTimers : this.processingTimers;
    this.#timerOffset = this.#inEventTime ? 1 : 0;
    this.#closedThrough = this.#inEventTime ? context.watermark : Number.NEGATIVE_INFINITY;
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
    if (time >= this.#pane && time < this.#paneEnd) return;
    const pane = paneOf(this.#assigner, time);
    this.#pane = pane;
    this.#panes.standOn(pane);
    this.#paneEnd = paneEnd(this.#assigner, pane);
    this.#paneIsLate = lastWindowEnd(this.#assigner, pane) - 1 <= this.#closedThrough;
  }

  /** The current pane is new for this key: the next window that contains it must close for this key. */
  #setTimer(key: unknown): void {
    let end = firstWindowEnd(this.#assigner, this.#pane);
    while (end - 1 <= this.#closedThrough) end = nextWindowEnd(this.#assigner, end);
    this.#timers.register(undefined, key, end - this.#timerOffset);
  }

  // Closing

  protected fire(timer: Timer): void {
    const closing = this.#closingOf(timer);
    if (!this.#inEventTime) this.#closedThrough = Math.max(this.#closedThrough, closing.window.end - 1);
    this.#forgetPane();
    this.#close(timer.key, closing.window);
    this.#dropPanes(timer.key, closing);
  }

  /** The window has closed although its result could not be made: it must not hold its panes for ever. */
  protected override abandon(timer: Timer): void {
    this.#dropPanes(timer.key, this.#closingOf(timer));
  }

  protected override describe(timer: Timer): unknown {
    return { key: timer.key, window: this.#closingOf(timer).window };
  }

  #closingOf(timer: Timer): Closing {
    const end = timer.time + this.#timerOffset;
    // Thousands of keys close the same window one after the other.
    if (this.#closing.window.end !== end) {
      const nextEnd = nextWindowEnd(this.#assigner, end);
      const window = { start: windowStart(this.#assigner, end), end };
      this.#closing = { window, nextStart: windowStart(this.#assigner, nextEnd), nextEnd };
    }
    return this.#closing;
  }

  /** Emits the result, if any of the panes holds something. */
  #close(key: unknown, window: Window): void {
    const aggregate = this.#aggregate;
    const panes = this.#panes.panes();
    // `merge` may change its first argument, and a pane must stay as it is while later windows need it.
    const copies = aggregate.immutable !== true;
    let merged: A | undefined;
    for (let i = 0; i < panes.length; i++) {
      const { start, value } = panes[i] as Pane<A>;
      if (start < window.start) continue;
      if (start >= window.end) break;
      if (merged === undefined) merged = copies ? this.#detached(value) : value;
      else merged = aggregate.merge(merged, value);
    }
    if (merged === undefined) return;
    this.output.emit({ key, value: aggregate.result(merged), window }, window.end - 1);
  }

  /** Drops what no later window needs, and sets the timer of the next window when something is left for it. */
  #dropPanes(key: unknown, { window, nextStart, nextEnd }: Closing): void {
    this.#panes.dropBelow(nextStart);
    const first = this.#panes.panes()[0];
    if (first !== undefined && first.start < window.end)
      this.#timers.register(undefined, key, nextEnd - this.#timerOffset);
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
