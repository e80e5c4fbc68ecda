// join with a time to live — as table-join.ts, for rows that meet others for a limited time only.
//
// A row stands at the time at which it came: that of the clock, or its event time (the watermark, when that is later). Two
// rows meet when their times are less than the time to live apart, whichever came first. What an expired row is part of
// stays in the result: nothing is emitted when it goes, and nobody takes it back.
//
// So it must be known of a row that may stand alone in the result whether a pair of it is still there, and that cannot be
// seen from the other side any more: each row counts the pairs of it that the result holds.
//
// Owns:      the rows of both sides until their time to live is over, then a timer per side and key removes them.
//
// Invariant: where rows are stored, a timer is stored too, by the same commit.
//
// Laws (docs/laws.md)
//   J7  The changes emitted so far, applied in order to an empty multiset, give the pairs of rows that met and of which
//       neither was taken away while both lived, and of an outer side the rows without such a pair; never is a row taken
//       away that is not there. Once time has passed all expiries by a sixteenth, nothing is stored.
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { type ValueDescriptor, value } from "../../state/descriptors.ts";
import type { ValueCells } from "../../state/value-state.ts";
import type { Timer } from "../../time/timer-member.ts";
import type { TimerQueue } from "../../time/timer-queue.ts";
import type { KeyedOperatorContext } from "../operator.ts";
import { laterOf } from "./join-context.ts";
import { MissingJoinTimestampError } from "./join-time.ts";
import {
  type Row,
  type Side,
  type TableJoinDefinition,
  TableJoinOperator,
  type TableTtl,
} from "./table-join-base.ts";

export interface ExpiringRow extends Row {
  /** Epoch ms from which on its time to live counts. */
  readonly time: number;
  /** Pairs of it in the result; of a semi or anti join, right rows that a left one has met. */
  readonly pairs: number;
}

type RowSide = Side<ExpiringRow>;

/** Cleaning up may wait for so large a part of the time to live, so that any number of rows needs few timers. */
const STEPS_PER_TTL = 16;

export class ExpiringTableJoinOperator extends TableJoinOperator<ExpiringRow> {
  readonly #ttlMs: number;
  readonly #stepMs: number;
  readonly #inEventTime: boolean;
  readonly #timers: TimerQueue;
  /** The next id of rows without primary key. */
  readonly #next: ReadonlyMap<RowSide, ValueCells<number>>;
  /** Whose rows may be in the result alone. */
  readonly #counted: ReadonlySet<RowSide>;

  constructor(context: KeyedOperatorContext, definition: TableJoinDefinition, ttl: TableTtl) {
    super(context, definition);
    this.#ttlMs = ttl.ttlMs;
    this.#stepMs = Math.max(1, Math.floor(ttl.ttlMs / STEPS_PER_TTL));
    this.#inEventTime = ttl.time === "event";
    this.#timers = this.#inEventTime ? this.eventTimers : this.processingTimers;
    const sides = [this.left, this.right];
    const numbers = msgpackCodec as Codec<number>;
    this.#next = new Map(
      sides.flatMap((side) =>
        side.keyOf === undefined ? [[side, this.state.addCells(counterOf(side), numbers)]] : [],
      ),
    );
    this.#counted = new Set(sides.filter((side) => side.outer || (this.semi && side === this.left)));
  }

  // Rows

  protected find({ rows }: RowSide, id: unknown, timestamp: number | undefined): ExpiringRow | undefined {
    const found = rows.peek(id);
    return found !== undefined && this.#lives(found, this.#timeOf(timestamp)) ? found : undefined;
  }

  protected newId(side: RowSide): number {
    const next = this.#next.get(side) as ValueCells<number>;
    const id = next.peek() ?? 0;
    next.set(id + 1);
    return id;
  }

  protected add(
    id: unknown,
    row: unknown,
    timestamp: number | undefined,
    op: "+I" | "+U",
    own: RowSide,
    other: RowSide,
  ): void {
    const time = this.#timeOf(timestamp);
    let pairs = 0;
    for (const [partnerId, partner] of other.rows.peekAll()) {
      if (!this.#lives(partner, time) || !this.#meet(partner.time, time)) continue;
      pairs++;
      this.#setPairs(other, partnerId, partner, partner.pairs + 1, timestamp);
      if (this.pairs) this.emitPair(op, row, timestamp, partner, timestamp, own);
    }
    const added = this.#put(own, id, row, timestamp, time, pairs);
    if (this.#standsAlone(own, pairs)) this.emitAlone(op, added, timestamp, own);
  }

  protected remove(
    id: unknown,
    gone: ExpiringRow,
    timestamp: number | undefined,
    op: "-D" | "-U",
    own: RowSide,
    other: RowSide,
  ): void {
    const time = this.#timeOf(timestamp);
    own.rows.delete(id);
    for (const [partnerId, partner] of other.rows.peekAll()) {
      if (!this.#lives(partner, time) || !this.#meet(partner.time, gone.time)) continue;
      if (this.pairs) this.emitPair(op, gone.row, gone.timestamp, partner, timestamp, own);
      this.#setPairs(other, partnerId, partner, partner.pairs - 1, timestamp);
    }
    if (this.#standsAlone(own, gone.pairs)) this.emitAlone(op, gone, timestamp, own);
  }

  /** The new row has a time of its own, and so perhaps other partners. */
  protected replace(
    id: unknown,
    before: ExpiringRow,
    row: unknown,
    timestamp: number | undefined,
    own: RowSide,
    other: RowSide,
  ): void {
    const time = this.#timeOf(timestamp);
    let pairs = 0;
    for (const [partnerId, partner] of other.rows.peekAll()) {
      if (!this.#lives(partner, time)) continue;
      const met = this.#meet(partner.time, before.time);
      const meets = this.#meet(partner.time, time);
      if (meets) pairs++;
      if (!met && meets) this.#setPairs(other, partnerId, partner, partner.pairs + 1, timestamp);
      if (this.pairs && met)
        this.emitPair(meets ? "-U" : "-D", before.row, before.timestamp, partner, timestamp, own);
      if (this.pairs && meets) this.emitPair(met ? "+U" : "+I", row, timestamp, partner, timestamp, own);
      if (met && !meets) this.#setPairs(other, partnerId, partner, partner.pairs - 1, timestamp);
    }
    const stood = this.#standsAlone(own, before.pairs);
    const after = this.#put(own, id, row, timestamp, time, pairs);
    const stands = this.#standsAlone(own, pairs);
    if (stood) this.emitAlone(stands ? "-U" : "-D", before, timestamp, own);
    if (stands) this.emitAlone(stood ? "+U" : "+I", after, timestamp, own);
  }

  #put(
    side: RowSide,
    id: unknown,
    row: unknown,
    timestamp: number | undefined,
    time: number,
    pairs: number,
  ): ExpiringRow {
    const counted = this.#counted.has(side) ? pairs : 0;
    const put = { row, timestamp, time, pairs: counted };
    if (side.rows.size === 0) this.#timers.register(side.name, this.state.key, this.#cleanupTime(time));
    // Semi and anti joins ask only whether a right row is there.
    side.rows.set(id, this.pairs || side === this.left ? put : { ...put, row: null });
    return put;
  }

  /** The row of the other side has met one more, or one less: it may have to come into the result alone, or leave it. */
  #setPairs(
    side: RowSide,
    id: unknown,
    before: ExpiringRow,
    pairs: number,
    timestamp: number | undefined,
  ): void {
    if (!this.#counted.has(side)) return;
    side.rows.set(id, { ...before, pairs });
    const stood = this.#standsAlone(side, before.pairs);
    if (stood !== this.#standsAlone(side, pairs))
      this.emitAlone(stood ? "-D" : "+I", before, laterOf(timestamp, before.timestamp), side);
  }

  /** Whether a row with so many pairs is in the result by itself. */
  #standsAlone(side: RowSide, pairs: number): boolean {
    return this.#counted.has(side) && pairs > 0 === this.semi;
  }

  // Time

  /** @throws {MissingJoinTimestampError} */
  #timeOf(timestamp: number | undefined): number {
    if (!this.#inEventTime) return this.nowMs;
    const time = Math.max(timestamp ?? this.lastWatermark, this.lastWatermark);
    if (!Number.isFinite(time)) throw new MissingJoinTimestampError(this.context.operator, timestamp);
    return time;
  }

  #lives(row: ExpiringRow, time: number): boolean {
    return time < row.time + this.#ttlMs;
  }

  #meet(a: number, b: number): boolean {
    return Math.abs(a - b) < this.#ttlMs;
  }

  #cleanupTime(rowTime: number): number {
    return Math.ceil((rowTime + this.#ttlMs) / this.#stepMs) * this.#stepMs;
  }

  protected override wantTimer(timer: Timer): void {
    const side = this.#sideOf(timer);
    side.rows.want(timer.key);
    this.#next.get(side)?.want(timer.key);
  }

  protected override isReady(timer: Timer): boolean {
    const side = this.#sideOf(timer);
    return side.rows.knows(timer.key) && this.#next.get(side)?.knows(timer.key) !== false;
  }

  protected fire(timer: Timer): void {
    const side = this.#sideOf(timer);
    let oldest = Number.POSITIVE_INFINITY;
    for (const [id, { time }] of side.rows.peekAll()) {
      if (time + this.#ttlMs <= timer.time) side.rows.delete(id);
      else oldest = Math.min(oldest, time);
    }
    if (oldest < Number.POSITIVE_INFINITY)
      this.#timers.register(timer.namespace, timer.key, this.#cleanupTime(oldest));
    else this.#next.get(side)?.clear();
  }

  #sideOf(timer: Timer): RowSide {
    return timer.namespace === this.left.name ? this.left : this.right;
  }
}

/** Name of the state that counts the rows of a side without primary key. */
function counterOf({ name }: Pick<RowSide, "name">): string {
  return `${name}-next`;
}

/** What is stored beside the rows. */
export function countersOf({
  leftKey,
  rightKey,
}: Pick<TableJoinDefinition, "leftKey" | "rightKey">): Record<string, ValueDescriptor<number>> {
  return {
    ...(leftKey === undefined && { [counterOf({ name: "left" })]: value<number>() }),
    ...(rightKey === undefined && { [counterOf({ name: "right" })]: value<number>() }),
  };
}
