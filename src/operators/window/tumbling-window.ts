// tumbling window — windows that follow each other and emit once, when they close. Step 4 of the walk (ARCHITECTURE.md).
//
// The accumulator of a window is addressed by (window start, key). Overlapping windows are sliced-window.ts.
//
// Owns:      the accumulators, and which windows have a timer.
// Does not:  know what is late (aligned-window.ts), or windows that emit more than once (general-window.ts).
//
// Invariant: a window is stored if, and only if, a timer for its end is, in the same commit.
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
import { type AlignedAssigner, paneOf } from "../../time/windows.ts";
import type { KeyedOperatorContext } from "../operator.ts";
import { AlignedWindowOperator } from "./aligned-window.ts";

export class TumblingWindowOperator<T, A, R> extends AlignedWindowOperator<T, A, R> {
  /** In namespaces by the start of the window, which is its only pane. */
  readonly #panes: ValueCells<A>;

  constructor(context: KeyedOperatorContext, assigner: AlignedAssigner, aggregate: Aggregate<T, A, R>) {
    super(context, assigner, aggregate);
    this.#panes = this.state.addCells("accumulator", aggregate.codec ?? (msgpackCodec as Codec<A>));
    this.#assumeNewPanesAreEmpty();
  }

  /** By the invariant no window is stored behind the last one that has a timer: new ones need no fetch. */
  #assumeNewPanesAreEmpty(): void {
    if (this.context.startsEmpty) return;
    let last = Number.NEGATIVE_INFINITY;
    this.timers.forEach((timer) => {
      last = Math.max(last, paneOf(this.assigner, this.endOf(timer) - 1));
    });
    this.#panes.assumeCompleteAbove(last);
  }

  // Records

  protected onPane(pane: number): void {
    this.#panes.useNamespace(pane);
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
        this.setTimer(key, this.paneEnd);
        accumulator = aggregate.create();
      }
      const next = aggregate.add(accumulator as A, values[i] as T);
      if (next === undefined) throw new NoAccumulatorError(this.context.operator, "the aggregate's add");
      panes.set(next);
    }
  }

  // Closing

  protected override wantTimer(timer: Timer): void {
    this.#useWindowOf(timer);
    this.#panes.want(timer.key);
  }

  protected override isReady(timer: Timer): boolean {
    if (this.#panes.allComplete) return true;
    this.#useWindowOf(timer);
    return this.#panes.knows(timer.key);
  }

  protected fire(timer: Timer): void {
    const window = this.windowOf(timer);
    this.closeWindow(window);
    this.#panes.useNamespace(window.start);
    const accumulator = this.#panes.peek();
    if (accumulator !== undefined) {
      const value = this.aggregate.result(accumulator);
      this.output.emit({ key: timer.key, value, window }, window.end - 1);
    }
    this.#panes.clear();
  }

  /** The window has closed although its result could not be made: it must not hold its accumulator for ever. */
  protected override abandon(timer: Timer): void {
    this.#useWindowOf(timer);
    this.#panes.clear();
  }

  #useWindowOf(timer: Timer): void {
    this.forgetPane();
    this.#panes.useNamespace(this.windowOf(timer).start);
  }
}
