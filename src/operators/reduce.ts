// reduce — combines all records of a key into one, emitted after every record. Step 4 of the walk (ARCHITECTURE.md).
import { NoAccumulatorError } from "../core/aggregate.ts";
import type { Batch } from "../core/batch.ts";
import { type Codec, msgpackCodec } from "../core/codec.ts";
import { InvariantError } from "../core/errors.ts";
import type { ValueCells } from "../state/value-state.ts";
import { KeyedOperatorBase } from "./keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "./operator.ts";

export interface ReduceDefinition<T> {
  /** The combination so far and the next record; the first record of a key is its first combination. */
  readonly reduce: (accumulated: T, record: T) => T;
  /** How a combination is stored. Default: MessagePack for any plain data. */
  readonly codec?: Codec<T> | undefined;
}

/** Emits the new combination for every record, with the record's timestamp. */
export function reduceOperator<T>(
  definition: ReduceDefinition<T>,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new ReduceOperator(context, definition);
}

class ReduceOperator<T> extends KeyedOperatorBase {
  readonly #reduce: (accumulated: T, record: T) => T;
  readonly #reduced: ValueCells<T>;

  constructor(context: KeyedOperatorContext, definition: ReduceDefinition<T>) {
    super(context);
    this.#reduce = definition.reduce;
    this.#reduced = this.state.addCells("reduced", definition.codec ?? (msgpackCodec as Codec<T>));
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    const reduce = this.#reduce;
    const reduced = this.#reduced;
    const { output } = this;
    for (let i = from; i < values.length; i++) {
      this.beginRecord(i, keys[i]);
      const record = values[i] as T;
      const current = reduced.get();
      const next = current === undefined ? record : reduce(current, record);
      if (next === undefined) throw new NoAccumulatorError(this.context.operator, "the reduce function");
      reduced.set(next);
      output.emit(next, timestamps === undefined ? undefined : timestamps[i]);
    }
  }

  protected fire(): void {
    throw new InvariantError("a reduce operator sets no timers", { operator: this.context.operator });
  }
}
