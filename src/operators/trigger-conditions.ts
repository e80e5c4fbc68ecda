// Conditions — what triggers are composed of: `afterWatermark({ early: afterCount(100) })`, `anyOf`, `allOf`, `inOrder`.
//
// A condition is a state machine per window. Records and time change its state; when it is ready the window fires, and the
// condition says what follows: another state, perhaps one in which it is over. `repeatedly` starts again what is over. A
// window whose whole condition is over never fires again, and forgets what comes later.
//
// When windows become one, so do their conditions, part by part, also those that are over (law W12): the end of a longer
// window has yet to come, and what waits for it begins again.
//
// Time is compared with the watermark and the clock, timers only make sure that somebody looks. Parts of a condition may
// wait for the same moment, that is for one timer: whenever the window fires, the timers of its old state are deleted and
// those of the new one are set.
//
// Owns:      the smallest conditions, and the trigger that a condition makes.
// Does not:  compose them (composed-conditions.ts), read options (triggers.ts).
//
// Law W10  (docs/laws.md) The state of merged windows does not depend on the order in which they merge.
//
// Source: Akidau et al., "The Dataflow Model", 2015; the algebra of Apache Beam's triggers.
import type { TimeDomain } from "../time/window.ts";
import type { Trigger, TriggerContext, TriggerResult } from "./trigger.ts";

/** State of a condition that is over: it will not be ready again. Composed conditions remember which part is. */
export const OVER = "over";

export type ConditionContext = Omit<TriggerContext<never>, "state">;

/** When a window emits, as a part that can be composed. Made by the functions of `triggers`. */
export interface TriggerCondition {
  readonly label: string;
  readonly clocks: readonly TimeDomain[];
  /**
   * Its turn comes while the window holds records already: the first state. Default: undefined, nothing happens before the
   * next record.
   */
  begin?(context: ConditionContext): unknown;
  /**
   * A record came. Sets the timers that the next state waits for and this one did not.
   *
   * @param state undefined at the beginning; never one that is over
   */
  onElement(state: unknown, context: ConditionContext): unknown;
  /** @param state never one that is over */
  isReady(state: unknown, context: ConditionContext): boolean;
  /** Called when ready. @returns the next state; its timers are set afterwards */
  onFire(state: unknown, context: ConditionContext): unknown;
  /** It will not be ready again, unless its window becomes part of a longer one. */
  isOver(state: unknown): boolean;
  /**
   * The state of the window that took the place of windows with these states; its timers are set afterwards.
   *
   * @param states at least one; undefined for a window in which it has yet to begin
   */
  merge(states: readonly unknown[], context: ConditionContext): unknown;
  /** Sets the timers that the state waits for. */
  arm(state: unknown, context: ConditionContext): void;
  /** Deletes them. */
  clear(state: unknown, context: ConditionContext): void;
}

/** Ready once, when `records` have come. */
export function afterCount(records: number): TriggerCondition {
  const seen = (state: unknown): number => (state ?? 0) as number;
  return Object.freeze<TriggerCondition>({
    label: `after ${records} records`,
    clocks: [],
    onElement: (state) => seen(state) + 1,
    isReady: (state) => seen(state) >= records,
    onFire: () => OVER,
    isOver: (state) => state === OVER,
    merge: (states) =>
      states.includes(OVER) ? OVER : states.reduce<number>((sum, one) => sum + seen(one), 0),
    arm() {},
    clear() {},
  });
}

/** Ready once, so long after the first record on the clock. */
export function afterProcessingTime(delayMs: number): TriggerCondition {
  return Object.freeze<TriggerCondition>({
    label: `${delayMs} ms after the first record`,
    clocks: ["processing"],
    onElement(state, { nowMs, timers }) {
      if (state === undefined) timers.processing(nowMs + delayMs);
      return state ?? nowMs + delayMs;
    },
    isReady: (state, { nowMs }) => state !== undefined && nowMs >= (state as number),
    onFire: () => OVER,
    isOver: (state) => state === OVER,
    merge(states) {
      if (states.includes(OVER)) return OVER;
      const due = states.filter((state) => state !== undefined) as number[];
      return due.length === 0 ? undefined : Math.min(...due);
    },
    arm(state, { nowMs, timers }) {
      // What has come already is seen whenever something else happens.
      if (typeof state === "number" && state > nowMs) timers.processing(state);
    },
    clear(state, { timers }) {
      if (typeof state === "number") timers.deleteProcessing(state);
    },
  });
}

/** Ready once, when there are records and the watermark has passed the end of the window. */
export function afterEndOfWindow(): TriggerCondition {
  return END_OF_WINDOW;
}

/** `true` while it waits for the end, with records. */
const END_OF_WINDOW: TriggerCondition = Object.freeze<TriggerCondition>({
  label: "end of window",
  clocks: ["event"],
  begin: (context) => (hasEnded(context) ? undefined : true),
  onElement(_state, context) {
    armAtEnd(context);
    return true;
  },
  isReady: (state, context) => state === true && hasEnded(context),
  onFire: () => OVER,
  isOver: (state) => state === OVER,
  merge(states, context) {
    // Where it has yet to be ready, records wait for it.
    if (!hasEnded(context) || states.includes(true)) return true;
    return states.includes(undefined) ? undefined : OVER;
  },
  arm: (state, context) => {
    if (state === true) armAtEnd(context);
  },
  clear(_state, { window, timers }) {
    timers.deleteEvent(window.end - 1);
  },
});

/** The condition as the trigger of a window. */
export function conditionTrigger(condition: TriggerCondition): Trigger<unknown, unknown> {
  const judge = (context: TriggerContext<unknown>): TriggerResult => {
    const { state } = context;
    if (!condition.isReady(state, context as ConditionContext)) return "continue";
    condition.clear(state, context as ConditionContext);
    context.state = condition.onFire(state, context as ConditionContext);
    if (condition.isOver(context.state)) return "fireAndPurge";
    condition.arm(context.state, context as ConditionContext);
    return "fire";
  };
  const onTime = (_time: number, context: TriggerContext<unknown>): TriggerResult =>
    condition.isOver(context.state) ? "continue" : judge(context);
  return Object.freeze<Trigger<unknown, unknown>>({
    label: condition.label,
    clocks: condition.clocks,
    onElement(_record, context) {
      if (condition.isOver(context.state)) return "purge";
      context.state = condition.onElement(context.state, context as ConditionContext);
      return judge(context);
    },
    onEventTime: onTime,
    onProcessingTime: onTime,
    onMerge(states, context) {
      // Nothing waits in a window that is over: it has no say in when the others fire.
      const going = states.filter((state) => !condition.isOver(state));
      context.state = condition.merge(going.length === 0 ? states : going, context as ConditionContext);
      if (!condition.isOver(context.state)) condition.arm(context.state, context as ConditionContext);
    },
    clear(context) {
      if (!condition.isOver(context.state)) condition.clear(context.state, context as ConditionContext);
    },
  });
}

export function hasEnded({ window, watermark }: ConditionContext): boolean {
  return watermark >= window.end - 1;
}

export function armAtEnd(context: ConditionContext): void {
  if (!hasEnded(context)) context.timers.event(context.window.end - 1);
}
