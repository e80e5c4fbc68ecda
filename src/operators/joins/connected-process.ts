// connected process — the user's own code for the records of two streams, with state and timers under their common key.
// Step 4 of the walk (ARCHITECTURE.md).
import type { Batch } from "../../core/batch.ts";
import type { StateDescriptors } from "../../state/descriptors.ts";
import type { Timer } from "../../time/timer-member.ts";
import type { ContextPort } from "../context-port.ts";
import { CurrentContext, callOnTimer } from "../current-context.ts";
import type { Emits, FiredTimer, ProcessContext } from "../keyed-process.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { TwoInputOperator } from "../two-input-operator.ts";
import { DecodedKey, type DecodeKey } from "./join-context.ts";

export interface ConnectedDefinition<K, A, B, O, S extends StateDescriptors = StateDescriptors> {
  /** State by name, shared by both inputs; the names are its identity in snapshots. */
  readonly state?: S;
  readonly emits?: Emits<O>;
  /** Called for each record of the stream that `connect` was called on. No order is promised between the two streams. */
  onFirst(record: A, context: ProcessContext<K, O, S>): void;
  /** Called for each record of the stream that was given to `connect`. */
  onSecond(record: B, context: ProcessContext<K, O, S>): void;
  onTimer?(timer: FiredTimer, context: ProcessContext<K, O, S>): void;
}

/** What a context needs beside its operator. */
export interface ContextAdaptions {
  readonly decodeKey?: DecodeKey;
  /** Throws when a timer in event time is set; given when none would ever fire. */
  readonly refuseEventTimers?: (() => never) | undefined;
}

/** Runs `definition` for every record of both inputs and every timer of a key; see `keyedProcessOperator`. */
export function connectedProcessOperator<K, A, B, O, S extends StateDescriptors>(
  definition: ConnectedDefinition<K, A, B, O, S>,
  adaptions: ContextAdaptions = {},
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new ConnectedProcessOperator(context, definition, adaptions);
}

class ConnectedProcessOperator<K, A, B, O, S extends StateDescriptors> extends TwoInputOperator {
  readonly #definition: ConnectedDefinition<K, A, B, O, S>;
  readonly #current: CurrentContext<K, O, S>;
  readonly #decoded: DecodedKey;

  constructor(
    context: KeyedOperatorContext,
    definition: ConnectedDefinition<K, A, B, O, S>,
    { decodeKey, refuseEventTimers }: ContextAdaptions,
  ) {
    super(context);
    this.#definition = definition;
    const handles = this.state.addAll((definition.state ?? {}) as S);
    this.#current = new CurrentContext<K, O, S>(handles, guarded(this.contextPort(), refuseEventTimers));
    this.#decoded = new DecodedKey(decodeKey);
  }

  protected override onEnter(): void {
    this.#current.nowMs = this.nowMs;
    this.#current.watermark = this.watermark;
  }

  /** Hot. */
  protected runFirst({ keys, values, timestamps }: Batch, from: number): void {
    const definition = this.#definition;
    for (let i = from; i < values.length; i++) {
      this.#standOn(i, (keys as unknown[])[i], timestamps?.[i]);
      this.refusePromise(definition.onFirst(values[i] as A, this.#current), "onFirst");
    }
  }

  /** Hot. */
  protected runSecond({ keys, values, timestamps }: Batch, from: number): void {
    const definition = this.#definition;
    for (let i = from; i < values.length; i++) {
      this.#standOn(i, (keys as unknown[])[i], timestamps?.[i]);
      this.refusePromise(definition.onSecond(values[i] as B, this.#current), "onSecond");
    }
  }

  #standOn(index: number, key: unknown, timestamp: number | undefined): void {
    this.beginRecord(index, key);
    this.#current.key = this.#decoded.of(key) as K;
    this.#current.timestamp = timestamp;
  }

  protected fire(timer: Timer): void {
    const key = this.#decoded.of(timer.key);
    this.refusePromise(callOnTimer(this.#definition, this.#current, key, timer), "onTimer");
  }
}

/** The port of a context that may be forbidden to set timers in event time. */
export function guarded(port: ContextPort, refuseEventTimers: (() => never) | undefined): ContextPort {
  return refuseEventTimers === undefined ? port : { ...port, event: refuseEventTimers };
}
