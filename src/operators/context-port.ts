// ContextPort — the way from a context that user code holds back into its operator, open while a record or timer is processed.
import { NO_KEY, StateOutsideRecordError } from "../state/key-scope.ts";
import type { KeyedState } from "../state/keyed-state.ts";
import type { OperatorOutputs } from "./operator-outputs.ts";
import type { OperatorTimers } from "./operator-timers.ts";

/** What a context passes on. All of it is under the current key. @throws {StateOutsideRecordError} when there is none */
export interface ContextPort {
  readonly operator: string;
  event(time: number): void;
  deleteEvent(time: number): void;
  processing(time: number): void;
  deleteProcessing(time: number): void;
  emit(value: unknown, timestamp: number | undefined): void;
  side(tag: string, value: unknown, timestamp: number | undefined): void;
}

export function createContextPort(
  operator: string,
  state: KeyedState,
  timers: OperatorTimers,
  outputs: OperatorOutputs,
): ContextPort {
  const keyFor = (what: string): unknown => {
    const { key } = state;
    if (key === NO_KEY) throw new StateOutsideRecordError(operator, what);
    return key;
  };
  return {
    operator,
    event: (time) => void timers.event.register(undefined, keyFor("timers"), time),
    deleteEvent: (time) => void timers.event.delete(undefined, keyFor("timers"), time),
    processing: (time) => void timers.processing.register(undefined, keyFor("timers"), time),
    deleteProcessing: (time) => void timers.processing.delete(undefined, keyFor("timers"), time),
    emit: (value, timestamp) => {
      keyFor("emit");
      outputs.results.emit(value, timestamp);
    },
    side: (tag, value, timestamp) => {
      keyFor("side");
      outputs.side(tag)?.emit(value, timestamp);
    },
  };
}
