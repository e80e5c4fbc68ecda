// joinLatest — joins each record with the row that the other stream brought last for its key. Step 4 of the walk (ARCHITECTURE.md).
//
// Only the right side is state: one row per key. Which row a record meets depends on the order of arrival; where event
// time should decide, temporalJoin does.
import type { Batch } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { InvariantError } from "../../core/errors.ts";
import type { ValueCells } from "../../state/value-state.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { TwoInputOperator } from "../two-input-operator.ts";
import { type AnyJoinFunction, CurrentJoin, type DecodeKey } from "./join-context.ts";
import { isRemoval, rowOf } from "./row.ts";

export interface LatestJoinDefinition {
  /** `left`: records without a row are emitted, too. */
  readonly kind: "inner" | "left";
  readonly join: AnyJoinFunction;
  readonly decodeKey?: DecodeKey;
}

interface Latest {
  readonly row: unknown;
  readonly timestamp: number | undefined;
}

/**
 * Emits what `join` makes of a record at once, with the record's timestamp. The right side brings rows, or changes: `-D`
 * and `-U` remove the key's row.
 */
export function latestJoinOperator(
  definition: LatestJoinDefinition,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new LatestJoinOperator(context, definition);
}

class LatestJoinOperator extends TwoInputOperator {
  readonly #latest: ValueCells<Latest>;
  readonly #outer: boolean;
  readonly #join: AnyJoinFunction;
  readonly #current: CurrentJoin;

  constructor(context: KeyedOperatorContext, definition: LatestJoinDefinition) {
    super(context);
    this.#latest = this.state.addCells("latest", msgpackCodec as Codec<Latest>);
    this.#outer = definition.kind === "left";
    this.#join = definition.join;
    this.#current = new CurrentJoin(() => this.state.key, definition.decodeKey);
  }

  /** Hot. */
  protected runFirst({ keys, values, timestamps }: Batch, from: number): void {
    const current = this.#current;
    for (let i = from; i < values.length; i++) {
      this.beginRecord(i, (keys as unknown[])[i]);
      const latest = this.#latest.peek();
      if (latest === undefined && !this.#outer) continue;
      const timestamp = timestamps?.[i];
      current.timestamp = timestamp;
      current.leftTimestamp = timestamp;
      current.rightTimestamp = latest?.timestamp;
      const result = this.#join(values[i], latest?.row, current);
      this.refusePromise(result, "the join function");
      this.output.emit(result, timestamp);
    }
  }

  protected runSecond({ keys, values, timestamps }: Batch, from: number): void {
    for (let i = from; i < values.length; i++) {
      this.beginRecord(i, (keys as unknown[])[i]);
      const record = values[i];
      if (isRemoval(record)) this.#latest.clear();
      else this.#latest.set({ row: rowOf(record), timestamp: timestamps?.[i] });
    }
  }

  protected fire(): void {
    throw new InvariantError("a join with the latest row sets no timers", {
      operator: this.context.operator,
    });
  }
}
