// count window — the last `size` records of a key, for every `every` of them. Step 4 of the walk (ARCHITECTURE.md).
//
// Records of a key are numbered in the order of arrival, and the numbers are cut into panes as time is for sliding windows
// (src/time/windows.ts): a record is folded once, however many windows it is in.
//
// Law W11  (docs/laws.md) Every `every`-th record of a key emits the fold of the last `size` records, or of all while there
//          are fewer, whatever is restarted in between.
import { type Aggregate, NoAccumulatorError } from "../../core/aggregate.ts";
import type { Batch } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { InvariantError } from "../../core/errors.ts";
import { ListCells } from "../../state/list-state.ts";
import { MapCells } from "../../state/map-state.ts";
import type { ValueCells } from "../../state/value-state.ts";
import type { CountAssigner } from "../../time/count-windows.ts";
import { ALL_OF_TIME } from "../../time/window.ts";
import { type AlignedAssigner, lastWindowEnd, paneOf, panesOfWindow, sliding } from "../../time/windows.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperatorContext } from "../operator.ts";
import { AppliedFunction } from "./applied-function.ts";
import type { WindowFunction } from "./window-function.ts";

abstract class CountWindowBase extends KeyedOperatorBase {
  readonly #seen: ValueCells<number>;
  readonly #size: number;
  readonly #every: number;

  constructor(context: KeyedOperatorContext, { size, every }: CountAssigner) {
    super(context);
    this.#size = size;
    this.#every = every;
    this.#seen = this.state.addCells("seen", msgpackCodec as Codec<number>);
  }

  /** @param number of the record in its key */
  protected abstract add(number: number, record: unknown): void;
  /** Emits the window that ends before the record with this number, and forgets what no later window needs. */
  protected abstract complete(end: number, timestamp: number | undefined): void;

  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    const size = this.#size;
    const every = this.#every;
    for (let i = from; i < values.length; i++) {
      this.beginRecord(i, keys[i]);
      const number = this.#seen.peek() ?? 0;
      const left = every - (number % every);
      // Of windows that are further apart than they are long, the first records are in none.
      if (left <= size) this.add(number, values[i]);
      // A window that shares no record with the next one leaves nothing behind.
      this.#seen.set(left === 1 && every >= size ? undefined : number + 1);
      if (left === 1) this.complete(number + 1, timestamps?.[i]);
    }
  }

  protected fire(): void {
    throw new InvariantError("a count window sets no timers", { operator: this.context.operator });
  }
}

/** Folds the records of each pane, and merges the panes of a window that is complete. */
export class CountAggregateOperator<T, A, R> extends CountWindowBase {
  readonly #aggregate: Aggregate<T, A, R>;
  readonly #codec: Codec<A>;
  readonly #panes: MapCells<number, A>;
  /** Numbers of records cut like time; undefined for windows that share no record: they are their only pane. */
  readonly #numbers: AlignedAssigner | undefined;

  constructor(context: KeyedOperatorContext, assigner: CountAssigner, aggregate: Aggregate<T, A, R>) {
    super(context, assigner);
    const { size, every } = assigner;
    this.#aggregate = aggregate;
    this.#codec = aggregate.codec ?? (msgpackCodec as Codec<A>);
    this.#panes = this.state.addCellsOf(
      (scope, startsEmpty) => new MapCells(scope, "accumulators", this.#codec as Codec<unknown>, startsEmpty),
    );
    this.#numbers = every < size ? sliding(size, every, { offset: -size }) : undefined;
  }

  protected add(number: number, record: unknown): void {
    const aggregate = this.#aggregate;
    const panes = this.#panes;
    const pane = this.#numbers === undefined ? 0 : paneOf(this.#numbers, number);
    const current = aggregate.immutable === true ? panes.peek(pane) : panes.get(pane);
    const next = aggregate.add(current === undefined ? aggregate.create() : current, record as T);
    if (next === undefined) throw new NoAccumulatorError(this.context.operator, "the aggregate's add");
    panes.set(pane, next);
  }

  protected complete(end: number, timestamp: number | undefined): void {
    const aggregate = this.#aggregate;
    const starts = this.#numbers === undefined ? [0] : panesOfWindow(this.#numbers, end);
    // What is merged or given away must not change while later windows need it.
    const copies = this.#numbers !== undefined && aggregate.immutable !== true;
    let merged: A | undefined;
    for (const pane of starts) {
      const accumulator = this.#panes.peek(pane);
      if (accumulator === undefined) continue;
      if (merged === undefined)
        merged = copies ? this.#codec.decode(this.#codec.encode(accumulator)) : accumulator;
      else merged = aggregate.merge(merged, accumulator);
    }
    if (merged !== undefined) {
      const value = aggregate.result(merged);
      this.output.emit({ key: this.state.key, value, window: ALL_OF_TIME }, timestamp);
    }
    for (const pane of starts)
      if (this.#numbers === undefined || lastWindowEnd(this.#numbers, pane) <= end) this.#panes.delete(pane);
  }
}

/** Keeps the records, and hands a window that is complete to a function. */
export class CountApplyOperator extends CountWindowBase {
  readonly #function: AppliedFunction;
  readonly #records: ListCells<unknown>;
  readonly #size: number;
  /** Records of a complete window that the next one needs. */
  readonly #shared: number;

  constructor(
    context: KeyedOperatorContext,
    { size, every }: CountAssigner,
    apply: WindowFunction<unknown, unknown, unknown>,
  ) {
    super(context, { kind: "count", time: undefined, size, every });
    this.#function = new AppliedFunction(apply, this.contextPort(), (made) =>
      this.refusePromise(made, "apply"),
    );
    this.#size = size;
    this.#shared = Math.max(0, size - every);
    this.#records = this.state.addCellsOf(
      (scope, startsEmpty) => new ListCells<unknown>(scope, "records", msgpackCodec, startsEmpty),
    );
  }

  protected add(_number: number, record: unknown): void {
    this.#records.append(record);
  }

  protected complete(_end: number, timestamp: number | undefined): void {
    const all = this.#records.peek();
    const { current } = this.#function;
    current.watermark = this.watermark;
    current.nowMs = this.nowMs;
    current.timestamp = timestamp;
    this.#function.emit(this.state.key, ALL_OF_TIME, all.slice(-this.#size));
    if (this.#shared === 0) this.#records.clear();
    else if (all.length > this.#shared) this.#records.update(all.slice(-this.#shared));
  }
}
