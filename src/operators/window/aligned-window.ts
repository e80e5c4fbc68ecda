// AlignedWindowOperator — what windows that are the same for all keys and emit once share: where their time stands, which
// pane a record is in, whether that is late, when a window closes. Step 4 of the walk (ARCHITECTURE.md).
//
// Owns:      up to where windows are closed, the pane at hand, where timers stand.
// Does not:  cut time (src/time/windows.ts), or hold anything: what a pane holds, and the loop over records, are the
//            subclasses' own, so that the loop sees one kind of state.
import type { Aggregate } from "../../core/aggregate.ts";
import type { Batch } from "../../core/batch.ts";
import type { Timer } from "../../time/timer-member.ts";
import type { TimerQueue } from "../../time/timer-queue.ts";
import type { Window } from "../../time/window.ts";
import { type AlignedAssigner, lastWindowEnd, paneEnd, paneOf, windowStart } from "../../time/windows.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperatorContext } from "../operator.ts";

/**
 * Emits a {@link WindowResult} when a window closes, with timestamp `window.end - 1`.
 *
 * In event time a window closes when the watermark reaches `window.end - 1`; in processing time when the clock reaches
 * `window.end`, or the input ends. A record whose windows have all closed is late: counted, and sent to the side output
 * {@link LATE_TAG} when somebody reads it.
 */
export abstract class AlignedWindowOperator<T, A, R> extends KeyedOperatorBase {
  protected readonly assigner: AlignedAssigner;
  protected readonly aggregate: Aggregate<T, A, R>;
  protected readonly inEventTime: boolean;
  protected readonly timers: TimerQueue;
  /** A timer stands at `window.end - #timerOffset`. */
  readonly #timerOffset: number;
  /** The pane of the last record: start <= timestamp < end. */
  protected pane: number = Number.NaN;
  protected paneEnd: number = Number.NaN;
  protected paneIsLate = false;
  /** Everything up to here has been closed, in the time of the assigner. */
  protected closedThrough: number;
  /** Processing time of the records of a batch, fixed when their panes were asked for. */
  #preparedMs: number | undefined = undefined;
  #batchMs = 0;
  /** The window that closed last. */
  #closing: Window = { start: Number.NaN, end: Number.NaN };

  constructor(context: KeyedOperatorContext, assigner: AlignedAssigner, aggregate: Aggregate<T, A, R>) {
    super(context);
    this.assigner = assigner;
    this.aggregate = aggregate;
    this.inEventTime = assigner.time === "event";
    this.timers = this.inEventTime ? this.eventTimers : this.processingTimers;
    this.#timerOffset = this.inEventTime ? 1 : 0;
    this.closedThrough = this.inEventTime ? context.watermark : Number.NEGATIVE_INFINITY;
  }

  /** The pane at hand is another one. */
  protected abstract onPane(pane: number): void;
  /** Asks for what this key has in the pane at hand. */
  protected abstract wantPane(key: unknown): void;

  protected override get firesProcessingTimersAtEnd(): boolean {
    return !this.inEventTime;
  }

  protected override onEnter(): void {
    this.#batchMs = this.#preparedMs ?? this.nowMs;
    this.#preparedMs = undefined;
    if (!this.inEventTime || this.watermark === this.closedThrough) return;
    this.closedThrough = this.watermark;
    this.forgetPane();
  }

  // Records

  protected override wantBatch(batch: Batch): void {
    const keys = batch.keys as unknown[];
    const { timestamps } = batch;
    this.#preparedMs = this.context.clock.nowMs();
    const nowMs = this.#processingTime(this.#preparedMs);
    for (let i = 0; i < keys.length; i++) {
      const time = this.inEventTime ? timestamps?.[i] : nowMs;
      if (time === undefined || !Number.isFinite(time)) continue; // refused when it is processed
      if (!(time >= this.pane && time < this.paneEnd)) this.standOn(time);
      if (!this.paneIsLate) this.wantPane(keys[i]);
    }
  }

  /** Where records of the batch at hand stand in processing time, in epoch ms. */
  protected get batchTime(): number {
    return this.#processingTime(this.#batchMs);
  }

  /** The clock may step back, or stand still while a window closes; then records go to the next window, never too late. */
  #processingTime(nowMs: number): number {
    return Math.max(this.closedThrough + 1, nowMs);
  }

  /** Makes the pane that holds `time` the one at hand. */
  protected standOn(time: number | undefined): void {
    const pane = paneOf(this.assigner, this.timestampOf(time));
    this.pane = pane;
    this.paneEnd = paneEnd(this.assigner, pane);
    this.paneIsLate = lastWindowEnd(this.assigner, pane) - 1 <= this.closedThrough;
    this.onPane(pane);
  }

  /** Time has moved on, or the state stands elsewhere. */
  protected forgetPane(): void {
    this.pane = Number.NaN;
    this.paneEnd = Number.NaN;
  }

  // Closing

  /**
   * The window that ends at `end` must close for this key. In event time no timer may be set for that; on the clock, which
   * does not say after a restart what has closed, one may.
   */
  protected setTimer(key: unknown, end: number): void {
    if (this.inEventTime) this.timers.registerNew(undefined, key, end - this.#timerOffset);
    else this.timers.register(undefined, key, end - this.#timerOffset);
  }

  /** End of the window that the timer closes. */
  protected endOf(timer: Timer): number {
    return timer.time + this.#timerOffset;
  }

  protected windowOf(timer: Timer): Window {
    const end = this.endOf(timer);
    // Thousands of keys close the same window one after the other.
    if (this.#closing.end !== end) this.#closing = { start: windowStart(this.assigner, end), end };
    return this.#closing;
  }

  /** From now on records of the window are late, or go to the next one. */
  protected closeWindow({ end }: Window): void {
    if (!this.inEventTime) this.closedThrough = Math.max(this.closedThrough, end - 1);
    this.forgetPane();
  }

  protected override describe(timer: Timer): unknown {
    return { key: timer.key, window: this.windowOf(timer) };
  }
}
