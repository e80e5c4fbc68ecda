// TriggerScope — what a trigger sees of the window at hand: one object per operator instance, pointed at window after window.
import type { TimerQueue } from "../../time/timer-queue.ts";
import type { Window } from "../../time/window.ts";
import type { ProcessTimers } from "../keyed-process.ts";
import type { TriggerContext } from "../trigger.ts";
import type { OpenWindow } from "./open-window.ts";

export class TriggerScope implements TriggerContext<unknown> {
  window!: Window;
  timestamp: number | undefined = undefined;
  watermark: number = Number.NEGATIVE_INFINITY;
  nowMs = 0;
  state: unknown = undefined;
  readonly timers: ProcessTimers;
  /** Namespace of the window's timers. */
  #id = 0;
  #key: unknown = undefined;
  /** When the window goes: its trigger must not delete that timer. */
  #goesAtEvent: number | undefined = undefined;
  #goesAtProcessing: number | undefined = undefined;

  constructor(eventTimers: TimerQueue, processingTimers: TimerQueue) {
    this.timers = Object.freeze<ProcessTimers>({
      event: (time) => void eventTimers.register(this.#id, this.#key, time),
      deleteEvent: (time) => {
        if (time !== this.#goesAtEvent) eventTimers.delete(this.#id, this.#key, time);
      },
      processing: (time) => {
        // The global window has no end on the clock.
        if (time !== Number.POSITIVE_INFINITY) processingTimers.register(this.#id, this.#key, time);
      },
      deleteProcessing: (time) => {
        if (time !== this.#goesAtProcessing) processingTimers.delete(this.#id, this.#key, time);
      },
    });
  }

  /**
   * @param goesAtEvent when the window goes in event time, or undefined
   * @param goesAtProcessing the same on the clock
   */
  pointAt(
    key: unknown,
    id: number,
    open: OpenWindow,
    timestamp: number | undefined,
    goesAtEvent: number | undefined,
    goesAtProcessing: number | undefined,
  ): void {
    this.#key = key;
    this.#id = id;
    this.window = open;
    this.state = open.state;
    this.timestamp = timestamp;
    this.#goesAtEvent = goesAtEvent;
    this.#goesAtProcessing = goesAtProcessing;
  }
}
