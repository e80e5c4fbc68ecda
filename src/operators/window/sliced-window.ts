// sliced window — sliding and cumulative windows that emit once, when they close. Step 4 of the walk (ARCHITECTURE.md).
//
// A record is folded once, into the accumulator of its pane: the longest stretch of time without a window boundary
// (src/time/windows.ts). All panes of a key stand in one cell (src/state/pane-state.ts): a window that closes merges those
// that hold something, and a pane goes when the last window that contains it has closed.
// Guarded by bench/operators/sliding-windows.ts.
//
// Owns:      the panes, which windows have a timer, when a pane goes.
// Does not:  know what is late (aligned-window.ts), or windows that emit more than once (general-window.ts).
//
// Invariant: a key has timers for exactly these windows, in the same commit: of each stored pane, the next that contains it.
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
import type { Window } from "../../time/window.ts";
import { type AlignedAssigner, firstWindowEnd, nextWindowEnd, windowStart } from "../../time/windows.ts";
import type { KeyedOperatorContext } from "../operator.ts";
import { AlignedWindowOperator } from "./aligned-window.ts";

export class SlicedWindowOperator<T, A, R> extends AlignedWindowOperator<T, A, R> {
  readonly #codec: Codec<A>;
  readonly #panes: PaneCells<A>;
  /** End of the window that closed last, and the window behind it. */
  #closedEnd = Number.NaN;
  #next: Window = { start: Number.NaN, end: Number.NaN };

  constructor(context: KeyedOperatorContext, assigner: AlignedAssigner, aggregate: Aggregate<T, A, R>) {
    super(context, assigner, aggregate);
    this.#codec = aggregate.codec ?? (msgpackCodec as Codec<A>);
    const codec = this.#codec as Codec<unknown>;
    this.#panes = this.state.addCellsOf(
      (scope, startsEmpty) => new PaneCells<A>(scope, "accumulators", codec, startsEmpty),
    );
  }

  // Records

  protected onPane(pane: number): void {
    this.#panes.standOn(pane);
  }

  protected wantPane(key: unknown): void {
    this.#panes.want(key);
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    const { aggregate, inEventTime, batchTime } = this;
    const panes = this.#panes;
    const immutable = aggregate.immutable === true;
    for (let i = from; i < values.length; i++) {
      const key = keys[i];
      this.beginRecord(i, key);
      const time = inEventTime ? timestamps?.[i] : batchTime;
      if (!(time !== undefined && time >= this.pane && time < this.paneEnd)) this.standOn(time);
      if (this.paneIsLate) {
        this.leaveLate(values[i], timestamps?.[i]);
        continue;
      }
      let accumulator = immutable ? panes.peek() : panes.get();
      if (accumulator === undefined) {
        this.#beginPane(key);
        accumulator = aggregate.create();
      }
      const next = aggregate.add(accumulator as A, values[i] as T);
      if (next === undefined) throw new NoAccumulatorError(this.context.operator, "the aggregate's add");
      panes.set(next);
    }
  }

  /** The pane at hand is new for this key: the next window that contains it must close for this key. */
  #beginPane(key: unknown): void {
    const end = this.#nextEnd(this.pane);
    if (!this.inEventTime || !this.#closesForAnother(end)) this.setTimer(key, end);
  }

  /** A pane beside the one at hand has set the timer of that window, by the invariant. */
  #closesForAnother(end: number): boolean {
    const panes = this.#panes.panes();
    let behind = panes.length;
    while (behind > 0 && (panes[behind - 1] as Pane<A>).start > this.pane) behind--;
    // The later a pane, the later its next window ends: if the window is that of any pane, it is that of a neighbour.
    return this.#closesNext(panes[behind - 1], end) || this.#closesNext(panes[behind], end);
  }

  #closesNext(pane: Pane<A> | undefined, end: number): boolean {
    return pane !== undefined && this.#nextEnd(pane.start) === end;
  }

  /** End of the next window that contains the pane. */
  #nextEnd(pane: number): number {
    let end = firstWindowEnd(this.assigner, pane);
    while (end - 1 <= this.closedThrough) end = nextWindowEnd(this.assigner, end);
    return end;
  }

  // Closing

  protected fire(timer: Timer): void {
    const window = this.windowOf(timer);
    this.closeWindow(window);
    this.#emit(timer.key, window);
    this.#dropPanes(timer.key, window);
  }

  /** The window has closed although its result could not be made: it must not hold its panes for ever. */
  protected override abandon(timer: Timer): void {
    this.#dropPanes(timer.key, this.windowOf(timer));
  }

  /** Emits the result, if any of the panes holds something. */
  #emit(key: unknown, window: Window): void {
    const { aggregate } = this;
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
  #dropPanes(key: unknown, { end }: Window): void {
    const next = this.#windowBehind(end);
    this.#panes.dropBelow(next.start);
    const panes = this.#panes.panes();
    let left = 0;
    while (left < panes.length && (panes[left] as Pane<A>).start < end) left++;
    // A pane behind this window set that timer when it began, if it is in the next one.
    const isSet = this.inEventTime && left < panes.length && (panes[left] as Pane<A>).start < next.end;
    if (left > 0 && !isSet) this.setTimer(key, next.end);
  }

  #windowBehind(end: number): Window {
    if (this.#closedEnd !== end) {
      this.#closedEnd = end;
      const nextEnd = nextWindowEnd(this.assigner, end);
      this.#next = { start: windowStart(this.assigner, nextEnd), end: nextEnd };
    }
    return this.#next;
  }

  #detached(accumulator: A): A {
    return typeof accumulator === "object" && accumulator !== null
      ? this.#codec.decode(this.#codec.encode(accumulator))
      : accumulator;
  }
}
