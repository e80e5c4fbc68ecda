// Composed conditions — `afterWatermark`, `repeatedly`, `anyOf`, `allOf`, `inOrder`: conditions made of conditions.
//
// The state of a condition with several parts is an array of the states of its parts. Whether it is over follows from them,
// so that nothing is forgotten of a part when the whole is over: a window that becomes longer may start it again.
//
// Law W12  (docs/laws.md) In a merged window a count or a delay is over when it was over in some part, the end of the window
//          when it was over in all parts and the merged window has ended; the rest follows from its parts.
import type { TimeDomain } from "../time/window.ts";
import {
  afterEndOfWindow,
  armAtEnd,
  type ConditionContext,
  hasEnded,
  OVER,
  type TriggerCondition,
} from "./trigger-conditions.ts";

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
  return Object.freeze<TriggerCondition>({
    label: `end of window${early === undefined ? "" : `, early ${early.label}`}${late === undefined ? "" : `, late ${late.label}`}`,
    clocks: unionOf([afterEndOfWindow(), ...(early ? [early] : []), ...(late ? [late] : [])]),
    begin: (context) => (hasEnded(context) ? undefined : { isLate: false, inner: before?.begin?.(context) }),
    onElement(state, context) {
      const phases = read(state);
      if (!phases.isLate) armAtEnd(context);
      return { isLate: phases.isLate, inner: part(phases)?.onElement(phases.inner, context) };
    },
    isReady(state, context) {
      if (state === undefined) return false;
      const phases = read(state);
      if (!phases.isLate && hasEnded(context)) return true;
      return part(phases)?.isReady(phases.inner, context) === true;
    },
    onFire(state, context) {
      const phases = read(state);
      if (phases.isLate || !hasEnded(context))
        return { isLate: phases.isLate, inner: part(phases)?.onFire(phases.inner, context) };
      return after === undefined ? OVER : { isLate: true, inner: undefined };
    },
    isOver: (state) => state === OVER,
    merge(states, context) {
      // A window that has not ended yet will end once more, whatever happened to its parts.
      const going = states.filter((state) => state !== OVER && state !== undefined).map(read);
      const ended = hasEnded(context);
      if (ended && going.length === 0) return states.includes(undefined) ? undefined : OVER;
      const isLate = ended && going.every((phases) => phases.isLate);
      const inner = going.filter((phases) => phases.isLate === isLate).map((phases) => phases.inner);
      return {
        isLate,
        inner: inner.length === 0 ? undefined : (isLate ? after : before)?.merge(inner, context),
      };
    },
    arm(state, context) {
      const phases = read(state);
      if (!phases.isLate) armAtEnd(context);
      part(phases)?.arm(phases.inner, context);
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
  const going = (state: unknown): unknown => (condition.isOver(state) ? undefined : state);
  return Object.freeze<TriggerCondition>({
    ...condition,
    label: `repeatedly ${condition.label}`,
    onFire: (state, context) => going(condition.onFire(state, context)),
    isOver: () => false,
    merge: (states, context) => going(condition.merge(states, context)),
  });
}

/** Ready when one of them is; over as soon as one of them is over. */
export function anyOf(conditions: readonly TriggerCondition[]): TriggerCondition {
  return parallel("any", conditions, (answers) => answers.includes(true));
}

/** Ready when all of them are; over when all of them are over. */
export function allOf(conditions: readonly TriggerCondition[]): TriggerCondition {
  return parallel("all", conditions, (answers) => !answers.includes(false));
}

function parallel(
  word: string,
  conditions: readonly TriggerCondition[],
  decide: (answers: readonly boolean[]) => boolean,
): TriggerCondition {
  const begun = (context: ConditionContext): readonly unknown[] =>
    conditions.map((condition) => condition.begin?.(context));
  const unbegun: readonly unknown[] = Object.freeze(conditions.map(() => undefined));
  const read = (state: unknown): readonly unknown[] => (state ?? unbegun) as readonly unknown[];
  const isOverAt = (state: unknown, i: number): boolean => (conditions[i] as TriggerCondition).isOver(state);
  const isOver = (state: unknown): boolean => decide(read(state).map(isOverAt));
  /** What waited in the other parts was in the last result. */
  const settled = (states: readonly unknown[]): readonly unknown[] =>
    isOver(states) ? states.map((one, i) => (isOverAt(one, i) ? one : undefined)) : states;
  const eachGoing = (state: unknown, act: (condition: TriggerCondition, one: unknown) => void): void => {
    read(state).forEach((one, i) => {
      if (!isOverAt(one, i)) act(conditions[i] as TriggerCondition, one);
    });
  };
  return Object.freeze<TriggerCondition>({
    label: `${word} of (${conditions.map(({ label }) => label).join("; ")})`,
    clocks: unionOf(conditions),
    begin: begun,
    onElement: (state, context) =>
      read(state).map((one, i) => (isOverAt(one, i) ? one : conditions[i]?.onElement(one, context))),
    isReady: (state, context) =>
      decide(read(state).map((one, i) => isOverAt(one, i) || conditions[i]?.isReady(one, context) === true)),
    onFire: (state, context) =>
      settled(
        read(state).map((one, i) => {
          const condition = conditions[i] as TriggerCondition;
          return condition.isOver(one) || !condition.isReady(one, context)
            ? one
            : condition.onFire(one, context);
        }),
      ),
    isOver,
    merge: (states, context) =>
      settled(
        conditions.map((condition, i) =>
          condition.merge(
            states.map((state) => read(state)[i]),
            context,
          ),
        ),
      ),
    arm: (state, context) => eachGoing(state, (condition, one) => condition.arm(one, context)),
    clear: (state, context) => eachGoing(state, (condition, one) => condition.clear(one, context)),
  });
}

/**
 * One after the other: the next begins when the one before it is over. Over after the last one. The state has as many
 * entries as conditions have begun, and the last one is the one whose turn it is.
 */
export function inOrder(conditions: readonly TriggerCondition[]): TriggerCondition {
  const first: readonly unknown[] = Object.freeze([undefined]);
  const read = (state: unknown): readonly unknown[] => (state ?? first) as readonly unknown[];
  const current = (states: readonly unknown[]): TriggerCondition =>
    conditions[states.length - 1] as TriggerCondition;
  return Object.freeze<TriggerCondition>({
    label: `in order (${conditions.map(({ label }) => label).join("; ")})`,
    clocks: unionOf(conditions),
    begin: (context) => [conditions[0]?.begin?.(context)],
    onElement(state, context) {
      const states = read(state);
      return [...states.slice(0, -1), current(states).onElement(states.at(-1), context)];
    },
    isReady(state, context) {
      const states = read(state);
      return current(states).isReady(states.at(-1), context);
    },
    onFire(state, context) {
      const states = read(state);
      const next = current(states).onFire(states.at(-1), context);
      const fired = [...states.slice(0, -1), next];
      if (current(states).isOver(next) && states.length < conditions.length)
        fired.push(conditions[states.length]?.begin?.(context));
      return fired;
    },
    isOver(state) {
      const states = read(state);
      return states.length === conditions.length && current(states).isOver(states.at(-1));
    },
    merge(states, context) {
      const merged: unknown[] = [];
      for (const condition of conditions) {
        const at = merged.length;
        const begun = states.map(read).filter((one) => at < one.length);
        merged.push(
          begun.length === 0
            ? condition.begin?.(context)
            : condition.merge(
                begun.map((one) => one[at]),
                context,
              ),
        );
        if (!condition.isOver(merged[at])) break;
      }
      return merged;
    },
    arm(state, context) {
      const states = read(state);
      current(states).arm(states.at(-1), context);
    },
    clear(state, context) {
      const states = read(state);
      current(states).clear(states.at(-1), context);
    },
  });
}

function unionOf(conditions: readonly TriggerCondition[]): readonly TimeDomain[] {
  return [...new Set(conditions.flatMap(({ clocks }) => clocks))];
}
