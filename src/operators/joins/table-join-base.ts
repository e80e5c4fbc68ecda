// TableJoin — what joins of tables share: which row a record is about, and how results are told.
//
// Owns:      the two sides, the identity of rows, what is emitted of pairs and of rows that stand alone.
// Does not:  know which rows meet, or for how long (table-join.ts, expiring-table-join.ts).
import type { Batch } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { EngineError } from "../../core/errors.ts";
import { shortJson } from "../../core/short-json.ts";
import type { MapCells } from "../../state/map-state.ts";
import type { ChangeOp } from "../change.ts";
import type { KeyedOperatorContext } from "../operator.ts";
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
  /** How long a row meets others; undefined: for ever. */
  readonly ttl?: TableTtl | undefined;
}

export interface TableTtl {
  readonly ttlMs: number;
  readonly time: "processing" | "event";
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
export interface Row {
  readonly row: unknown;
  readonly timestamp: number | undefined;
}

export interface Side<R extends Row> {
  readonly name: "left" | "right";
  readonly rows: MapCells<unknown, R>;
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

/** A result's timestamp is the later one of what caused it and whom it met. */
export abstract class TableJoinOperator<R extends Row> extends TwoInputOperator {
  protected readonly left: Side<R>;
  protected readonly right: Side<R>;
  /** Results are pairs; else they are left rows alone. */
  protected readonly pairs: boolean;
  /** Left rows are emitted while there is a right one. */
  protected readonly semi: boolean;
  readonly #emitsChanges: boolean;
  readonly #join: AnyJoinFunction;
  readonly #current: CurrentJoin;

  constructor(context: KeyedOperatorContext, definition: TableJoinDefinition) {
    super(context);
    const { kind, leftKey, rightKey } = definition;
    this.left = this.#side("left", leftKey, kind === "left" || kind === "full" || kind === "anti");
    this.right = this.#side("right", rightKey, kind === "right" || kind === "full");
    this.semi = kind === "semi";
    this.pairs = kind !== "semi" && kind !== "anti";
    this.#emitsChanges = emitsChanges(definition);
    this.#join = definition.join;
    this.#current = new CurrentJoin(() => this.state.key, definition.decodeKey);
  }

  #side(name: Side<R>["name"], keyOf: Side<R>["keyOf"], outer: boolean): Side<R> {
    const rows = this.state.addMapCells<unknown, R>(name, msgpackCodec as Codec<R>);
    return { name, rows, keyOf, outer };
  }

  /** The row of that id, unless there is none any more. */
  protected abstract find(side: Side<R>, id: unknown, timestamp: number | undefined): R | undefined;
  /** An id for a row of a side without primary key. */
  protected abstract newId(side: Side<R>): unknown;
  protected abstract add(
    id: unknown,
    row: unknown,
    timestamp: number | undefined,
    op: "+I" | "+U",
    own: Side<R>,
    other: Side<R>,
  ): void;
  protected abstract remove(
    id: unknown,
    gone: R,
    timestamp: number | undefined,
    op: "-D" | "-U",
    own: Side<R>,
    other: Side<R>,
  ): void;
  protected abstract replace(
    id: unknown,
    before: R,
    row: unknown,
    timestamp: number | undefined,
    own: Side<R>,
    other: Side<R>,
  ): void;

  protected runFirst(batch: Batch, from: number): void {
    this.#run(batch, from, this.left, this.right);
  }

  protected runSecond(batch: Batch, from: number): void {
    this.#run(batch, from, this.right, this.left);
  }

  /** Hot. */
  #run({ keys, values, timestamps }: Batch, from: number, own: Side<R>, other: Side<R>): void {
    for (let i = from; i < values.length; i++) {
      this.beginRecord(i, (keys as unknown[])[i]);
      this.#take(values[i], timestamps?.[i], own, other);
    }
  }

  #take(record: unknown, timestamp: number | undefined, own: Side<R>, other: Side<R>): void {
    const row = rowOf(record);
    const op = isChange(record) ? record.op : "+I";
    if (own.keyOf === undefined) {
      if (isChange(record)) throw new ChangeWithoutKeyError(this.context.operator, own.name, op);
      this.add(this.newId(own), row, timestamp, "+I", own, other);
      return;
    }
    const id = own.keyOf(row as never);
    if (!identifies(id)) throw new InvalidRowKeyError(this.context.operator, own.name, id);
    const before = this.find(own, id, timestamp);
    if (op === "-D" || op === "-U") {
      if (before !== undefined) this.remove(id, before, timestamp, op, own, other);
    } else if (before === undefined) {
      this.add(id, row, timestamp, op, own, other);
    } else {
      this.replace(id, before, row, timestamp, own, other);
    }
  }

  /** @param cause event time of the record that is being processed */
  protected emitPair(
    op: ChangeOp,
    row: unknown,
    timestamp: number | undefined,
    partner: Row,
    cause: number | undefined,
    own: Side<R>,
  ): void {
    const later = laterOf(cause, partner.timestamp);
    if (own === this.left) this.emit(op, row, partner.row, later, timestamp, partner.timestamp);
    else this.emit(op, partner.row, row, later, partner.timestamp, timestamp);
  }

  protected emitAlone(
    op: ChangeOp,
    { row, timestamp }: Row,
    resultTimestamp: number | undefined,
    side: Side<R>,
  ): void {
    if (side === this.left) this.emit(op, row, undefined, resultTimestamp, timestamp, undefined);
    else this.emit(op, undefined, row, resultTimestamp, undefined, timestamp);
  }

  protected emit(
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
}
