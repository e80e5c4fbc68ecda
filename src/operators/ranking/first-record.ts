// firstRecord — the first record of each key, emitted once and never taken back: deduplicate in append mode.
// Step 4 of the walk (ARCHITECTURE.md).
//
// By arrival it is emitted at once. By event time the earliest one waits until the watermark has reached it: nothing
// earlier can come then, except late. What stays behind is that the key was seen, and when.
import type { Batch } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { InvariantError } from "../../core/errors.ts";
import { type ValueDescriptor, value } from "../../state/descriptors.ts";
import type { ValueCells, ValueState } from "../../state/value-state.ts";
import type { Duration } from "../../time/duration.ts";
import type { Timer } from "../../time/timer-member.ts";
import { isChange } from "../joins/row.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { ChangeInAppendError } from "./row-errors.ts";

export interface FirstRecordDefinition {
  readonly by: "eventTime" | "arrival";
  /** How long a key is remembered after its record was emitted, in processing time. Default: for ever. */
  readonly ttl?: Duration | undefined;
}

/** State of a key that was seen: the event time of its record, 0 by arrival. */
export function seenDescriptor(ttl: Duration | undefined): ValueDescriptor<number, undefined> {
  return value<number>({ ...(ttl !== undefined && { ttl }) });
}

/** Emits the first record of each key, with its timestamp. */
export function firstRecordOperator({
  by,
  ttl,
}: FirstRecordDefinition): (context: KeyedOperatorContext) => KeyedOperator {
  const seen = seenDescriptor(ttl);
  return (context) =>
    by === "arrival" ? new FirstToArrive(context, seen) : new EarliestRecord(context, seen);
}

class FirstToArrive extends KeyedOperatorBase {
  readonly #seen: ValueState<number>;

  constructor(context: KeyedOperatorContext, seen: ValueDescriptor<number, undefined>) {
    super(context);
    this.#seen = this.state.add("seen", seen);
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    for (let i = from; i < values.length; i++) {
      this.beginRecord(i, keys[i]);
      if (isChange(values[i])) throw new ChangeInAppendError(this.context.operator);
      if (this.#seen.get() !== undefined) continue;
      this.#seen.set(0);
      this.output.emit(values[i], timestamps === undefined ? undefined : timestamps[i]);
    }
  }

  protected fire(): void {
    throw new InvariantError("the first to arrive waits for nothing", { operator: this.context.operator });
  }
}

interface Waiting {
  readonly at: number;
  readonly record: unknown;
}

class EarliestRecord extends KeyedOperatorBase {
  readonly #seen: ValueState<number>;
  /** The earliest record so far; its timer stands at its time. */
  readonly #waiting: ValueCells<Waiting>;

  constructor(context: KeyedOperatorContext, seen: ValueDescriptor<number, undefined>) {
    super(context);
    this.#seen = this.state.add("seen", seen);
    this.#waiting = this.state.addCells("waiting", msgpackCodec as Codec<Waiting>);
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    for (let i = from; i < values.length; i++) {
      const key = keys[i];
      this.beginRecord(i, key);
      const record = values[i];
      if (isChange(record)) throw new ChangeInAppendError(this.context.operator);
      const at = this.timestampOf(timestamps?.[i]);
      const seen = this.#seen.get();
      // A repetition of what was emitted, in time or not.
      if (seen !== undefined && at >= seen) continue;
      if (seen !== undefined || at <= this.watermark) {
        this.leaveLate(record, at);
        continue;
      }
      const waiting = this.#waiting.peek();
      if (waiting !== undefined) {
        if (at >= waiting.at) continue;
        this.eventTimers.delete(undefined, key, waiting.at);
      }
      this.#waiting.set({ at, record });
      this.eventTimers.register(undefined, key, at);
    }
  }

  protected fire({ time }: Timer): void {
    const waiting = this.#waiting.peek();
    if (waiting === undefined) return;
    this.#waiting.clear();
    this.#seen.set(time);
    this.output.emit(waiting.record, time);
  }
}
