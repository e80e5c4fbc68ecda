// filter — keeps the records that a predicate accepts. Step 4 of the walk (ARCHITECTURE.md).
import type { Batch } from "../core/batch.ts";
import { selectRecords } from "./derived-batch.ts";
import type { Operator, OperatorContext } from "./operator.ts";
import type { RecordContext } from "./record-context.ts";
import { AsyncFunctionError, StatelessOperator } from "./stateless-operator.ts";

export type FilterFunction<T> = (record: T, context: RecordContext) => boolean;

/**
 * Passes on the records for which `fn` returns something truthy; a batch that passes whole is passed on as it is.
 *
 * A record whose function throws is handled by the operator's `onError` policy and does not pass.
 */
export function filterOperator<T>(fn: FilterFunction<T>): (context: OperatorContext) => Operator {
  return (context) => new FilterOperator(context, fn as FilterFunction<unknown>);
}

class FilterOperator extends StatelessOperator<FilterFunction<unknown>> {
  protected process(batch: Batch): Batch | undefined {
    const { fn, cursor } = this;
    const { values } = batch;
    const length = values.length;
    const kept: number[] = [];
    let index = 0;
    let verdict: unknown = false;
    while (index < length) {
      try {
        if (fn.length === 1) {
          const alone = fn as (record: unknown) => unknown;
          for (; index < length; index++) {
            verdict = alone(values[index]);
            if (verdict) kept.push(index);
          }
        } else {
          for (; index < length; index++) {
            cursor.index = index;
            verdict = fn(values[index], cursor);
            if (verdict) kept.push(index);
          }
        }
      } catch (error) {
        this.fail(error, batch, index);
        index++;
      }
    }
    // A promise is truthy: an async predicate would let everything through.
    if (verdict instanceof Promise) throw new AsyncFunctionError(this.context.operator, "filter");
    if (kept.length === length) return length === 0 ? undefined : batch;
    return kept.length === 0 ? undefined : selectRecords(batch, kept);
  }
}
