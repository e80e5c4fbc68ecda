// intervalJoin — joins the records of two streams whose event times are not too far apart, per key.
// Step 4 of the walk (ARCHITECTURE.md).
//
// A left record at l and a right one at r are partners when l + lower <= r <= l + upper. Seen from either side it is the
// same rule: a record at t meets the other side's records from t + from to t + to, and none can come any more once the
// watermark has reached t + to. So both sides run the same code.
//
// Rows are kept by (bucket of time, key), and there by their time: rows of one time share their fate, because who meets
// one meets all. A bucket is as long as the interval, so a record looks into two of them at most.
//
// Owns:      the rows that may still meet a partner, and which of them have met one.
// Does not:  hold rows longer than that: a timer takes each away (of a side that is not outer, bucket by bucket).
//
// Invariant: whatever is stored has a timer, in the same commit, for the time at which it goes.
//
// Laws (docs/laws.md)
//   J1  For any interleaving of both inputs and watermarks, an interval join emits what the nested loop over the records
//       that were not late emits: every pair of partners once, and every unmatched row of an outer side once.
//   J2  Stopping after any commit and going on from storage emits the same as never stopping.
//   J3  No result is behind a watermark that went out before it.
import type { Batch } from "../../core/batch.ts";
import type { Timer } from "../../time/timer-member.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { TwoInputOperator } from "../two-input-operator.ts";
import { type AnyJoinFunction, CurrentJoin, type DecodeKey } from "./join-context.ts";
import { comparableTime, joinTime } from "./join-time.ts";
import { RowsByTime } from "./rows-by-time.ts";

/** Whose rows are emitted without a partner, too. */
export type JoinKind = "inner" | "left" | "right" | "full";

export interface IntervalJoinDefinition {
  readonly kind: JoinKind;
  /** How far a right record's time may be from the left one's, in whole ms, both inclusive: lower <= upper. */
  readonly lowerMs: number;
  readonly upperMs: number;
  readonly join: AnyJoinFunction;
  readonly decodeKey?: DecodeKey;
}

/** Shorter buckets would only mean more of them. */
const SHORTEST_BUCKET_MS = 1_000;

interface Side {
  /** In the namespaces of their buckets. */
  readonly rows: RowsByTime;
  /** Rows that met nobody are emitted. */
  readonly outer: boolean;
  /** Namespace of this side's timers. */
  readonly namespace: "left" | "right";
  /** A record at t meets partners from t + from to t + to, in ms. */
  readonly from: number;
  readonly to: number;
}

/**
 * Emits what `join` makes of each pair as soon as both records are there, with the later one's timestamp, and of each
 * unmatched row of an outer side once the watermark rules a partner out, with the time that ruled it out.
 *
 * A record that is not newer than the watermark is late: counted, and sent to the side output {@link LATE_TAG}.
 */
export function intervalJoinOperator(
  definition: IntervalJoinDefinition,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new IntervalJoinOperator(context, definition);
}

class IntervalJoinOperator extends TwoInputOperator {
  readonly #left: Side;
  readonly #right: Side;
  readonly #bucketMs: number;
  readonly #join: AnyJoinFunction;
  readonly #current: CurrentJoin;

  constructor(context: KeyedOperatorContext, definition: IntervalJoinDefinition) {
    super(context);
    const { kind, lowerMs, upperMs } = definition;
    this.#join = definition.join;
    this.#bucketMs = Math.max(upperMs - lowerMs + 1, SHORTEST_BUCKET_MS);
    this.#left = this.#side("left", kind === "left" || kind === "full", lowerMs, upperMs);
    this.#right = this.#side("right", kind === "right" || kind === "full", -upperMs, -lowerMs);
    this.#current = new CurrentJoin(() => this.state.key, definition.decodeKey);
    if (!context.startsEmpty) this.#assumeNewBucketsAreEmpty();
  }

  #side(namespace: Side["namespace"], outer: boolean, from: number, to: number): Side {
    return { rows: new RowsByTime(this.state, namespace), outer, namespace, from, to };
  }

  /** By the invariant nothing is stored behind the last bucket that has a timer: new buckets need no fetch. */
  #assumeNewBucketsAreEmpty(): void {
    const last = { left: Number.NEGATIVE_INFINITY, right: Number.NEGATIVE_INFINITY };
    this.eventTimers.forEach((timer) => {
      const side = this.#sideOf(timer);
      last[side.namespace] = Math.max(last[side.namespace], this.#bucketOfTimer(side, timer));
    });
    this.#left.rows.assumeCompleteAbove(last.left);
    this.#right.rows.assumeCompleteAbove(last.right);
  }

  // Records

  protected override wantFirst(batch: Batch): void {
    this.#want(batch, this.#left, this.#right);
  }

  protected override wantSecond(batch: Batch): void {
    this.#want(batch, this.#right, this.#left);
  }

  #want({ keys, timestamps }: Batch, own: Side, other: Side): void {
    for (let i = 0; i < (keys as unknown[]).length; i++) {
      const time = comparableTime(timestamps?.[i]);
      // Refused, or late, when it is processed.
      if (time === undefined || time <= this.watermark) continue;
      const key = (keys as unknown[])[i];
      own.rows.useNamespace(this.#bucketOf(time));
      own.rows.want(key);
      const last = this.#bucketOf(time + own.to);
      for (let bucket = this.#bucketOf(time + own.from); bucket <= last; bucket += this.#bucketMs) {
        other.rows.useNamespace(bucket);
        other.rows.want(key);
      }
    }
  }

  protected runFirst(batch: Batch, from: number): void {
    this.#run(batch, from, this.#left, this.#right);
  }

  protected runSecond(batch: Batch, from: number): void {
    this.#run(batch, from, this.#right, this.#left);
  }

  /** Hot. */
  #run({ keys, values, timestamps }: Batch, start: number, own: Side, other: Side): void {
    const { operator } = this.context;
    for (let i = start; i < values.length; i++) {
      const key = (keys as unknown[])[i];
      this.beginRecord(i, key);
      const time = joinTime(operator, timestamps?.[i]);
      if (time <= this.watermark) {
        this.leaveLate(values[i], timestamps?.[i]);
        continue;
      }
      const matched = this.#meet(values[i], time, own, other);
      if (time + own.to > this.watermark) this.#keep(values[i], time, key, matched, own);
      else if (!matched && own.outer) this.#emitUnmatched(values[i], time, own);
    }
  }

  /** Joins a record with all partners that are there. @returns whether there was one */
  #meet(row: unknown, time: number, own: Side, other: Side): boolean {
    const first = time + own.from;
    const last = time + own.to;
    let met = false;
    for (let bucket = this.#bucketOf(first); bucket <= last; bucket += this.#bucketMs) {
      other.rows.useNamespace(bucket);
      for (const partnerTime of other.rows.timesBetween(first, last)) {
        met = true;
        const partners = other.rows.at(partnerTime);
        if (own === this.#left) for (const partner of partners) this.#emit(row, partner, time, partnerTime);
        else for (const partner of partners) this.#emit(partner, row, partnerTime, time);
        if (other.outer && !other.rows.isMatched(partnerTime)) other.rows.setMatched(partnerTime);
      }
    }
    return met;
  }

  #keep(row: unknown, time: number, key: unknown, matched: boolean, own: Side): void {
    const bucket = this.#bucketOf(time);
    const { rows } = own;
    rows.useNamespace(bucket);
    if (own.outer) {
      if (!rows.has(time)) this.eventTimers.register(own.namespace, key, time + own.to);
    } else if (rows.isEmpty) {
      this.eventTimers.register(own.namespace, key, bucket + this.#bucketMs - 1 + own.to);
    }
    rows.add(time, row);
    if (matched && own.outer && !rows.isMatched(time)) rows.setMatched(time);
  }

  #emit(left: unknown, right: unknown, leftTime: number, rightTime: number): void {
    this.#call(left, right, leftTime, rightTime, Math.max(leftTime, rightTime));
  }

  /** It is known now that there is no partner: an earlier timestamp could be behind the watermark. */
  #emitUnmatched(row: unknown, time: number, own: Side): void {
    const timestamp = Math.max(time, time + own.to);
    if (own === this.#left) this.#call(row, undefined, time, undefined, timestamp);
    else this.#call(undefined, row, undefined, time, timestamp);
  }

  #call(
    left: unknown,
    right: unknown,
    leftTime: number | undefined,
    rightTime: number | undefined,
    timestamp: number,
  ): void {
    const current = this.#current;
    current.leftTimestamp = leftTime;
    current.rightTimestamp = rightTime;
    current.timestamp = timestamp;
    const result = this.#join(left, right, current);
    this.refusePromise(result, "the join function");
    this.output.emit(result, timestamp);
  }

  // Time

  protected override wantTimer(timer: Timer): void {
    this.#standOn(timer).rows.want(timer.key);
  }

  protected override isReady(timer: Timer): boolean {
    return this.#standOn(timer).rows.knows(timer.key);
  }

  protected fire(timer: Timer): void {
    const side = this.#standOn(timer);
    if (!side.outer) {
      side.rows.clear();
      return;
    }
    const time = timer.time - side.to;
    if (!side.rows.isMatched(time))
      for (const row of side.rows.at(time)) this.#emitUnmatched(row, time, side);
    side.rows.delete(time);
  }

  /** The rows have gone although their results could not be made. */
  protected override abandon(timer: Timer): void {
    const side = this.#standOn(timer);
    side.rows.delete(timer.time - side.to);
  }

  protected override describe(timer: Timer): unknown {
    const side = this.#standOn(timer);
    const timestamp = timer.time - side.to;
    return { key: timer.key, unmatched: side.namespace, rows: side.rows.at(timestamp), timestamp };
  }

  #standOn(timer: Timer): Side {
    const side = this.#sideOf(timer);
    side.rows.useNamespace(this.#bucketOfTimer(side, timer));
    return side;
  }

  #sideOf(timer: Timer): Side {
    return timer.namespace === "left" ? this.#left : this.#right;
  }

  /** Of an outer side each time has a timer, of another the end of each bucket. */
  #bucketOfTimer(side: Side, timer: Timer): number {
    return this.#bucketOf(timer.time - side.to);
  }

  #bucketOf(time: number): number {
    return Math.floor(time / this.#bucketMs) * this.#bucketMs;
  }
}
