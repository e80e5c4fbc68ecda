// CurrentContext — the one context object that an operator instance hands to its user code, standing on a record or timer.
import { EngineError } from "../core/errors.ts";
import type { StateHandles } from "../state/keyed-state.ts";
import type { ProcessContext, ProcessTimers } from "./keyed-process.ts";
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

/** What a context passes on to its operator. */
export interface ContextPort {
  readonly operator: string;
  event(time: number): void;
  deleteEvent(time: number): void;
  processing(time: number): void;
  deleteProcessing(time: number): void;
  emit(value: unknown, timestamp: number | undefined): void;
  side(tag: string, value: unknown, timestamp: number | undefined): void;
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
