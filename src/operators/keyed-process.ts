// process — the user's own code per record and per timer, with state and timers under the record's key.
// Step 4 of the walk (ARCHITECTURE.md).
import type { Batch } from "../core/batch.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import type { StateHandles } from "../state/keyed-state.ts";
import type { Timer } from "../time/timer-member.ts";
import { CurrentContext, callOnTimer } from "./current-context.ts";
import { KeyedOperatorBase } from "./keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "./operator.ts";
import type { SideTag } from "./side-tag.ts";

declare const outputType: unique symbol;

/** Tells the compiler what a process operator emits; made by {@link emits}. */
export interface Emits<O> {
  /** Only for the compiler; never set. */
  readonly [outputType]?: (value: O) => O;
}

/** Declares the type of emitted records: `{ emits: emits<Alert>(), onRecord(...) {...} }`. */
export function emits<O>(): Emits<O> {
  return Object.freeze({});
}

/** Timers under the current key. Setting one that is set already changes nothing. */
export interface ProcessTimers {
  /**
   * Calls `onTimer` when the watermark has reached `time`. MAX_WATERMARK is the end of a bounded input. A timer that
   * always sets another one keeps a bounded job from ending.
   *
   * @param time epoch ms
   * @throws {InvalidTimerTimeError}
   */
  event(time: number): void;
  deleteEvent(time: number): void;
  /**
   * Calls `onTimer` when the clock has reached `time`, at the earliest. Those still pending when the input ends are
   * never called.
   *
   * @param time epoch ms
   * @throws {InvalidTimerTimeError}
   */
  processing(time: number): void;
  deleteProcessing(time: number): void;
}

/** What user code sees: one object per operator instance, valid only until the function returns. */
export interface ProcessContext<K, O, S> {
  readonly key: K;
  /** Event time of the record, or of the timer, in epoch ms; undefined when there is none. */
  readonly timestamp: number | undefined;
  /** Later records are strictly newer, in epoch ms. In `onTimer` the one that made the timer fire. */
  readonly watermark: number;
  /** Wall clock in epoch ms, the same for all records of a batch. */
  readonly nowMs: number;
  /** The declared states, under the current key. */
  readonly state: StateHandles<S>;
  readonly timers: ProcessTimers;
  /**
   * Sends a record on. Do not change it afterwards, nor the records received: they are shared.
   *
   * @param timestamp event time in epoch ms; default {@link timestamp}
   */
  emit(value: O, timestamp?: number): void;
  /** Sends a value to a side output, with {@link timestamp}. */
  side<T>(tag: SideTag<T>, value: T): void;
}

/** A timer that fires. */
export interface FiredTimer {
  readonly kind: "event" | "processing";
  /** For what it was set, in epoch ms. */
  readonly time: number;
}

export interface ProcessDefinition<K, T, O, S extends StateDescriptors = StateDescriptors> {
  /** State by name; the names are its identity in snapshots. */
  readonly state?: S;
  readonly emits?: Emits<O>;
  onRecord(record: T, context: ProcessContext<K, O, S>): void;
  onTimer?(timer: FiredTimer, context: ProcessContext<K, O, S>): void;
}

/**
 * Runs `definition` for every record and timer of a key.
 *
 * A record or timer whose function throws is handled by the operator's `onError` policy: unless that is `fail`, all it
 * wrote, set and emitted is taken back.
 */
export function keyedProcessOperator<K, T, O, S extends StateDescriptors>(
  definition: ProcessDefinition<K, T, O, S>,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new ProcessOperator(context, definition);
}

class ProcessOperator<K, T, O, S extends StateDescriptors> extends KeyedOperatorBase {
  readonly #definition: ProcessDefinition<K, T, O, S>;
  readonly #current: CurrentContext<K, O, S>;

  constructor(context: KeyedOperatorContext, definition: ProcessDefinition<K, T, O, S>) {
    super(context);
    this.#definition = definition;
    const handles = this.state.addAll((definition.state ?? {}) as S);
    this.#current = new CurrentContext<K, O, S>(handles, this.contextPort());
  }

  protected override onEnter(): void {
    this.#current.nowMs = this.nowMs;
    this.#current.watermark = this.watermark;
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    const definition = this.#definition;
    const current = this.#current;
    for (let i = from; i < values.length; i++) {
      const key = keys[i];
      this.beginRecord(i, key);
      current.key = key as K;
      current.timestamp = timestamps === undefined ? undefined : timestamps[i];
      const result = definition.onRecord(values[i] as T, current) as unknown;
      if (result !== undefined) this.refusePromise(result, "process");
    }
  }

  protected fire(timer: Timer): void {
    this.refusePromise(callOnTimer(this.#definition, this.#current, timer.key, timer), "process");
  }
}
