// Aggregate — the contract of a fold: records go into accumulators, accumulators are merged, a result is read off.
// The ready ones stand in operators/aggregates.ts.
import type { Codec } from "./codec.ts";
import { EngineError } from "./errors.ts";

/** What can be ordered by `<`. */
export type Ordered = number | string | bigint;

/** A result that is read off the first record in an order: how an aggregate forgets that keeps only the best one. */
export interface Extreme<T> {
  by(record: T): Ordered;
  readonly order: "asc" | "desc";
  /** The result is the record itself instead of what it is ordered by. */
  readonly ofRecord: boolean;
}

/** Folds records of type T through accumulators of type A to results of type R. */
export interface Aggregate<T, A, R> {
  /** The accumulator of no records: merging with it changes nothing. */
  create(): A;
  /** May change `accumulator` and return it. Never undefined. */
  add(accumulator: A, record: T): A;
  /** May change and return `a`; must not change `b`, nor keep parts of it that `add` changes in place. */
  merge(a: A, b: A): A;
  result(accumulator: A): R;
  /**
   * Takes back a record that was added before, for inputs of changes. May change `accumulator` and return it. The result
   * must not depend on the order in which the remaining records were added.
   */
  retract?(accumulator: A, record: T): A;
  /** Instead of {@link retract}, where the accumulator does not know what comes after the record taken back. */
  readonly extreme?: Extreme<T> | undefined;
  /** The aggregates by name of which it is made, where each forgets in its own way. */
  // biome-ignore lint/suspicious/noExplicitAny: records and results of the parts differ
  readonly parts?: Readonly<Record<string, Aggregate<any, any, any>>> | undefined;
  /** How an accumulator is stored. Default: MessagePack for any plain data. */
  readonly codec?: Codec<A> | undefined;
  /** `add` and `merge` never change an accumulator but return another one: the engine then makes no copies of it. */
  readonly immutable?: boolean | undefined;
}

/** A function that must return the next accumulator returned undefined. */
export class NoAccumulatorError extends EngineError<"NO_ACCUMULATOR"> {
  constructor(operator: string, what: string) {
    super(
      "NO_ACCUMULATOR",
      `operator "${operator}": ${what} returned undefined; return the combined value, also when it did not change`,
      { details: { operator, function: what } },
    );
  }
}
