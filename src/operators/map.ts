// map — one record in, one record out. Step 4 of the walk (ARCHITECTURE.md).
import type { Batch } from "../core/batch.ts";
import { deriveBatch } from "./derived-batch.ts";
import type { Operator, OperatorContext } from "./operator.ts";
import type { RecordContext } from "./record-context.ts";
import { AsyncFunctionError, StatelessOperator } from "./stateless-operator.ts";

export type MapFunction<T, R> = (record: T, context: RecordContext) => R;

/**
 * Replaces every record by the result of `fn`; the timestamp stays.
 *
 * A record whose function throws is handled by the operator's `onError` policy and has no result.
 */
export function mapOperator<T, R>(fn: MapFunction<T, R>): (context: OperatorContext) => Operator {
  return (context) => new MapOperator(context, fn as MapFunction<unknown, unknown>);
}

class MapOperator extends StatelessOperator<MapFunction<unknown, unknown>> {
  protected process(batch: Batch): Batch | undefined {
    const { fn, cursor } = this;
    const { values } = batch;
    const length = values.length;
    const results = new Array<unknown>(length);
    let kept: number[] | undefined; // indices of records with a result; undefined while that is all of them
    let index = 0;
    let next = 0; // where the next result goes
    while (index < length) {
      try {
        if (fn.length === 1) {
          const alone = fn as (record: unknown) => unknown;
          for (; index < length; index++) {
            results[next] = alone(values[index]);
            next++;
            kept?.push(index);
          }
        } else {
          for (; index < length; index++) {
            cursor.index = index;
            results[next] = fn(values[index], cursor);
            next++;
            kept?.push(index);
          }
        }
      } catch (error) {
        kept ??= Array.from({ length: index }, (_, i) => i);
        this.fail(error, batch, index);
        index++;
      }
    }
    if (next === 0) return undefined;
    if (results[0] instanceof Promise) throw new AsyncFunctionError(this.context.operator, "map");
    if (kept !== undefined) {
      results.length = next;
      return deriveBatch(batch, results, kept);
    }
    return {
      values: results,
      timestamps: batch.timestamps,
      keys: undefined,
      ingestMs: batch.ingestMs,
      traces: batch.traces,
    };
  }
}
