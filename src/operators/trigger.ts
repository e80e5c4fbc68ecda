// Trigger — when a window emits what it holds so far, and whether it forgets that afterwards.
//
// Owns:      the interface for custom triggers, and the ready ones that act on single records and timers.
// Does not:  hold records, or know operators. Conditions that are composed of others: trigger-conditions.ts.
//
// The state of a trigger belongs to one window of one key. `undefined` means nothing is remembered: a window that was
// purged and whose trigger remembers nothing takes no room.
import { MAX_WATERMARK } from "../core/batch.ts";
import type { TimeDomain, Window } from "../time/window.ts";
import type { ProcessTimers } from "./keyed-process.ts";

/** What happens to the window: `fire` emits its contents, `purge` forgets them. */
export type TriggerResult = "continue" | "fire" | "purge" | "fireAndPurge";

/** What a trigger sees: one object per operator instance, valid only until the method returns. */
export interface TriggerContext<S> {
  readonly window: Window;
  /** Event time of the record in epoch ms; undefined for records without, and in methods about timers. */
  readonly timestamp: number | undefined;
  /** Later records are strictly newer, in epoch ms. */
  readonly watermark: number;
  /** Wall clock in epoch ms. */
  readonly nowMs: number;
  /** Plain data of this window: set another value, never change the one that is there. */
  state: S | undefined;
  /** Timers of this window. */
  readonly timers: ProcessTimers;
}

/** Decides when windows of records of type T emit; `S` is what it remembers per window. */
export interface Trigger<in T = unknown, S = unknown> {
  /** What explain and the plan's hash call it. */
  readonly label: string;
  /** The clocks whose timers it sets. */
  readonly clocks: readonly TimeDomain[];
  /** It does nothing before the clock reaches the end of the window: on the global window it would never fire. */
  readonly waitsForEndOnClock?: boolean | undefined;
  /** A record was added to the window. */
  onElement(record: T, context: TriggerContext<S>): TriggerResult;
  /** A timer of the window has come: one that the trigger set, or the one at which the window goes. */
  onEventTime?(time: number, context: TriggerContext<S>): TriggerResult;
  /** As {@link onEventTime}, on the clock. */
  onProcessingTime?(time: number, context: TriggerContext<S>): TriggerResult;
  /**
   * The window of the context has taken the place of windows with these states, whose timers are gone: set its state and
   * its timers. A trigger without this method cannot be used with sessions. Must not depend on the order of `states`.
   */
  onMerge?(states: readonly (S | undefined)[], context: TriggerContext<S>): void;
  /** What the window held was forgotten: stop the timers that mean nothing before the next record. */
  onPurge?(context: TriggerContext<S>): void;
  /** The window goes, or becomes part of another: delete the timers that are still set. */
  clear?(context: TriggerContext<S>): void;
}

// biome-ignore lint/suspicious/noExplicitAny: the record type is checked where the user hands the trigger over
export type AnyTrigger = Trigger<any, any>;

/**
 * Fires when the watermark passes the end of the window, and again for every late record that is still allowed. On the
 * global window: at the end of the input. The default of windows in event time.
 */
export function eventTime(): Trigger<unknown, never> {
  return EVENT_TIME;
}

const EVENT_TIME: Trigger<unknown, never> = Object.freeze<Trigger<unknown, never>>({
  label: "event time",
  clocks: ["event"],
  onElement(_record, { window, watermark, timers }) {
    if (window.end - 1 <= watermark) return "fire";
    timers.event(window.end - 1);
    return "continue";
  },
  onEventTime: (time, { window }) => (time === window.end - 1 ? "fire" : "continue"),
  onMerge(_states, { window, watermark, timers }) {
    // When the watermark has passed the end already, the record that made the windows meet fires.
    if (window.end - 1 > watermark) timers.event(window.end - 1);
  },
  clear({ window, timers }) {
    timers.deleteEvent(window.end - 1);
  },
});

/** Fires when the clock passes the end of the window. The default of windows in processing time. */
export function processingTime(): Trigger<unknown, never> {
  return PROCESSING_TIME;
}

const PROCESSING_TIME: Trigger<unknown, never> = Object.freeze<Trigger<unknown, never>>({
  label: "processing time",
  clocks: ["processing"],
  waitsForEndOnClock: true,
  onElement(_record, { window, timers }) {
    timers.processing(window.end);
    return "continue";
  },
  onProcessingTime: (time, { window }) => (time === window.end ? "fire" : "continue"),
  onMerge(_states, { window, nowMs, timers }) {
    // When the clock has reached the end already, the record that made the windows meet sets the timer.
    if (window.end > nowMs) timers.processing(window.end);
  },
  clear({ window, timers }) {
    timers.deleteProcessing(window.end);
  },
});

/**
 * Fires for every `records` records of the window, and never otherwise: what is left when the window ends is not emitted.
 *
 * @param records at least 1
 */
export function onCount(records: number): Trigger<unknown, number> {
  const state = (seen: number): number | undefined => (seen === 0 ? undefined : seen);
  return Object.freeze<Trigger<unknown, number>>({
    label: `every ${records} records`,
    clocks: [],
    onElement(_record, context) {
      const seen = (context.state ?? 0) + 1;
      context.state = state(seen >= records ? 0 : seen);
      return seen >= records ? "fire" : "continue";
    },
    onMerge(states, context) {
      context.state = state(states.reduce<number>((sum, seen) => sum + (seen ?? 0), 0));
    },
  });
}

/**
 * Fires whenever the watermark passes a multiple of `interval` while records are in the window, once however many it passes,
 * and at the end of the window.
 *
 * @param intervalMs longer than zero
 */
export function everyEventTime(intervalMs: number): Trigger<unknown, number> {
  /** @param from the next multiple is behind this, and behind the watermark */
  const arm = (from: number, context: TriggerContext<number>): void => {
    const { watermark, window, timers } = context;
    // At the end of the input no interval follows, or the global window would never be done with them.
    context.state =
      watermark === MAX_WATERMARK ? undefined : nextMultiple(Math.max(from, watermark), intervalMs);
    // What lies behind the end is remembered without a timer: a session may grow until it holds it.
    if (context.state !== undefined && context.state < window.end - 1) timers.event(context.state);
  };
  const disarm = ({ state, window, timers }: TriggerContext<number>): void => {
    if (state !== undefined) timers.deleteEvent(state);
    timers.deleteEvent(window.end - 1);
  };
  return Object.freeze<Trigger<unknown, number>>({
    label: `every ${intervalMs} ms of event time`,
    clocks: ["event"],
    onElement(_record, context) {
      const { window, watermark, timestamp } = context;
      if (window.end - 1 <= watermark) return "fire";
      context.timers.event(window.end - 1);
      // A record without event time, in the global window, waits for the watermark's next interval.
      if (context.state === undefined) arm(timestamp ?? 0, context);
      return "continue";
    },
    onEventTime(time, context) {
      if (time === context.window.end - 1) return "fire";
      if (context.state !== time) return "continue";
      arm(time, context);
      return "fire";
    },
    onMerge(states, context) {
      const next = earliest(states);
      if (next !== undefined) arm(next - intervalMs, context);
      if (context.window.end - 1 > context.watermark) context.timers.event(context.window.end - 1);
    },
    onPurge(context) {
      disarm(context);
      context.state = undefined;
    },
    clear: disarm,
  });
}

/**
 * Fires whenever the clock passes a multiple of `interval` while records are in the window, once however many it passes, and,
 * for windows in processing time, at the end.
 *
 * @param intervalMs longer than zero
 */
export function everyProcessingTime(intervalMs: number): Trigger<unknown, number> {
  const arm = (at: number, context: TriggerContext<number>): void => {
    context.state = at;
    context.timers.processing(at);
  };
  const disarm = ({ state, timers }: TriggerContext<number>): void => {
    if (state !== undefined) timers.deleteProcessing(state);
  };
  return Object.freeze<Trigger<unknown, number>>({
    label: `every ${intervalMs} ms of processing time`,
    clocks: ["processing"],
    onElement(_record, context) {
      if (context.state === undefined) arm(nextMultiple(context.nowMs, intervalMs), context);
      return "continue";
    },
    onProcessingTime(time, context) {
      if (context.state === time) {
        arm(nextMultiple(Math.max(time, context.nowMs), intervalMs), context);
        return "fire";
      }
      return time === context.window.end ? "fire" : "continue";
    },
    onMerge(states, context) {
      const next = earliest(states);
      if (next !== undefined) arm(next, context);
    },
    onPurge(context) {
      disarm(context);
      context.state = undefined;
    },
    clear: disarm,
  });
}

/** The trigger, but what was emitted is forgotten: every record is in at most one result of its window. */
export function purging<T, S>(trigger: Trigger<T, S>): Trigger<T, S> {
  const purge = (result: TriggerResult): TriggerResult => (result === "fire" ? "fireAndPurge" : result);
  const { onEventTime, onProcessingTime, onMerge, onPurge, clear, waitsForEndOnClock } = trigger;
  return Object.freeze<Trigger<T, S>>({
    label: `purging ${trigger.label}`,
    clocks: trigger.clocks,
    ...(waitsForEndOnClock && { waitsForEndOnClock }),
    onElement: (record, context) => purge(trigger.onElement(record, context)),
    ...(onEventTime && { onEventTime: (time, context) => purge(onEventTime.call(trigger, time, context)) }),
    ...(onProcessingTime && {
      onProcessingTime: (time, context) => purge(onProcessingTime.call(trigger, time, context)),
    }),
    ...(onMerge && { onMerge: (states, context) => onMerge.call(trigger, states, context) }),
    ...(onPurge && { onPurge: (context) => onPurge.call(trigger, context) }),
    ...(clear && { clear: (context) => clear.call(trigger, context) }),
  });
}

/** The first multiple of the interval behind the time. */
function nextMultiple(time: number, intervalMs: number): number {
  const past = time % intervalMs;
  return time - (past < 0 ? past + intervalMs : past) + intervalMs;
}

function earliest(states: readonly (number | undefined)[]): number | undefined {
  const set = states.filter((state) => state !== undefined);
  return set.length === 0 ? undefined : Math.min(...set);
}
