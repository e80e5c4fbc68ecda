// timeout — a trigger, with an end for windows that nothing else would end: those of keys that fall silent.
//
// Not every record moves the timer: it is set once, and when it comes it is set again for what is left of the time since
// the last record. So a busy key has one timer per timeout, not one per record.
//
// Law W13 (docs/laws.md) A window with a timeout emits, when no record has come for so long, what it holds; nothing of it is
//         left then, and no record was lost.
import { MAX_WATERMARK } from "../core/batch.ts";
import { durationText } from "../time/duration.ts";
import type { TimeDomain } from "../time/window.ts";
import type { AnyTrigger, Trigger, TriggerContext, TriggerResult } from "./trigger.ts";

export interface Timeout {
  readonly afterMs: number;
  readonly time: TimeDomain;
  /** Emit what the window holds, instead of only forgetting it. */
  readonly emit: boolean;
}

/** What is remembered per window. */
interface Waiting {
  /** Of the trigger itself. */
  readonly inner: unknown;
  /** The newest record came then. */
  readonly at: number;
  /** The timer that is set. */
  readonly timer: number;
}

type Context = TriggerContext<unknown>;

/** As `trigger`; a window to which no record has come for so long emits, if it shall, and forgets everything. */
export function withTimeout(
  trigger: AnyTrigger,
  { afterMs, time, emit }: Timeout,
): Trigger<unknown, unknown> {
  const inEventTime = time === "event";
  const innerOf = (state: unknown): unknown => (state as Waiting | undefined)?.inner;

  const arm = ({ timers }: Context, timer: number): void =>
    inEventTime ? timers.event(timer) : timers.processing(timer);
  const disarm = ({ timers }: Context, timer: number): void =>
    inEventTime ? timers.deleteEvent(timer) : timers.deleteProcessing(timer);

  /** Lets the trigger act with the state that is its own. */
  const act = (
    context: Context,
    waiting: Waiting | undefined,
    method: () => TriggerResult,
  ): TriggerResult => {
    context.state = waiting?.inner;
    const result = method();
    if (waiting === undefined) return result;
    context.state = { ...waiting, inner: context.state };
    // The trigger may have waited for the same moment, and wait no longer.
    arm(context, waiting.timer);
    return result;
  };

  const onTimer = (
    clock: TimeDomain,
    method: ((time: number, context: Context) => TriggerResult) | undefined,
  ) => {
    if (method === undefined && clock !== time) return undefined;
    return (now: number, context: Context): TriggerResult => {
      const waiting = context.state as Waiting | undefined;
      const isOwn = clock === time && waiting?.timer === now;
      const next = isOwn ? { ...waiting, timer: waiting.at + afterMs } : waiting;
      if (isOwn && next!.timer <= now) {
        context.state = waiting.inner;
        trigger.clear?.(context);
        context.state = undefined;
        return emit ? "fireAndPurge" : "purge";
      }
      return act(context, next, () => method?.call(trigger, now, context) ?? "continue");
    };
  };

  const onEventTime = onTimer("event", trigger.onEventTime);
  const onProcessingTime = onTimer("processing", trigger.onProcessingTime);
  return Object.freeze<Trigger<unknown, unknown>>({
    label: `${trigger.label}, timeout ${durationText(afterMs)}${inEventTime ? " of event time" : ""}${emit ? "" : " without a result"}`,
    clocks: [...new Set([...trigger.clocks, time])],
    ...(trigger.waitsForEndOnClock && { waitsForEndOnClock: true }),
    onElement(record, context) {
      const before = context.state as Waiting | undefined;
      const now = inEventTime ? Math.max(context.timestamp ?? 0, context.watermark) : context.nowMs;
      // Nothing follows the end of the input: what comes with it waits for nobody.
      const came = now === MAX_WATERMARK ? (context.timestamp ?? 0) : now;
      const at = Math.max(came, before?.at ?? came);
      const waiting = { inner: before?.inner, at, timer: before?.timer ?? at + afterMs };
      return act(context, waiting, () => trigger.onElement(record as never, context));
    },
    ...(onEventTime && { onEventTime }),
    ...(onProcessingTime && { onProcessingTime }),
    ...(trigger.onMerge && {
      onMerge(states, context) {
        trigger.onMerge?.(states.map(innerOf), context);
        const waiting = states.filter((state) => state !== undefined) as Waiting[];
        if (waiting.length === 0) return;
        const at = Math.max(...waiting.map((each) => each.at));
        context.state = { inner: context.state, at, timer: at + afterMs };
        arm(context, at + afterMs);
      },
    }),
    onPurge(context) {
      const waiting = context.state as Waiting | undefined;
      context.state = waiting?.inner;
      trigger.onPurge?.(context);
      if (waiting === undefined) return;
      // What the trigger remembers goes with the timeout.
      if (context.state === undefined) disarm(context, waiting.timer);
      else context.state = { ...waiting, inner: context.state };
    },
    clear(context) {
      const waiting = context.state as Waiting | undefined;
      if (waiting !== undefined) disarm(context, waiting.timer);
      context.state = waiting?.inner;
      trigger.clear?.(context);
      context.state = waiting;
    },
  });
}
