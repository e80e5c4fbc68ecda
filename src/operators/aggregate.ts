// aggregate — folds all records of a key, the result so far emitted after every record. Step 4 of the walk (ARCHITECTURE.md).
import { type Aggregate, NoAccumulatorError } from "../core/aggregate.ts";
import type { Batch } from "../core/batch.ts";
import { type Codec, msgpackCodec } from "../core/codec.ts";
import { InvariantError } from "../core/errors.ts";
import type { ValueCells } from "../state/value-state.ts";
import { KeyedOperatorBase } from "./keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "./operator.ts";

/** A result and the key that it belongs to. */
export interface KeyedValue<K, R> {
  readonly key: K;
  readonly value: R;
}

export interface AggregateDefinition<T, A, R> {
  readonly aggregate: Aggregate<T, A, R>;
  /** How an accumulator is stored. Default: the aggregate's codec, else MessagePack for any plain data. */
  readonly codec?: Codec<A> | undefined;
}

/** Emits `{ key, value }` for every record, with the record's timestamp. */
export function aggregateOperator<T, A, R>(
  definition: AggregateDefinition<T, A, R>,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new AggregateOperator(context, definition);
}

class AggregateOperator<T, A, R> extends KeyedOperatorBase {
  readonly #aggregate: Aggregate<T, A, R>;
  readonly #codec: Codec<A>;
  readonly #accumulator: ValueCells<A>;

  constructor(context: KeyedOperatorContext, definition: AggregateDefinition<T, A, R>) {
    super(context);
    this.#aggregate = definition.aggregate;
    this.#codec = definition.codec ?? definition.aggregate.codec ?? (msgpackCodec as Codec<A>);
    this.#accumulator = this.state.addCells("accumulator", this.#codec);
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    const aggregate = this.#aggregate;
    const cells = this.#accumulator;
    const immutable = aggregate.immutable === true;
    const { output } = this;
    for (let i = from; i < values.length; i++) {
      const key = keys[i];
      this.beginRecord(i, key);
      const current = (immutable ? cells.peek() : cells.get()) ?? aggregate.create();
      const next = aggregate.add(current, values[i] as T);
      if (next === undefined) throw new NoAccumulatorError(this.context.operator, "the aggregate's add");
      cells.set(next);
      const result: unknown = aggregate.result(next);
      const value = result === next && !immutable ? this.#detached(next) : result;
      output.emit({ key, value }, timestamps === undefined ? undefined : timestamps[i]);
    }
  }

  /** The accumulator itself was emitted, and the next record may change it in place. */
  #detached(accumulator: A): unknown {
    return typeof accumulator === "object" && accumulator !== null
      ? this.#codec.decode(this.#codec.encode(accumulator))
      : accumulator;
  }

  protected fire(): void {
    throw new InvariantError("an aggregate operator sets no timers", { operator: this.context.operator });
  }
}
