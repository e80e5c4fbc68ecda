// over — an aggregate for each record over the records around it that came before. Step 4 of the walk (ARCHITECTURE.md).
//
// In event time records wait under their timestamp until the watermark has reached it; then those of one time are taken
// in the order of their arrival. Under a range they are peers: all of them are in the frame of each. By arrival a record
// is taken at once, and a range is counted by the clock.
//
// Owns:      records that wait, and what is in the frame of the next record (frame.ts).
// Does not:  hold a frame of a range longer than a record could still come that looks back to it.
//
// Invariant: whatever waits has a timer at its time, in the same commit; so has a range that is not empty.
//
// Laws (docs/laws.md)
//   X1  For any interleaving of records and watermarks, each record that was not late is emitted once, in the order of
//       event time and then of arrival, with the aggregate of exactly the records of its frame.
//   X2  Stopping after any commit and going on from storage emits the same as never stopping; and the size of the cache
//       changes nothing.
import { NoAccumulatorError } from "../../core/aggregate.ts";
import type { Batch } from "../../core/batch.ts";
import { msgpackCodec } from "../../core/codec.ts";
import { list, map, type StateLayout, stateLayout, value } from "../../state/descriptors.ts";
import type { ListCells } from "../../state/list-state.ts";
import type { ValueCells } from "../../state/value-state.ts";
import type { Timer } from "../../time/timer-member.ts";
import type { TimerQueue } from "../../time/timer-queue.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { assumeLaterStretchesEmpty, wantStretches } from "../waiting-stretches.ts";
import { type AnyAggregate, Frame, type FrameBounds, type FrameEntry, foldCodec } from "./frame.ts";

/** Which records before a record belong to its frame, beside itself; as the words of SQL. */
export type FrameShape =
  /** That many, or all of them. */
  | { readonly kind: "rows"; readonly preceding: number | "unbounded" }
  /** Those whose time is at most so many ms before; and all of the same time. */
  | { readonly kind: "range"; readonly precedingMs: number | "unbounded" };

export interface OverDefinition {
  readonly frame: FrameShape;
  readonly order: "eventTime" | "arrival";
  readonly aggregate: AnyAggregate;
}

/** A record and the aggregate over its frame. */
export interface OverResult<T, R> {
  readonly record: T;
  readonly value: R;
}

/** Namespace of the timers that empty ranges. */
const EMPTIES = "empties";

/** Emits an {@link OverResult} for each record, with its timestamp. */
export function overOperator(definition: OverDefinition): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new OverOperator(context, definition);
}

class OverOperator extends KeyedOperatorBase {
  readonly #aggregate: AnyAggregate;
  readonly #inEventTime: boolean;
  readonly #hasPeers: boolean;
  /** Rows in front of the current one, or Infinity. */
  readonly #rows: number;
  /** How far back a range reaches in ms, or Infinity. */
  readonly #rangeMs: number;
  /** Undefined where nothing ever leaves the frame: then one accumulator is all there is. */
  readonly #frame: Frame | undefined;
  readonly #total: ValueCells<unknown> | undefined;
  readonly #waiting: ListCells<unknown> | undefined;
  readonly #timers: TimerQueue;

  constructor(context: KeyedOperatorContext, { frame, order, aggregate }: OverDefinition) {
    super(context);
    this.#aggregate = aggregate;
    this.#inEventTime = order === "eventTime";
    this.#hasPeers = this.#inEventTime && frame.kind === "range";
    this.#rows = frame.kind === "rows" && frame.preceding !== "unbounded" ? frame.preceding : Infinity;
    this.#rangeMs =
      frame.kind === "range" && frame.precedingMs !== "unbounded" ? frame.precedingMs : Infinity;
    this.#timers = this.#inEventTime ? this.eventTimers : this.processingTimers;
    if (isUnbounded(frame)) this.#total = this.state.addCells("total", aggregate.codec ?? msgpackCodec);
    else this.#frame = new Frame(this.state, context.operator, aggregate);
    if (this.#inEventTime) {
      this.#waiting = this.state.add("waiting", list<unknown>()) as ListCells<unknown>;
      if (!context.startsEmpty) assumeLaterStretchesEmpty(this.#waiting, this.eventTimers, itself);
    }
  }

  // Records

  protected override wantBatch(batch: Batch): void {
    if (this.#waiting === undefined) super.wantBatch(batch);
    else wantStretches(this.#waiting, batch, this.watermark, itself);
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    for (let i = from; i < values.length; i++) {
      const key = keys[i];
      this.beginRecord(i, key);
      const timestamp = timestamps === undefined ? undefined : timestamps[i];
      if (this.#inEventTime) this.#takeLater(values[i], key, this.timestampOf(timestamp));
      else this.#take(values[i], Math.max(this.nowMs, this.#frame?.newest ?? 0), timestamp);
    }
  }

  #takeLater(record: unknown, key: unknown, timestamp: number): void {
    if (timestamp <= this.watermark) {
      this.leaveLate(record, timestamp);
      return;
    }
    // A record that cannot be added is found out while it is alone, so that it takes no other one with it.
    if (this.context.onError !== "fail") this.#aggregate.add(this.#aggregate.create(), record);
    const waiting = this.#waiting as ListCells<unknown>;
    waiting.useNamespace(timestamp);
    waiting.append(record);
    this.eventTimers.register(undefined, key, timestamp);
  }

  /** @param at where the record stands in its frame, in epoch ms */
  #take(record: unknown, at: number, timestamp: number | undefined): void {
    const frame = this.#frame;
    let value: unknown;
    if (frame === undefined) value = this.#addToTotal(record);
    else {
      this.#makeRoom(frame, at);
      frame.push(at, frame.foldOf(record));
      value = frame.result();
    }
    this.output.emit({ record, value }, timestamp);
  }

  /** All records of one time: each is in the frame of each. */
  #takePeers(records: readonly unknown[], at: number): void {
    const frame = this.#frame;
    let value: unknown;
    if (frame === undefined) for (const record of records) value = this.#addToTotal(record);
    else {
      this.#makeRoom(frame, at);
      let fold = frame.foldOf(records[0]);
      for (let i = 1; i < records.length; i++) fold = frame.addTo(fold, records[i]);
      frame.push(at, fold);
      value = frame.result();
    }
    for (const record of records) this.output.emit({ record, value }, at);
  }

  /** Takes out what is not in the frame of a record at `at`. */
  #makeRoom(frame: Frame, at: number): void {
    if (this.#rangeMs === Infinity) {
      frame.keepLast(this.#rows);
      return;
    }
    if (frame.size === 0) this.#timers.register(EMPTIES, this.state.key, at + this.#rangeMs + 1);
    else frame.keepSince(at - this.#rangeMs);
  }

  /** @returns the result with the record */
  #addToTotal(record: unknown): unknown {
    const aggregate = this.#aggregate;
    const total = this.#total as ValueCells<unknown>;
    const isImmutable = aggregate.immutable === true;
    const next: unknown = aggregate.add(
      (isImmutable ? total.peek() : total.get()) ?? aggregate.create(),
      record,
    );
    if (next === undefined) throw new NoAccumulatorError(this.context.operator, "the aggregate's add");
    total.set(next);
    const result: unknown = aggregate.result(next);
    if (isImmutable || typeof result !== "object" || result === null) return result;
    // The next record may be added in place: what is emitted must not be part of it.
    return aggregate.result(aggregate.merge(aggregate.create(), next));
  }

  // Time

  protected override wantTimer(timer: Timer): void {
    this.#waiting?.useNamespace(timer.time);
    this.state.wantKey(timer.key);
  }

  protected override isReady(timer: Timer): boolean {
    this.#waiting?.useNamespace(timer.time);
    return this.state.knows(timer.key);
  }

  protected fire({ namespace, key, time }: Timer): void {
    if (namespace === EMPTIES) {
      this.#empty(this.#frame as Frame, key, time);
      return;
    }
    const waiting = this.#recordsOf(time);
    const records = waiting.peek();
    if (this.#hasPeers) this.#takePeers(records, time);
    else for (let i = 0; i < records.length; i++) this.#take(records[i], time, time);
    waiting.clear();
  }

  /** One timer stands for the whole frame: it looks again when records have come since. */
  #empty(frame: Frame, key: unknown, time: number): void {
    frame.keepSince(time - this.#rangeMs);
    const { newest } = frame;
    if (newest !== undefined) this.#timers.register(EMPTIES, key, newest + this.#rangeMs + 1);
  }

  /** The records of a time that could not be folded must not stay for ever. */
  protected override abandon({ namespace, time }: Timer): void {
    if (namespace !== EMPTIES) this.#recordsOf(time).clear();
  }

  protected override describe(timer: Timer): unknown {
    if (timer.namespace === EMPTIES) return super.describe(timer);
    return { key: timer.key, records: this.#recordsOf(timer.time).peek(), timestamp: timer.time };
  }

  #recordsOf(time: number): ListCells<unknown> {
    const waiting = this.#waiting as ListCells<unknown>;
    waiting.useNamespace(time);
    return waiting;
  }
}

/** Records of different times wait apart. */
function itself(timestamp: number): number {
  return timestamp;
}

/** Nothing ever leaves the frame. */
export function isUnbounded(frame: FrameShape): boolean {
  return (frame.kind === "rows" ? frame.preceding : frame.precedingMs) === "unbounded";
}

/** What the operator stores, for the plan's hash. */
export function overLayout({ frame, order, aggregate }: OverDefinition): readonly StateLayout[] {
  const { codec } = aggregate;
  return stateLayout({
    ...(isUnbounded(frame)
      ? { total: value(codec && { codec }) }
      : {
          frame: map({ codec: foldCodec<FrameEntry>("fold", codec) }),
          bounds: value({ codec: foldCodec<FrameBounds>("back", codec) }),
        }),
    ...(order === "eventTime" && { waiting: list() }),
  });
}
