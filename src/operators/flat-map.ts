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
  constructor(operator: string, result: unknown, kind: string) {
    const shown = result === null ? "null" : typeof result;
    super(
      "NOT_ITERABLE",
      `operator "${operator}": the function of ${kind} returned ${shown}; return an array (empty for no record) or another iterable`,
      { details: { operator, result: shown } },
    );
  }
}

/**
 * What a function that makes any number of records returned.
 *
 * @param kind of the function, for messages
 * @throws {NotIterableError}
 */
export function iterableOf(made: unknown, operator: string, kind: string): Iterable<unknown> {
  if (made === null || made === undefined || !(Symbol.iterator in Object(made)))
    throw new NotIterableError(operator, made, kind);
  return made as Iterable<unknown>;
}

/**
 * Replaces every record by the records that `fn` returns; each has the timestamp of the record it was made of.
 *
 * A record whose function (or iterable) throws is handled by the operator's `onError` policy and leaves no record.
 */
export function flatMapOperator<T, R>(fn: FlatMapFunction<T, R>): (context: OperatorContext) => Operator {
  return (context) => new FlatMapOperator(context, fn as FlatMapFunction<unknown, unknown>);
}

class FlatMapOperator extends StatelessOperator<FlatMapFunction<unknown, unknown>> {
  protected process(batch: Batch): Batch | undefined {
    const { fn, cursor } = this;
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
    for (const value of iterableOf(made, this.context.operator, "flatMap")) into.push(value);
  }
}
