// aggregateChanges — an aggregate over the rows of each key while rows come and go. Step 4 of the walk (ARCHITECTURE.md).
//
// Owns:      the number of rows, which says when there is nothing left to have a result.
//
// Laws (docs/laws.md)
//   R4  After any record, the changes emitted so far, applied in order, give for each key that has rows the aggregate of
//       those rows, and nothing for the others; never is a result taken away that is not there. Also after stops and
//       restores.
import { isDeepStrictEqual } from "node:util";
import type { Aggregate } from "../../core/aggregate.ts";
import type { Batch } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { InvariantError } from "../../core/errors.ts";
import type { ValueCells } from "../../state/value-state.ts";
import { type ChangeOp, isAddition } from "../change.ts";
import { DecodedKey, type DecodeKey } from "../joins/join-context.ts";
import { isChange } from "../joins/row.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { createRetractable, type Retractable } from "./retractable.ts";
import { RowNotFoundError } from "./row-errors.ts";

export interface AggregateChangesDefinition {
  // biome-ignore lint/suspicious/noExplicitAny: the types of rows and results met where the user called
  readonly aggregate: Aggregate<any, any, any>;
  readonly decodeKey?: DecodeKey;
}

/** Emits changes of `{ key, value }`, with the timestamp of the record that caused them, when the result differs. */
export function aggregateChangesOperator(
  definition: AggregateChangesDefinition,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new AggregateChangesOperator(context, definition);
}

class AggregateChangesOperator extends KeyedOperatorBase {
  readonly #rows: ValueCells<number>;
  readonly #aggregate: Retractable;
  readonly #decoded: DecodedKey;

  constructor(context: KeyedOperatorContext, { aggregate, decodeKey }: AggregateChangesDefinition) {
    super(context);
    this.#rows = this.state.addCells("rows", msgpackCodec as Codec<number>);
    this.#aggregate = createRetractable(this.state, context.operator, aggregate);
    this.#decoded = new DecodedKey(decodeKey);
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    for (let i = from; i < values.length; i++) {
      const key = keys[i];
      this.beginRecord(i, key);
      const record = values[i];
      const timestamp = timestamps === undefined ? undefined : timestamps[i];
      if (!isChange(record)) this.#add(record, key, timestamp);
      else if (isAddition(record)) this.#add(record.row, key, timestamp);
      else this.#retract(record.row, key, timestamp);
    }
  }

  #add(row: unknown, key: unknown, timestamp: number | undefined): void {
    const rows = this.#rows.peek() ?? 0;
    const before = rows === 0 ? undefined : this.#aggregate.result();
    this.#aggregate.add(row);
    this.#rows.set(rows + 1);
    const after = this.#aggregate.result();
    if (rows === 0) this.#emit("+I", key, after, timestamp);
    else this.#emitUpdate(key, before, after, timestamp);
  }

  #retract(row: unknown, key: unknown, timestamp: number | undefined): void {
    const rows = this.#rows.peek() ?? 0;
    if (rows === 0) throw new RowNotFoundError(this.context.operator, row);
    const before = this.#aggregate.result();
    if (rows > 1) {
      this.#aggregate.retract(row);
      this.#rows.set(rows - 1);
      this.#emitUpdate(key, before, this.#aggregate.result(), timestamp);
      return;
    }
    // What rounding left in the accumulator goes with the last row.
    this.#aggregate.clear();
    this.#rows.clear();
    this.#emit("-D", key, before, timestamp);
  }

  #emitUpdate(key: unknown, before: unknown, after: unknown, timestamp: number | undefined): void {
    if (isDeepStrictEqual(before, after)) return;
    this.#emit("-U", key, before, timestamp);
    this.#emit("+U", key, after, timestamp);
  }

  #emit(op: ChangeOp, key: unknown, value: unknown, timestamp: number | undefined): void {
    this.output.emit({ op, row: { key: this.#decoded.of(key), value } }, timestamp);
  }

  protected fire(): void {
    throw new InvariantError("an aggregate over changes sets no timers", { operator: this.context.operator });
  }
}
