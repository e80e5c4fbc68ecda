// AggregatingState — one accumulator per key, written record by record and read through its aggregate's result.
import { type Aggregate, NoAccumulatorError } from "../core/aggregate.ts";
import type { ValueState } from "./value-state.ts";

/** An accumulator under the current key. */
export interface AggregatingState<T, R> {
  /** The result over all that was added; undefined when that is nothing. */
  get(): R | undefined;
  /** Folds a record in. @throws {NoAccumulatorError} when the aggregate's `add` returns undefined */
  add(record: T): void;
  clear(): void;
}

/** Folds into any value state, with or without a time to live. */
export class AggregatingOverValue<T, A, R> implements AggregatingState<T, R> {
  readonly #operator: string;
  readonly #value: ValueState<A>;
  readonly #aggregate: Aggregate<T, A, R>;
  readonly #copy: (accumulator: A) => A;

  /** @param copy of an accumulator that was handed out, through its codec */
  constructor(
    operator: string,
    value: ValueState<A>,
    aggregate: Aggregate<T, A, R>,
    copy: (accumulator: A) => A,
  ) {
    this.#operator = operator;
    this.#value = value;
    this.#aggregate = aggregate;
    this.#copy = copy;
  }

  get(): R | undefined {
    const accumulator = this.#read();
    if (accumulator === undefined) return undefined;
    const result: unknown = this.#aggregate.result(accumulator);
    // The accumulator itself: the user may change it, and so may the next record that is added.
    const own = result === accumulator && this.#aggregate.immutable !== true;
    return (own ? this.#copy(accumulator) : result) as R;
  }

  add(record: T): void {
    const aggregate = this.#aggregate;
    const next = aggregate.add(this.#read() ?? aggregate.create(), record);
    if (next === undefined) throw new NoAccumulatorError(this.#operator, "the aggregate's add");
    this.#value.set(next);
  }

  /** What the aggregate never changes in place needs no copy to do it on. */
  #read(): A | undefined {
    return this.#aggregate.immutable === true ? (this.#value.peek() as A | undefined) : this.#value.get();
  }

  clear(): void {
    this.#value.clear();
  }
}
