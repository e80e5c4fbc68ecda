// deduplicate — one record of each key: the first or the last one, by event time or by arrival.
// Step 4 of the walk (ARCHITECTURE.md).
//
// The best row so far stands alone in state when rows are only ever added. A row that can be taken away again makes way
// for the next best one, so then all of them are kept, in order.
//
// Laws (docs/laws.md)
//   R3  What deduplicate emits is, for each key, the first or last record by event time or arrival: as changes, of those
//       that came so far; as appended records, once, of those that were not late. Also after stops and restores.
import { isDeepStrictEqual } from "node:util";
import { type Batch, MAX_WATERMARK } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { insert, isAddition, remove, updateAfter, updateBefore } from "../change.ts";
import { afterWatermark } from "../event-time.ts";
import { isChange } from "../joins/row.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { RowNotFoundError } from "./row-errors.ts";
import { SortedRows } from "./sorted-rows.ts";

export interface DeduplicateDefinition {
  readonly keep: "first" | "last";
  /** Of two records with the same event time the first, or last, to arrive counts. */
  readonly by: "eventTime" | "arrival";
  /** Whether the row is emitted when the input ends, instead of every change of it. */
  readonly atEnd: boolean;
}

interface Item {
  /** Event time; 0 where rows stand in the order of arrival. */
  readonly at: number;
  readonly row: unknown;
}

/**
 * Emits a change whenever the row of a key becomes another one, with the timestamp of the record that caused it; or the
 * last state of the row when the input ends.
 */
export function deduplicateOperator(
  definition: DeduplicateDefinition,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new DeduplicateOperator(context, definition);
}

class DeduplicateOperator extends KeyedOperatorBase {
  readonly #keepsFirst: boolean;
  readonly #byTime: boolean;
  readonly #atEnd: boolean;
  readonly #rows: SortedRows<Item>;

  constructor(context: KeyedOperatorContext, { keep, by, atEnd }: DeduplicateDefinition) {
    super(context);
    this.#keepsFirst = keep === "first";
    this.#byTime = by === "eventTime";
    this.#atEnd = atEnd;
    const entries = this.state.addMapCells<number, readonly unknown[]>(
      "rows",
      msgpackCodec as Codec<readonly unknown[]>,
    );
    this.#rows = new SortedRows(entries, (a, b) => a.at - b.at);
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    for (let i = from; i < values.length; i++) {
      const key = keys[i];
      this.beginRecord(i, key);
      const record = values[i];
      const timestamp = timestamps?.[i];
      if (!isChange(record)) this.#offer(this.#itemOf(record, timestamp), timestamp);
      else if (isAddition(record)) this.#add(this.#itemOf(record.row, timestamp), timestamp);
      else this.#takeBack(record.row, timestamp);
      if (this.#atEnd && this.#rows.size > 0) this.eventTimers.register(undefined, key, MAX_WATERMARK);
    }
  }

  #itemOf(row: unknown, timestamp: number | undefined): Item {
    return { at: this.#byTime ? this.timestampOf(timestamp) : 0, row };
  }

  /** A record that stays: only the best one is kept. */
  #offer(item: Item, timestamp: number | undefined): void {
    const best = this.#best();
    if (best === undefined) this.#rows.insert(0, item);
    else if (this.#keepsFirst ? item.at < best.at : item.at >= best.at) this.#rows.replace(0, item);
    else return;
    this.#emitChange(best, item, timestamp);
  }

  #add(item: Item, timestamp: number | undefined): void {
    const before = this.#best();
    this.#rows.insert(this.#rows.upper(item), item);
    this.#emitChange(before, this.#best(), timestamp);
  }

  /** The change brings a time of its own, so the row is looked for by what it is; recent ones first. */
  #takeBack(row: unknown, timestamp: number | undefined): void {
    const rows = this.#rows;
    const before = this.#best();
    let position = rows.size - 1;
    while (position >= 0 && !isDeepStrictEqual(rows.at(position).row, row)) position--;
    if (position < 0) throw new RowNotFoundError(this.context.operator, row);
    rows.remove(position);
    this.#emitChange(before, this.#best(), timestamp);
  }

  #best(): Item | undefined {
    const { size } = this.#rows;
    return size === 0 ? undefined : this.#rows.at(this.#keepsFirst ? 0 : size - 1);
  }

  #emitChange(before: Item | undefined, after: Item | undefined, timestamp: number | undefined): void {
    if (this.#atEnd || before === after) return;
    if (before === undefined) this.output.emit(insert(after?.row), timestamp);
    else if (after === undefined) this.output.emit(remove(before.row), timestamp);
    else if (!isDeepStrictEqual(before.row, after.row)) {
      this.output.emit(updateBefore(before.row), timestamp);
      this.output.emit(updateAfter(after.row), timestamp);
    }
  }

  /** The end of the input. */
  protected fire(): void {
    const best = this.#best();
    this.#rows.clear();
    if (best === undefined) return;
    const { at, row } = best;
    this.output.emit(row, this.#byTime ? afterWatermark(at, this.lastWatermark) : undefined);
  }
}
