// Conditions — triggers composed of smaller ones: `afterWatermark({ early: afterCount(100) })`, `anyOf`, `allOf`, `inOrder`.
//
// A condition is a state machine per window. Records and time change its state; when it is ready the window fires, and the
// condition says what follows: another state, or that it is over. `repeatedly` starts again what is over. A window whose
// whole condition is over never fires again, and forgets what comes later.
//
// Time is compared with the watermark and the clock, timers only make sure that somebody looks.
//
// Law W10  (docs/laws.md) The state of merged windows does not depend on the order in which they merge.
//
// Source: Akidau et al., "The Dataflow Model", 2015; the algebra of Apache Beam's triggers.
import type { TimeDomain } from "../time/window.ts";
import type { Trigger, TriggerContext, TriggerResult } from "./trigger.ts";

/** The condition is over: it will not be ready again. */
const OVER = "over";

type Context = Omit<TriggerContext<never>, "state">;

/** When a window emits, as a part that can be composed. Made by the functions of `triggers`. */
export interface TriggerCondition {
  readonly label: string;
  readonly clocks: readonly TimeDomain[];
  /**
   * Its turn comes while the window holds records already: the first state; sets its timers. Default: undefined, nothing
   * happens before the next record.
   */
  begin?(context: Context): unknown;
  /** @param state undefined at the beginning */
  onElement(state: unknown, context: Context): unknown;
  isReady(state: unknown, context: Context): boolean;
  /** Called when ready. @returns the next state, or OVER */
  onFire(state: unknown, context: Context): unknown;
  /** The state of the window that took the place of windows with these states; sets its timers. */
  merge(states: readonly unknown[], context: Context): unknown;
  /**
   * It was over, and its window has become part of a longer one: its state when it begins again, or OVER. Default: OVER.
   * What ended with the old window begins again, because the longer one has yet to end.
   */
  reopen?(context: Context): unknown;
  /** Deletes timers. */
  clear(state: unknown, context: Context): void;
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
    merge: (states) => states.reduce<number>((sum, state) => sum + seen(state), 0),
    clear() {},
  });
}

/** Ready once, so long after the first record on the clock. */
export function afterProcessingTime(delayMs: number): TriggerCondition {
  const arm = (dueMs: number, context: Context): number => {
    context.timers.processing(dueMs);
    return dueMs;
  };
  return Object.freeze<TriggerCondition>({
    label: `${delayMs} ms after the first record`,
    clocks: ["processing"],
    onElement: (state, context) => state ?? arm(context.nowMs + delayMs, context),
    isReady: (state, { nowMs }) => state !== undefined && nowMs >= (state as number),
    onFire: () => OVER,
    merge(states, context) {
      const due = states.filter((state) => state !== undefined) as number[];
      return due.length === 0 ? undefined : arm(Math.min(...due), context);
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

const END_OF_WINDOW: TriggerCondition = Object.freeze<TriggerCondition>({
  label: "end of window",
  clocks: ["event"],
  begin(context) {
    if (hasEnded(context)) return undefined;
    armAtEnd(context);
    return true;
  },
  reopen(context) {
    if (hasEnded(context)) return OVER;
    armAtEnd(context);
    return true;
  },
  onElement(_state, context) {
    armAtEnd(context);
    return true;
  },
  isReady: (state, context) => state === true && hasEnded(context),
  onFire: () => OVER,
  merge(states, context) {
    if (!states.includes(true)) return undefined;
    armAtEnd(context);
    return true;
  },
  clear(_state, { window, timers }) {
    timers.deleteEvent(window.end - 1);
  },
});

interface Phases {
  readonly isLate: boolean;
  readonly inner: unknown;
}

const BEFORE_END: Phases = Object.freeze({ isLate: false, inner: undefined });

/**
 * Ready whenever `early` is, until the watermark passes the end of the window; then once; then whenever `late` is. Without
 * `late` it is over at the end of the window.
 */
export function afterWatermark(
  early: TriggerCondition | undefined,
  late: TriggerCondition | undefined,
): TriggerCondition {
  const before = early && repeatedly(early);
  const after = late && repeatedly(late);
  const part = ({ isLate }: Phases): TriggerCondition | undefined => (isLate ? after : before);
  const read = (state: unknown): Phases => (state ?? BEFORE_END) as Phases;
  const begin = (context: Context): Phases => {
    armAtEnd(context);
    return { isLate: false, inner: before?.begin?.(context) };
  };
  return Object.freeze<TriggerCondition>({
    label: `end of window${early === undefined ? "" : `, early ${early.label}`}${late === undefined ? "" : `, late ${late.label}`}`,
    clocks: unionOf([END_OF_WINDOW, ...(early ? [early] : []), ...(late ? [late] : [])]),
    begin,
    reopen: (context) => (hasEnded(context) ? OVER : begin(context)),
    onElement(state, context) {
      const phases = read(state);
      if (!phases.isLate) armAtEnd(context);
      return { isLate: phases.isLate, inner: part(phases)?.onElement(phases.inner, context) };
    },
    isReady(state, context) {
      const phases = read(state);
      if (!phases.isLate && hasEnded(context)) return true;
      return part(phases)?.isReady(phases.inner, context) === true;
    },
    onFire(state, context) {
      const phases = read(state);
      if (phases.isLate || !hasEnded(context))
        return { isLate: phases.isLate, inner: part(phases)?.onFire(phases.inner, context) };
      before?.clear(phases.inner, context);
      return after === undefined ? OVER : { isLate: true, inner: undefined };
    },
    merge(states, context) {
      // A window that has not ended yet will end once more, whatever happened to its parts.
      const ended = hasEnded(context);
      const isLate = ended && states.some((state) => read(state).isLate);
      if (!ended) armAtEnd(context);
      const inner = states.filter((state) => read(state).isLate === isLate).map((state) => read(state).inner);
      return { isLate, inner: (isLate ? after : before)?.merge(inner, context) };
    },
    clear(state, context) {
      const phases = read(state);
      part(phases)?.clear(phases.inner, context);
      context.timers.deleteEvent(context.window.end - 1);
    },
  });
}

/** Ready whenever the condition is; starts again when it is over. */
export function repeatedly(condition: TriggerCondition): TriggerCondition {
  return Object.freeze<TriggerCondition>({
    ...condition,
    label: `repeatedly ${condition.label}`,
    onFire(state, context) {
      const next = condition.onFire(state, context);
      if (next !== OVER) return next;
      condition.clear(state, context);
      return undefined;
    },
  });
}

/** Ready when one of them is; over as soon as one of them is over. */
export function anyOf(conditions: readonly TriggerCondition[]): TriggerCondition {
  return parallel("any", conditions, (some) => some.includes(true));
}

/** Ready when all of them are; over when all of them are over. */
export function allOf(conditions: readonly TriggerCondition[]): TriggerCondition {
  return parallel("all", conditions, (some) => !some.includes(false));
}

function parallel(
  word: string,
  conditions: readonly TriggerCondition[],
  decide: (answers: readonly boolean[]) => boolean,
): TriggerCondition {
  const read = (state: unknown): readonly unknown[] =>
    (state ?? conditions.map(() => undefined)) as readonly unknown[];
  return Object.freeze<TriggerCondition>({
    label: `${word} of (${conditions.map(({ label }) => label).join("; ")})`,
    clocks: unionOf(conditions),
    begin: (context) => conditions.map((condition) => condition.begin?.(context)),
    onElement: (state, context) =>
      read(state).map((one, i) => (one === OVER ? OVER : conditions[i]?.onElement(one, context))),
    isReady: (state, context) =>
      decide(read(state).map((one, i) => one === OVER || conditions[i]?.isReady(one, context) === true)),
    onFire(state, context) {
      const next = read(state).map((one, i) => {
        const condition = conditions[i] as TriggerCondition;
        if (one === OVER || !condition.isReady(one, context)) return one;
        const after = condition.onFire(one, context);
        if (after === OVER) condition.clear(one, context);
        return after;
      });
      return decide(next.map((one) => one === OVER)) ? OVER : next;
    },
    merge: (states, context) =>
      conditions.map((condition, i) => {
        const going = states.map((state) => read(state)[i]).filter((one) => one !== OVER);
        return going.length === 0 ? reopened(condition, context) : condition.merge(going, context);
      }),
    reopen(context) {
      const next = conditions.map((condition) => reopened(condition, context));
      // One that is over ends `any` whichever it was: it need not have been the end of the window.
      return decide(next.map((one) => one === OVER)) ? OVER : next;
    },
    clear(state, context) {
      read(state).forEach((one, i) => {
        if (one !== OVER) conditions[i]?.clear(one, context);
      });
    },
  });
}

interface Position {
  readonly at: number;
  readonly inner: unknown;
}

/** One after the other: the next begins when the one before it is over. Over after the last one. */
export function inOrder(conditions: readonly TriggerCondition[]): TriggerCondition {
  const read = (state: unknown): Position => (state ?? { at: 0, inner: undefined }) as Position;
  const condition = ({ at }: Position): TriggerCondition => conditions[at] as TriggerCondition;
  const beginAt = (at: number, context: Context): Position => ({
    at,
    inner: conditions[at]?.begin?.(context),
  });
  const reopenBefore = (end: number, context: Context): Position | undefined => {
    for (let at = 0; at < end; at++) {
      const inner = reopened(conditions[at] as TriggerCondition, context);
      if (inner !== OVER) return { at, inner };
    }
    return undefined;
  };
  return Object.freeze<TriggerCondition>({
    label: `in order (${conditions.map(({ label }) => label).join("; ")})`,
    clocks: unionOf(conditions),
    begin: (context) => beginAt(0, context),
    onElement(state, context) {
      const position = read(state);
      return { at: position.at, inner: condition(position).onElement(position.inner, context) };
    },
    isReady(state, context) {
      const position = read(state);
      return condition(position).isReady(position.inner, context);
    },
    onFire(state, context) {
      const position = read(state);
      const next = condition(position).onFire(position.inner, context);
      if (next !== OVER) return { at: position.at, inner: next };
      condition(position).clear(position.inner, context);
      return position.at + 1 === conditions.length ? OVER : beginAt(position.at + 1, context);
    },
    merge(states, context) {
      const again = reopenBefore(Math.min(...states.map((state) => read(state).at)), context);
      if (again !== undefined) return again;
      const at = Math.min(...states.map((state) => read(state).at));
      const inner = states.filter((state) => read(state).at === at).map((state) => read(state).inner);
      return { at, inner: (conditions[at] as TriggerCondition).merge(inner, context) };
    },
    reopen: (context) => reopenBefore(conditions.length, context) ?? OVER,
    clear(state, context) {
      const position = read(state);
      condition(position).clear(position.inner, context);
    },
  });
}

/** The condition as the trigger of a window. */
export function conditionTrigger(condition: TriggerCondition): Trigger<unknown, unknown> {
  const judge = (context: TriggerContext<unknown>): TriggerResult => {
    const { state } = context;
    if (!condition.isReady(state, context as Context)) return "continue";
    context.state = condition.onFire(state, context as Context);
    if (context.state !== OVER) return "fire";
    condition.clear(state, context as Context);
    return "fireAndPurge";
  };
  const onTime = (_time: number, context: TriggerContext<unknown>): TriggerResult =>
    context.state === OVER ? "continue" : judge(context);
  return Object.freeze<Trigger<unknown, unknown>>({
    label: condition.label,
    clocks: condition.clocks,
    onElement(_record, context) {
      if (context.state === OVER) return "purge";
      context.state = condition.onElement(context.state, context as Context);
      return judge(context);
    },
    onEventTime: onTime,
    onProcessingTime: onTime,
    onMerge(states, context) {
      const going = states.filter((state) => state !== OVER);
      context.state =
        going.length === 0
          ? reopened(condition, context as Context)
          : condition.merge(going, context as Context);
    },
    clear(context) {
      if (context.state !== OVER) condition.clear(context.state, context as Context);
    },
  });
}

function reopened(condition: TriggerCondition, context: Context): unknown {
  return condition.reopen === undefined ? OVER : condition.reopen(context);
}

function hasEnded({ window, watermark }: Context): boolean {
  return watermark >= window.end - 1;
}

function armAtEnd(context: Context): void {
  if (!hasEnded(context)) context.timers.event(context.window.end - 1);
}

function unionOf(conditions: readonly TriggerCondition[]): readonly TimeDomain[] {
  return [...new Set(conditions.flatMap(({ clocks }) => clocks))];
}
