// join — keeps the join of two tables up to date, per key: every row of one side meets all rows of the other.
// Step 4 of the walk (ARCHITECTURE.md).
//
// A table is a stream of rows. With a primary key a row replaces the earlier row with the same one, and a change (`-D`,
// `-U`) takes it away; without one every record is a row of its own for ever. The join condition is the key alone, so
// whether a row of an outer side is unmatched is whether the other side is empty: nothing is counted.
//
// Owns:      all rows of both sides, as long as nobody takes them away.
// Does not:  wait for event time: what is emitted follows the order of arrival. Rows with a time to live are
//            expiring-table-join.ts.
//
// Laws (docs/laws.md)
//   J5  The changes emitted so far, applied in order to an empty multiset, give the join of the two tables as they are
//       now; never is a row taken away that is not there. Also after stops and restores.
import { InvariantError } from "../../core/errors.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { ExpiringTableJoinOperator } from "./expiring-table-join.ts";
import { laterOf } from "./join-context.ts";
import { type Row, type Side, type TableJoinDefinition, TableJoinOperator } from "./table-join-base.ts";

/** Keeps {@link TableJoinDefinition} up to date. */
export function tableJoinOperator(
  definition: TableJoinDefinition,
): (context: KeyedOperatorContext) => KeyedOperator {
  const { ttl } = definition;
  return (context) =>
    ttl === undefined
      ? new LastingTableJoinOperator(context, definition)
      : new ExpiringTableJoinOperator(context, definition, ttl);
}

class LastingTableJoinOperator extends TableJoinOperator<Row> {
  /** Once a right row is there that nobody can remove, left rows are not needed: they stay in or out of the result. */
  readonly #settles: boolean;

  constructor(context: KeyedOperatorContext, definition: TableJoinDefinition) {
    super(context, definition);
    const { kind, leftKey, rightKey } = definition;
    this.#settles = rightKey === undefined && (kind === "anti" || (kind === "semi" && leftKey === undefined));
  }

  protected find({ rows }: Side<Row>, id: unknown): Row | undefined {
    return rows.peek(id);
  }

  /** Rows of such a side are never removed one by one. */
  protected newId({ rows }: Side<Row>): number {
    return rows.size;
  }

  protected add(
    id: unknown,
    row: unknown,
    timestamp: number | undefined,
    op: "+I" | "+U",
    own: Side<Row>,
    other: Side<Row>,
  ): void {
    const isFirst = own.rows.size === 0;
    const others = other.rows.peekAll();
    if (!this.pairs) {
      if (own === this.right) {
        // Only that it is there matters, and of rows that nobody removes one is enough.
        if (isFirst || own.keyOf !== undefined) own.rows.set(id, { row: null, timestamp });
        if (isFirst) this.#turnLeftRows(timestamp, true);
        return;
      }
      if (this.#isShown(others.size > 0)) this.emit(op, row, undefined, timestamp, timestamp, undefined);
      if (this.#settles && others.size > 0) return;
    } else if (others.size > 0) {
      // Those who stood alone until now do so no longer.
      for (const partner of others.values()) {
        if (isFirst && other.outer)
          this.emitAlone("-D", partner, laterOf(timestamp, partner.timestamp), other);
        this.emitPair(op, row, timestamp, partner, timestamp, own);
      }
    } else if (own.outer) {
      this.emitAlone(op, { row, timestamp }, timestamp, own);
    }
    own.rows.set(id, { row, timestamp });
  }

  protected remove(
    id: unknown,
    gone: Row,
    timestamp: number | undefined,
    op: "-D" | "-U",
    own: Side<Row>,
    other: Side<Row>,
  ): void {
    own.rows.delete(id);
    const isLast = own.rows.size === 0;
    const others = other.rows.peekAll();
    if (!this.pairs) {
      if (own === this.right) {
        if (isLast) this.#turnLeftRows(timestamp, false);
      } else if (this.#isShown(others.size > 0)) {
        this.emit(op, gone.row, undefined, timestamp, gone.timestamp, undefined);
      }
    } else if (others.size > 0) {
      for (const partner of others.values()) {
        this.emitPair(op, gone.row, gone.timestamp, partner, timestamp, own);
        if (isLast && other.outer)
          this.emitAlone("+I", partner, laterOf(timestamp, partner.timestamp), other);
      }
    } else if (own.outer) {
      this.emitAlone(op, gone, timestamp, own);
    }
  }

  protected replace(
    id: unknown,
    before: Row,
    row: unknown,
    timestamp: number | undefined,
    own: Side<Row>,
    other: Side<Row>,
  ): void {
    const others = other.rows.peekAll();
    const after: Row = { row, timestamp };
    if (!this.pairs) {
      if (own === this.right) return;
      if (this.#isShown(others.size > 0)) {
        this.emit("-U", before.row, undefined, timestamp, before.timestamp, undefined);
        this.emit("+U", row, undefined, timestamp, timestamp, undefined);
      }
    } else if (others.size > 0) {
      for (const partner of others.values()) {
        this.emitPair("-U", before.row, before.timestamp, partner, timestamp, own);
        this.emitPair("+U", row, timestamp, partner, timestamp, own);
      }
    } else if (own.outer) {
      this.emitAlone("-U", before, timestamp, own);
      this.emitAlone("+U", after, timestamp, own);
    }
    own.rows.set(id, after);
  }

  /** Of a semi or anti join: whether left rows are in the result. */
  #isShown(hasRight: boolean): boolean {
    return hasRight === this.semi;
  }

  /** The first right row has come, or the last one has gone: every left row is in the result now, or no longer. */
  #turnLeftRows(timestamp: number | undefined, rightCame: boolean): void {
    const op = this.#isShown(rightCame) ? "+I" : "-D";
    for (const left of this.left.rows.peekAll().values())
      this.emit(op, left.row, undefined, laterOf(timestamp, left.timestamp), left.timestamp, undefined);
    if (this.#settles) this.left.rows.clear();
  }

  protected fire(): void {
    throw new InvariantError("a join of tables sets no timers", { operator: this.context.operator });
  }
}
