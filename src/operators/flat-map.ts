// flatMap — one record in, any number of records out. Step 4 of the walk (ARCHITECTURE.md).
import type { Batch } from "../core/batch.ts";
import { EngineError } from "../core/errors.ts";
import { deriveBatch } from "./derived-batch.ts";
import type { Operator, OperatorContext } from "./operator.ts";
import type { RecordContext } from "./record-context.ts";
import { AsyncFunctionError, StatelessOperator } from "./stateless-operator.ts";

/** Arrays are the fast path; generators and other iterables work as well. */
export type FlatMapFunction<T, R> = (record: T, context: RecordContext) => Iterable<R>;

/** A function that makes any number of records returned something that cannot be iterated. */
export class NotIterableError extends EngineError<"NOT_ITERABLE"> {
  constructor(operator: string, result: unknown, kind = "flatMap") {
    const shown = result === null ? "null" : typeof result;
    super(
      "NOT_ITERABLE",
      `operator "${operator}": the function of ${kind} returned ${shown}; return an array (empty for no record) or another iterable`,
      { details: { operator, result: shown } },
    );
  }
}

/**
 * Replaces every record by the records that `fn` returns; each has the timestamp of the record it was made of.
 *
 * A record whose function (or iterable) throws is handled by the operator's `onError` policy and leaves no record.
 */
export function flatMapOperator<T, R>(fn: FlatMapFunction<T, R>): (context: OperatorContext) => Operator {
  return (context) => new FlatMapOperator(context, fn as FlatMapFunction<unknown, unknown>);
}

class FlatMapOperator extends StatelessOperator {
  readonly #fn: FlatMapFunction<unknown, unknown>;

  constructor(context: OperatorContext, fn: FlatMapFunction<unknown, unknown>) {
    super(context);
    this.#fn = fn;
  }

  protected process(batch: Batch): Batch | undefined {
    const fn = this.#fn;
    const { cursor } = this;
    const { values } = batch;
    const length = values.length;
    const results: unknown[] = [];
    const sources: number[] = [];
    let index = 0;
    let complete = 0; // results of the records before the current one
    while (index < length) {
      try {
        for (; index < length; index++) {
          cursor.index = index;
          const made = fn(values[index], cursor);
          if (Array.isArray(made)) {
            for (let i = 0; i < made.length; i++) results.push(made[i]);
          } else {
            this.#expand(made, results);
          }
          while (sources.length < results.length) sources.push(index);
          complete = results.length;
        }
      } catch (error) {
        results.length = complete;
        this.fail(error, batch, index);
        index++;
      }
    }
    return results.length === 0 ? undefined : deriveBatch(batch, results, sources);
  }

  #expand(made: unknown, into: unknown[]): void {
    if (made instanceof Promise) throw new AsyncFunctionError(this.context.operator, "flatMap");
    if (made === null || made === undefined || !(Symbol.iterator in Object(made)))
      throw new NotIterableError(this.context.operator, made);
    for (const value of made as Iterable<unknown>) into.push(value);
  }
}
