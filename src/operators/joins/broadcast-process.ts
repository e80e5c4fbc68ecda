// broadcast process — the user's own code for keyed records that looks at state which a broadcast stream keeps up to date
// in every partition: rules against transactions, settings against events. Step 4 of the walk (ARCHITECTURE.md).
//
// Only broadcast records may change broadcast state: all partitions get the same ones, and so keep the same state. What
// belongs to a key is changed by that key's records and timers alone.
//
// Law J6 (docs/laws.md): broadcast state and the keyed state beside it behave as plain variables do, whatever throws and
// whenever the operator stops and goes on.
import type { Batch } from "../../core/batch.ts";
import type { StateLoad, StateWrites } from "../../core/ports/state-backend.ts";
import type { StateDescriptors } from "../../state/descriptors.ts";
import { NO_KEY } from "../../state/key-scope.ts";
import type { StateHandles } from "../../state/keyed-state.ts";
import type { Timer } from "../../time/timer-member.ts";
import type { ContextPort } from "../context-port.ts";
import { CurrentContext, callOnTimer, EmittingContext } from "../current-context.ts";
import type { Emits, FiredTimer, ProcessContext } from "../keyed-process.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { TwoInputOperator } from "../two-input-operator.ts";
import { type BroadcastDescriptors, BroadcastStore, type ReadonlyStates } from "./broadcast-store.ts";
import { type ContextAdaptions, guarded } from "./connected-process.ts";
import { DecodedKey } from "./join-context.ts";

const NO_KEYS: unknown[] = [];

/** What `onRecord` and `onTimer` see. */
export interface KeyedBroadcastContext<K, O, S, M> extends ProcessContext<K, O, S> {
  /** The broadcast states, to be read. */
  readonly broadcast: ReadonlyStates<M>;
}

/** What `onBroadcast` sees: there is no key, so no keyed state and no timers. */
export interface BroadcastContext<O, M>
  extends Pick<ProcessContext<never, O, never>, "timestamp" | "watermark" | "nowMs" | "emit" | "side"> {
  /** The broadcast states, to be changed. */
  readonly broadcast: StateHandles<M>;
}

export interface BroadcastDefinition<
  K,
  A,
  B,
  O,
  S extends StateDescriptors = StateDescriptors,
  M extends BroadcastDescriptors = BroadcastDescriptors,
> {
  /** State under the key of the record. */
  readonly state?: S;
  /** State that broadcast records change and all records see: `map()` and `value()` without a time to live. */
  readonly broadcast: M;
  readonly emits?: Emits<O>;
  onRecord(record: A, context: KeyedBroadcastContext<K, O, S, M>): void;
  /**
   * Called once in every partition. What it does must follow from the record and the broadcast state alone, so that all
   * partitions do the same; what it emits is emitted by each of them.
   */
  onBroadcast(record: B, context: BroadcastContext<O, M>): void;
  onTimer?(timer: FiredTimer, context: KeyedBroadcastContext<K, O, S, M>): void;
}

/** Runs `definition` for every record of both inputs and every timer of a key; see `keyedProcessOperator`. */
export function broadcastProcessOperator<
  K,
  A,
  B,
  O,
  S extends StateDescriptors,
  M extends BroadcastDescriptors,
>(
  definition: BroadcastDefinition<K, A, B, O, S, M>,
  adaptions: ContextAdaptions = {},
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new BroadcastProcessOperator(context, definition, adaptions);
}

class BroadcastProcessOperator<
  K,
  A,
  B,
  O,
  S extends StateDescriptors,
  M extends BroadcastDescriptors,
> extends TwoInputOperator {
  readonly #definition: BroadcastDefinition<K, A, B, O, S, M>;
  readonly #store: BroadcastStore<M>;
  readonly #current: CurrentKeyedContext<K, O, S, M>;
  readonly #currentBroadcast: CurrentBroadcastContext<O, M>;
  readonly #decoded: DecodedKey;
  readonly #mayRollBack: boolean;

  constructor(
    context: KeyedOperatorContext,
    definition: BroadcastDefinition<K, A, B, O, S, M>,
    { decodeKey, refuseEventTimers }: ContextAdaptions,
  ) {
    super(context);
    this.#definition = definition;
    const handles = this.state.addAll((definition.state ?? {}) as S);
    const store = new BroadcastStore(context, definition.broadcast);
    this.#store = store;
    const port = this.contextPort();
    this.#current = new CurrentKeyedContext(handles, guarded(port, refuseEventTimers), store.readable);
    this.#currentBroadcast = new CurrentBroadcastContext(this.#keylessPort(port), store.writable);
    this.#decoded = new DecodedKey(decodeKey);
    this.#mayRollBack = context.onError !== "fail";
  }

  /** Of a record without a key, which the port of keyed records takes for no record at all. */
  #keylessPort(port: ContextPort): ContextPort {
    return {
      ...port,
      emit: (value, timestamp) => {
        this.#store.checkInside("emit");
        this.output.emit(value, timestamp);
      },
      side: (tag, value, timestamp) => {
        this.#store.checkInside("side");
        this.side(tag)?.emit(value, timestamp);
      },
    };
  }

  protected override onEnter(): void {
    this.#store.enter(this.nowMs);
    for (const current of [this.#current, this.#currentBroadcast]) {
      current.nowMs = this.nowMs;
      current.watermark = this.watermark;
    }
  }

  // Records

  override onBatch(batch: Batch): void {
    // Broadcast records have no keys; `runSecond` never looks at any.
    const keyed = batch.keys === undefined ? { ...batch, keys: NO_KEYS } : batch;
    this.#within(() => super.onBatch(keyed));
  }

  protected override wantSecond(): void {}

  /** Hot. */
  protected runFirst({ keys, values, timestamps }: Batch, from: number): void {
    const definition = this.#definition;
    const current = this.#current;
    for (let i = from; i < values.length; i++) {
      const key = (keys as unknown[])[i];
      this.beginRecord(i, key);
      current.key = this.#decoded.of(key) as K;
      current.timestamp = timestamps?.[i];
      this.refusePromise(definition.onRecord(values[i] as A, current), "onRecord");
    }
  }

  protected runSecond({ values, timestamps }: Batch, from: number): void {
    const current = this.#currentBroadcast;
    for (let i = from; i < values.length; i++) {
      // Keyed state and timers are refused, also through the context that a keyed record left behind.
      this.beginRecord(i, NO_KEY);
      current.timestamp = timestamps?.[i];
      if (this.#mayRollBack) this.#applyOrTakeBack(values[i] as B);
      else this.#apply(values[i] as B);
    }
  }

  #apply(record: B): void {
    this.refusePromise(this.#definition.onBroadcast(record, this.#currentBroadcast), "onBroadcast");
  }

  /** The operator's own state and output are taken back by the policy; the broadcast state is here. */
  #applyOrTakeBack(record: B): void {
    this.#store.beginRecord();
    try {
      this.#apply(record);
    } catch (error) {
      this.#store.rollback();
      throw error;
    }
  }

  protected fire(timer: Timer): void {
    const key = this.#decoded.of(timer.key);
    this.refusePromise(callOnTimer(this.#definition, this.#current, key, timer), "onTimer");
  }

  // Broadcast state goes the way of the keyed state

  override missingForBatch(batch: Batch): readonly StateLoad[] {
    return this.#withMissing(super.missingForBatch(batch));
  }

  override missingForEventTime(watermark: number, limit: number): readonly StateLoad[] {
    return this.#withMissing(super.missingForEventTime(watermark, limit));
  }

  override missingForProcessingTime(nowMs: number, limit: number): readonly StateLoad[] {
    return this.#withMissing(super.missingForProcessingTime(nowMs, limit));
  }

  #withMissing(keyed: readonly StateLoad[]): readonly StateLoad[] {
    const own = this.#store.missing();
    return own.length === 0 ? keyed : [...keyed, ...own];
  }

  override supply(loads: readonly StateLoad[]): void {
    super.supply(loads);
    this.#store.supply(loads);
  }

  override advanceEventTime(watermark: number, limit: number): boolean {
    return this.#within(() => super.advanceEventTime(watermark, limit));
  }

  override advanceProcessingTime(nowMs: number, limit: number): boolean {
    return this.#within(() => super.advanceProcessingTime(nowMs, limit));
  }

  #within<R>(run: () => R): R {
    try {
      return run();
    } finally {
      this.#store.leave();
    }
  }

  override get pendingWrites(): number {
    return super.pendingWrites + this.#store.pendingWrites;
  }

  override collectWrites(into: StateWrites[]): void {
    super.collectWrites(into);
    this.#store.collect(into);
  }

  override acknowledge(): void {
    super.acknowledge();
    this.#store.acknowledge();
  }
}

class CurrentKeyedContext<K, O, S, M>
  extends CurrentContext<K, O, S>
  implements KeyedBroadcastContext<K, O, S, M>
{
  readonly broadcast: ReadonlyStates<M>;

  constructor(state: StateHandles<S>, port: ContextPort, broadcast: ReadonlyStates<M>) {
    super(state, port);
    this.broadcast = broadcast;
  }
}

class CurrentBroadcastContext<O, M> extends EmittingContext<O> implements BroadcastContext<O, M> {
  readonly broadcast: StateHandles<M>;

  constructor(port: ContextPort, broadcast: StateHandles<M>) {
    super(port);
    this.broadcast = broadcast;
  }
}
