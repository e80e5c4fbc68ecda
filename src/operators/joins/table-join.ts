// join — keeps the join of two tables up to date, per key: every row of one side meets all rows of the other.
// Step 4 of the walk (ARCHITECTURE.md).
//
// A table is a stream of rows. With a primary key a row replaces the earlier row with the same one, and a change (`-D`,
// `-U`) takes it away; without one every record is a row of its own for ever. The join condition is the key alone, so
// whether a row of an outer side is unmatched is whether the other side is empty: nothing is counted.
//
// Owns:      all rows of both sides, as long as nobody takes them away.
// Does not:  wait for event time: what is emitted follows the order of arrival.
//
// Laws (docs/laws.md)
//   J5  The changes emitted so far, applied in order to an empty multiset, give the join of the two tables as they are
//       now; never is a row taken away that is not there. Also after stops and restores.
import type { Batch } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { EngineError, InvariantError } from "../../core/errors.ts";
import { shortJson } from "../../core/short-json.ts";
import type { MapCells } from "../../state/map-state.ts";
import type { ChangeOp } from "../change.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { TwoInputOperator } from "../two-input-operator.ts";
import type { JoinKind } from "./interval-join.ts";
import { type AnyJoinFunction, CurrentJoin, type DecodeKey, laterOf } from "./join-context.ts";
import { isChange, rowOf } from "./row.ts";

/** `semi`: left rows that have a right one. `anti`: left rows that have none. */
export type TableJoinKind = JoinKind | "semi" | "anti";

export interface TableJoinDefinition {
  readonly kind: TableJoinKind;
  /** The primary key of a row under its key; undefined: rows are never replaced or removed. */
  readonly leftKey: ((row: never) => unknown) | undefined;
  readonly rightKey: ((row: never) => unknown) | undefined;
  /** Must be pure: it is called again to take a result back. Semi and anti joins give it no right row. */
  readonly join: AnyJoinFunction;
  readonly decodeKey?: DecodeKey;
}

/** Whether results are taken back or replaced, so that the join emits changes instead of rows. */
export function emitsChanges({
  kind,
  leftKey,
  rightKey,
}: Pick<TableJoinDefinition, "kind" | "leftKey" | "rightKey">): boolean {
  return (kind !== "inner" && kind !== "semi") || leftKey !== undefined || rightKey !== undefined;
}

/** A change came from a side whose rows have no primary key. */
export class ChangeWithoutKeyError extends EngineError<"CHANGE_WITHOUT_KEY"> {
  constructor(operator: string, side: "left" | "right", op: ChangeOp) {
    super(
      "CHANGE_WITHOUT_KEY",
      `join "${operator}": the ${side} input brings a change ("${op}"), but nothing tells which row it is about; ` +
        `give the option ${side}Key: (row) => row.id, which identifies a row among those with the same key`,
      { details: { operator, side, op } },
    );
  }
}

/** `leftKey` or `rightKey` gave what does not identify a row. */
export class InvalidRowKeyError extends EngineError<"INVALID_ROW_KEY"> {
  constructor(operator: string, side: "left" | "right", id: unknown) {
    const shown = typeof id === "object" ? shortJson(id) : String(id);
    super(
      "INVALID_ROW_KEY",
      `join "${operator}": ${side}Key returned ${shown} (${typeof id}) for a row; return a string, number, boolean, bigint or ` +
        "null that no other row with the same key has, for example row.id, or several values joined into a string",
      { details: { operator, side, id: shown } },
    );
  }
}

/** A row with the event time of the record that brought it. */
interface Row {
  readonly row: unknown;
  readonly timestamp: number | undefined;
}

interface Side {
  readonly name: "left" | "right";
  readonly rows: MapCells<unknown, Row>;
  readonly keyOf: ((row: never) => unknown) | undefined;
  /** Rows are emitted alone while the other side is empty. */
  readonly outer: boolean;
}

/** Whether it can be the key of a map entry. */
function identifies(id: unknown): boolean {
  switch (typeof id) {
    case "string":
    case "boolean":
    case "bigint":
      return true;
    case "number":
      return !Number.isNaN(id);
    default:
      return id === null;
  }
}

/** Keeps {@link TableJoinDefinition} up to date; a result's timestamp is the later one of what caused it and whom it met. */
export function tableJoinOperator(
  definition: TableJoinDefinition,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new TableJoinOperator(context, definition);
}

class TableJoinOperator extends TwoInputOperator {
  readonly #left: Side;
  readonly #right: Side;
  /** Results are pairs; else they are left rows alone. */
  readonly #pairs: boolean;
  /** Left rows are emitted while there is a right one. */
  readonly #semi: boolean;
  /** Once a right row is there that nobody can remove, left rows are not needed: they stay in or out of the result. */
  readonly #settles: boolean;
  readonly #emitsChanges: boolean;
  readonly #join: AnyJoinFunction;
  readonly #current: CurrentJoin;

  constructor(context: KeyedOperatorContext, definition: TableJoinDefinition) {
    super(context);
    const { kind, leftKey, rightKey } = definition;
    this.#left = this.#side("left", leftKey, kind === "left" || kind === "full" || kind === "anti");
    this.#right = this.#side("right", rightKey, kind === "right" || kind === "full");
    this.#semi = kind === "semi";
    this.#pairs = kind !== "semi" && kind !== "anti";
    this.#settles = rightKey === undefined && (kind === "anti" || (kind === "semi" && leftKey === undefined));
    this.#emitsChanges = emitsChanges(definition);
    this.#join = definition.join;
    this.#current = new CurrentJoin(() => this.state.key, definition.decodeKey);
  }

  #side(name: Side["name"], keyOf: Side["keyOf"], outer: boolean): Side {
    const rows = this.state.addMapCells<unknown, Row>(name, msgpackCodec as Codec<Row>);
    return { name, rows, keyOf, outer };
  }

  protected runFirst(batch: Batch, from: number): void {
    this.#run(batch, from, this.#left, this.#right);
  }

  protected runSecond(batch: Batch, from: number): void {
    this.#run(batch, from, this.#right, this.#left);
  }

  /** Hot. */
  #run({ keys, values, timestamps }: Batch, from: number, own: Side, other: Side): void {
    for (let i = from; i < values.length; i++) {
      this.beginRecord(i, (keys as unknown[])[i]);
      this.#take(values[i], timestamps?.[i], own, other);
    }
  }

  #take(record: unknown, timestamp: number | undefined, own: Side, other: Side): void {
    const row = rowOf(record);
    const op = isChange(record) ? record.op : "+I";
    if (own.keyOf === undefined) {
      if (isChange(record)) throw new ChangeWithoutKeyError(this.context.operator, own.name, op);
      this.#add(own.rows.size, row, timestamp, "+I", own, other);
      return;
    }
    const id = own.keyOf(row as never);
    if (!identifies(id)) throw new InvalidRowKeyError(this.context.operator, own.name, id);
    const before = own.rows.peek(id);
    if (op === "-D" || op === "-U") {
      if (before !== undefined) this.#remove(id, before, timestamp, op, own, other);
    } else if (before === undefined) {
      this.#add(id, row, timestamp, op, own, other);
    } else {
      this.#replace(id, before, row, timestamp, own, other);
    }
  }

  #add(
    id: unknown,
    row: unknown,
    timestamp: number | undefined,
    op: "+I" | "+U",
    own: Side,
    other: Side,
  ): void {
    const isFirst = own.rows.size === 0;
    const others = other.rows.peekAll();
    if (!this.#pairs) {
      if (own === this.#right) {
        // Only that it is there matters, and of rows that nobody removes one is enough.
        if (isFirst || own.keyOf !== undefined) own.rows.set(id, { row: null, timestamp });
        if (isFirst) this.#turnLeftRows(timestamp, true);
        return;
      }
      if (this.#isShown(others.size > 0)) this.#emit(op, row, undefined, timestamp, timestamp, undefined);
      if (this.#settles && others.size > 0) return;
    } else if (others.size > 0) {
      // Those who stood alone until now do so no longer.
      for (const partner of others.values()) {
        if (isFirst && other.outer)
          this.#emitAlone("-D", partner, laterOf(timestamp, partner.timestamp), other);
        this.#emitPair(op, row, timestamp, partner, timestamp, own);
      }
    } else if (own.outer) {
      this.#emitAlone(op, { row, timestamp }, timestamp, own);
    }
    own.rows.set(id, { row, timestamp });
  }

  #remove(
    id: unknown,
    gone: Row,
    timestamp: number | undefined,
    op: "-D" | "-U",
    own: Side,
    other: Side,
  ): void {
    own.rows.delete(id);
    const isLast = own.rows.size === 0;
    const others = other.rows.peekAll();
    if (!this.#pairs) {
      if (own === this.#right) {
        if (isLast) this.#turnLeftRows(timestamp, false);
      } else if (this.#isShown(others.size > 0)) {
        this.#emit(op, gone.row, undefined, timestamp, gone.timestamp, undefined);
      }
    } else if (others.size > 0) {
      for (const partner of others.values()) {
        this.#emitPair(op, gone.row, gone.timestamp, partner, timestamp, own);
        if (isLast && other.outer)
          this.#emitAlone("+I", partner, laterOf(timestamp, partner.timestamp), other);
      }
    } else if (own.outer) {
      this.#emitAlone(op, gone, timestamp, own);
    }
  }

  #replace(
    id: unknown,
    before: Row,
    row: unknown,
    timestamp: number | undefined,
    own: Side,
    other: Side,
  ): void {
    const others = other.rows.peekAll();
    const after: Row = { row, timestamp };
    if (!this.#pairs) {
      if (own === this.#right) return;
      if (this.#isShown(others.size > 0)) {
        this.#emit("-U", before.row, undefined, timestamp, before.timestamp, undefined);
        this.#emit("+U", row, undefined, timestamp, timestamp, undefined);
      }
    } else if (others.size > 0) {
      for (const partner of others.values()) {
        this.#emitPair("-U", before.row, before.timestamp, partner, timestamp, own);
        this.#emitPair("+U", row, timestamp, partner, timestamp, own);
      }
    } else if (own.outer) {
      this.#emitAlone("-U", before, timestamp, own);
      this.#emitAlone("+U", after, timestamp, own);
    }
    own.rows.set(id, after);
  }

  /** Of a semi or anti join: whether left rows are in the result. */
  #isShown(hasRight: boolean): boolean {
    return hasRight === this.#semi;
  }

  /** The first right row has come, or the last one has gone: every left row is in the result now, or no longer. */
  #turnLeftRows(timestamp: number | undefined, rightCame: boolean): void {
    const op = this.#isShown(rightCame) ? "+I" : "-D";
    for (const left of this.#left.rows.peekAll().values())
      this.#emit(op, left.row, undefined, laterOf(timestamp, left.timestamp), left.timestamp, undefined);
    if (this.#settles) this.#left.rows.clear();
  }

  /** @param cause event time of the record that is being processed */
  #emitPair(
    op: ChangeOp,
    row: unknown,
    timestamp: number | undefined,
    partner: Row,
    cause: number | undefined,
    own: Side,
  ): void {
    const later = laterOf(cause, partner.timestamp);
    if (own === this.#left) this.#emit(op, row, partner.row, later, timestamp, partner.timestamp);
    else this.#emit(op, partner.row, row, later, partner.timestamp, timestamp);
  }

  #emitAlone(op: ChangeOp, { row, timestamp }: Row, resultTimestamp: number | undefined, side: Side): void {
    if (side === this.#left) this.#emit(op, row, undefined, resultTimestamp, timestamp, undefined);
    else this.#emit(op, undefined, row, resultTimestamp, undefined, timestamp);
  }

  #emit(
    op: ChangeOp,
    left: unknown,
    right: unknown,
    timestamp: number | undefined,
    leftTimestamp: number | undefined,
    rightTimestamp: number | undefined,
  ): void {
    const current = this.#current;
    current.timestamp = timestamp;
    current.leftTimestamp = leftTimestamp;
    current.rightTimestamp = rightTimestamp;
    const row = this.#join(left, right, current);
    this.refusePromise(row, "the join function");
    this.output.emit(this.#emitsChanges ? { op, row } : row, timestamp);
  }

  protected fire(): void {
    throw new InvariantError("a join of tables sets no timers", { operator: this.context.operator });
  }
}
