// CurrentContext — the one context object that an operator instance hands to its user code, standing on a record or timer.
import { EngineError } from "../core/errors.ts";
import type { StateHandles } from "../state/keyed-state.ts";
import type { Timer } from "../time/timer-member.ts";
import type { ContextPort } from "./context-port.ts";
import { eventTimeOf } from "./event-time.ts";
import type { FiredTimer, ProcessContext, ProcessTimers } from "./keyed-process.ts";
import type { SideTag } from "./side-tag.ts";

/** An emitted record was given a timestamp that is not a time. */
export class InvalidEmitTimestampError extends EngineError<"INVALID_EMIT_TIMESTAMP"> {
  constructor(operator: string, timestamp: unknown) {
    super(
      "INVALID_EMIT_TIMESTAMP",
      `operator "${operator}": emit was called with timestamp ${String(timestamp)} (${typeof timestamp}); ` +
        "give a finite number of milliseconds since 1970-01-01 UTC, or leave it out",
      { details: { operator, timestamp: String(timestamp) } },
    );
  }
}

/** What the contexts of keyed and of broadcast records share: the time, and the way out. */
export class EmittingContext<O> {
  timestamp: number | undefined = undefined;
  watermark = 0;
  nowMs = 0;
  readonly #port: ContextPort;

  constructor(port: ContextPort) {
    this.#port = port;
  }

  emit(value: O, timestamp?: number): void {
    if (timestamp !== undefined && !Number.isFinite(timestamp))
      throw new InvalidEmitTimestampError(this.#port.operator, timestamp);
    this.#port.emit(value, timestamp ?? this.timestamp);
  }

  side<T>(tag: SideTag<T>, value: T): void {
    this.#port.side(tag.tag, value, this.timestamp);
  }
}

export class CurrentContext<K, O, S> extends EmittingContext<O> implements ProcessContext<K, O, S> {
  key: K = undefined as K;
  readonly state: StateHandles<S>;
  readonly timers: ProcessTimers;

  constructor(state: StateHandles<S>, port: ContextPort) {
    super(port);
    this.state = state;
    this.timers = Object.freeze<ProcessTimers>({
      event: (time) => port.event(time),
      deleteEvent: (time) => port.deleteEvent(time),
      processing: (time) => port.processing(time),
      deleteProcessing: (time) => port.deleteProcessing(time),
    });
  }
}

/**
 * Calls `onTimer` for a timer of `key`, with the context standing on it.
 *
 * @returns what `onTimer` returned, which must not be a promise
 */
export function callOnTimer<C extends { key: unknown; timestamp: number | undefined }>(
  definition: { onTimer?(timer: FiredTimer, context: C): void },
  current: C,
  key: unknown,
  timer: Timer,
): unknown {
  current.key = key;
  current.timestamp = eventTimeOf(timer);
  return definition.onTimer?.({ kind: timer.kind as FiredTimer["kind"], time: timer.time }, current);
}
