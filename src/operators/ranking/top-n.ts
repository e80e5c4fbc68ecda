// topN — the first n rows of each key in an order, kept up to date. Step 4 of the walk (ARCHITECTURE.md).
//
// Rows in order fall into groups that share a number: rows of their own under rowNumber, peers under rank and denseRank.
// A row that comes or goes shifts the numbers of the groups behind it, so one walk over the visible groups says all that
// changes; the walk never goes further than one group beyond them.
//
// Records are only ever added: what is beyond the first n can never come back and is not kept. Changes may take a row
// away: then all rows are kept.
//
// Changes are emitted in an order that also suits a table that holds one row per number, or one per record: from the
// last row up when numbers grow, from the first down when they shrink.
//
// Laws (docs/laws.md)
//   R2  After any record, the changes emitted so far, applied in order to an empty multiset, give the first n rows of a
//       sort of the rows that are there, with their numbers; never is a row taken away that is not there. Also after
//       stops and restores.
import { isDeepStrictEqual } from "node:util";
import type { Batch } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { InvariantError } from "../../core/errors.ts";
import { type ChangeOp, isAddition } from "../change.ts";
import { isChange } from "../joins/row.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { RowNotFoundError } from "./row-errors.ts";
import { type Direction, type RankedBy, RowOrder } from "./row-order.ts";
import { SortedRows } from "./sorted-rows.ts";

/**
 * How rows are numbered: `rowNumber` 1, 2, 3, 4; with peers in the middle `rank` 1, 2, 2, 4 and `denseRank` 1, 2, 2, 3.
 * All rows with a number of at most n are in the result: with peers that can be more than n rows.
 */
export type Numbering = "rowNumber" | "rank" | "denseRank";

export interface TopNDefinition {
  readonly n: number;
  readonly by: (row: never) => RankedBy;
  readonly directions: readonly Direction[];
  /** Which of two peers stands before the other: the one that came first, or last. */
  readonly ties: "first" | "last";
  readonly numbering: Numbering;
  /** Rows carry their number: `{ rank, record }`. */
  readonly rankColumn: boolean;
}

/** A record and its number. */
export interface Ranked<T> {
  readonly rank: number;
  readonly record: T;
}

interface Item {
  readonly by: RankedBy;
  readonly row: unknown;
}

/** Emits changes of the first n rows, with the timestamp of the record that caused them. */
export function topNOperator(definition: TopNDefinition): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new TopNOperator(context, definition);
}

class TopNOperator extends KeyedOperatorBase {
  readonly #definition: TopNDefinition;
  readonly #order: RowOrder;
  readonly #rows: SortedRows<Item>;
  /** Where the visible groups begin, and the one after them. Reused. */
  readonly #starts: number[] = [];
  #visible = 0;

  constructor(context: KeyedOperatorContext, definition: TopNDefinition) {
    super(context);
    this.#definition = definition;
    const order = new RowOrder(context.operator, definition.by, definition.directions);
    this.#order = order;
    const entries = this.state.addMapCells<number, readonly unknown[]>(
      "rows",
      msgpackCodec as Codec<readonly unknown[]>,
    );
    this.#rows = new SortedRows(entries, (a, b) => order.compare(a.by, b.by));
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    for (let i = from; i < values.length; i++) {
      this.beginRecord(i, keys[i]);
      const record = values[i];
      const timestamp = timestamps === undefined ? undefined : timestamps[i];
      if (!isChange(record)) this.#insert(record, timestamp, false);
      else if (isAddition(record)) this.#insert(record.row, timestamp, true);
      else this.#remove(record.row, timestamp);
    }
  }

  /** @param keepsAll a row that is beyond the first n now may come back */
  #insert(row: unknown, timestamp: number | undefined, keepsAll: boolean): void {
    const { n, ties, numbering, rankColumn } = this.#definition;
    const rows = this.#rows;
    const item: Item = { by: this.#order.of(row), row };
    const lower = rows.lower(item);
    const upper = rows.upper(item);
    const position = ties === "first" ? upper : lower;
    if (numbering !== "denseRank" && (numbering === "rank" ? lower : position) >= n) {
      if (keepsAll) rows.insert(position, item);
      return;
    }
    this.#readGroups();
    const grouped = numbering !== "rowNumber";
    const joins = grouped && upper > lower;
    const group = grouped ? this.#groupAt(lower) : position;
    const rank = numbering === "rank" ? lower + 1 : group + 1;
    if (rank > n) {
      if (keepsAll) rows.insert(position, item);
      return;
    }
    const shift = numbering === "denseRank" && joins ? 0 : 1;
    const firstShifted = joins ? group + 1 : group;
    const starts = this.#starts;
    let dropped = 0;
    for (let i = this.#visible - 1; i >= firstShifted && shift > 0; i--) {
      const old = this.#rankOf(i);
      const goes = old + shift > n;
      if (!goes && !rankColumn) break;
      const start = starts[i] as number;
      for (let at = this.#endOf(i) - 1; at >= start; at--) {
        const shifted = rows.at(at).row;
        if (goes) {
          this.#emit("-D", old, shifted, timestamp);
          dropped++;
        } else {
          this.#emit("-U", old, shifted, timestamp);
          this.#emit("+U", old + shift, shifted, timestamp);
        }
      }
    }
    this.#emit("+I", rank, row, timestamp);
    rows.insert(position, item);
    if (!keepsAll) for (let last = rows.size - 1; dropped > 0; dropped--) rows.remove(last--);
  }

  #remove(row: unknown, timestamp: number | undefined): void {
    const { n, numbering, rankColumn } = this.#definition;
    const rows = this.#rows;
    const item: Item = { by: this.#order.of(row), row };
    const lower = rows.lower(item);
    const upper = rows.upper(item);
    const position = this.#positionOf(row, lower, upper);
    const grouped = numbering !== "rowNumber";
    this.#readGroups();
    const group = grouped ? this.#groupAt(lower) : position;
    if (group < this.#visible) {
      const starts = this.#starts;
      const shift = numbering === "denseRank" && upper - lower > 1 ? 0 : 1;
      this.#emit("-D", this.#rankOf(group), row, timestamp);
      for (let i = rankColumn ? group + 1 : this.#visible; i < starts.length && shift > 0; i++) {
        const old = this.#rankOf(i);
        if (old - shift > n) break;
        const end = this.#endOf(i);
        for (let at = starts[i] as number; at < end; at++) {
          const shifted = rows.at(at).row;
          if (old > n) this.#emit("+I", old - shift, shifted, timestamp);
          else {
            this.#emit("-U", old, shifted, timestamp);
            this.#emit("+U", old - shift, shifted, timestamp);
          }
        }
      }
    }
    rows.remove(position);
  }

  /** Equal rows are alike: the last one goes. @throws {RowNotFoundError} */
  #positionOf(row: unknown, lower: number, upper: number): number {
    for (let at = upper - 1; at >= lower; at--) if (isDeepStrictEqual(this.#rows.at(at).row, row)) return at;
    throw new RowNotFoundError(this.context.operator, row);
  }

  #readGroups(): void {
    const { n, numbering } = this.#definition;
    const rows = this.#rows;
    const { size } = rows;
    const starts = this.#starts;
    starts.length = 0;
    this.#visible = 0;
    for (let start = 0; start < size; ) {
      starts.push(start);
      if (this.#rankOf(this.#visible) > n) return;
      this.#visible++;
      start = numbering === "rowNumber" ? start + 1 : rows.upper(rows.at(start));
    }
  }

  /** The group that begins at `start`, or would begin there. */
  #groupAt(start: number): number {
    const starts = this.#starts;
    for (let i = 0; i < starts.length; i++) if ((starts[i] as number) >= start) return i;
    return starts.length;
  }

  #rankOf(group: number): number {
    return this.#definition.numbering === "rank" ? (this.#starts[group] as number) + 1 : group + 1;
  }

  #endOf(group: number): number {
    const next = this.#starts[group + 1];
    if (next !== undefined) return next;
    const start = this.#starts[group] as number;
    return this.#definition.numbering === "rowNumber" ? start + 1 : this.#rows.upper(this.#rows.at(start));
  }

  #emit(op: ChangeOp, rank: number, record: unknown, timestamp: number | undefined): void {
    const row = this.#definition.rankColumn ? { rank, record } : record;
    this.output.emit({ op, row }, timestamp);
  }

  protected fire(): void {
    throw new InvariantError("a topN operator sets no timers", { operator: this.context.operator });
  }
}
