// triggers, evictors — what users call to say when windows emit, and what is taken out of them.
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import { afterWatermark, allOf, anyOf, inOrder, repeatedly } from "./composed-conditions.ts";
import { type Evictor, lastRecords, nearRecords, newestRecords } from "./evictor.ts";
import { withTimeout } from "./timeout-trigger.ts";
import {
  type AnyTrigger,
  eventTime,
  everyEventTime,
  everyProcessingTime,
  onCount,
  processingTime,
  purging,
  type Trigger,
} from "./trigger.ts";
import {
  afterCount,
  afterEndOfWindow,
  afterProcessingTime,
  conditionTrigger,
  type TriggerCondition,
} from "./trigger-conditions.ts";

export interface TimeoutOptions {
  /** `event`: since the newest record's time; also what is left at the end of the input is emitted. Default `processing`. */
  readonly time?: "processing" | "event";
  /** Whether the window emits what it holds before it is forgotten. Default true. */
  readonly emit?: boolean;
}

export interface AfterWatermarkOptions {
  /** Results before the end of the window, whenever this is ready. Default none. */
  readonly early?: TriggerCondition;
  /** Results afterwards, within the allowed lateness. Default none: what comes late is dropped. */
  readonly late?: TriggerCondition;
}

/**
 * When windows emit. Some act on their own; the others (`after...`, `repeatedly`, `anyOf`, `allOf`, `inOrder`) are
 * conditions that can be composed, and a window whose whole condition is over emits nothing more.
 */
export interface Triggers {
  /**
   * When the watermark passes the end of the window, and for every late record that is still allowed. On the global
   * window: at the end of the input.
   */
  eventTime(): Trigger<unknown>;
  /** When the clock passes the end of the window. */
  processingTime(): Trigger<unknown>;
  /** For every `records` records of the window. What is left when the window ends is not emitted. */
  count(records: number): Trigger<unknown>;
  /** Whenever the watermark passes a multiple of `interval`, and at the end of the window. */
  continuousEventTime(interval: Duration): Trigger<unknown>;
  /** Whenever the clock passes a multiple of `interval`, and at the end of a window in processing time. */
  continuousProcessingTime(interval: Duration): Trigger<unknown>;
  /** As `trigger`, but the window forgets what it has emitted. */
  purging<T>(trigger: Trigger<T> | TriggerCondition): Trigger<T>;

  /**
   * As `trigger`; but a window to which no record has come for so long emits what it holds and is forgotten. On the global
   * window, which nothing else ends, so that keys which fall silent leave nothing behind.
   */
  timeout<T>(trigger: Trigger<T> | TriggerCondition, after: Duration, options?: TimeoutOptions): Trigger<T>;

  /** When the watermark passes the end of the window; before that and afterwards as often as the options say. */
  afterWatermark(options?: AfterWatermarkOptions): TriggerCondition;
  /** Once, when the watermark has passed the end of the window. */
  afterEndOfWindow(): TriggerCondition;
  /** Once, when `records` records have come. */
  afterCount(records: number): TriggerCondition;
  /** Once, so long after the first record. */
  afterProcessingTime(delay: Duration): TriggerCondition;
  /** Again and again. */
  repeatedly(condition: TriggerCondition): TriggerCondition;
  /** Whenever one of them is ready, until one of them is over. */
  anyOf(...several: readonly TriggerCondition[]): TriggerCondition;
  /** When all of them are ready. */
  allOf(...several: readonly TriggerCondition[]): TriggerCondition;
  /** One after the other: the next begins when the one before it is over. */
  inOrder(...several: readonly TriggerCondition[]): TriggerCondition;
}

export const triggers: Triggers = Object.freeze<Triggers>({
  eventTime,
  processingTime,
  count: (records) => onCount(wholeNumber("trigger count", records)),
  continuousEventTime: (interval) =>
    everyEventTime(parseDuration(interval, "interval of a trigger", "positive")),
  continuousProcessingTime: (interval) =>
    everyProcessingTime(parseDuration(interval, "interval of a trigger", "positive")),
  purging: <T>(trigger: Trigger<T> | TriggerCondition): Trigger<T> => purging(asTrigger(trigger)),
  timeout(trigger, after, options = {}) {
    checkOptions("trigger timeout", options, ["time", "emit"]);
    const { time = "processing", emit = true } = options;
    if (time !== "processing" && time !== "event")
      throw new InvalidOptionError("trigger timeout", "time", time, '"processing" or "event"');
    if (typeof emit !== "boolean")
      throw new InvalidOptionError("trigger timeout", "emit", emit, "true or false");
    const afterMs = parseDuration(after, "timeout of a trigger", "positive");
    return withTimeout(asTrigger(trigger), { afterMs, time, emit });
  },
  afterWatermark(options = {}) {
    checkOptions("trigger afterWatermark", options, ["early", "late"]);
    for (const part of ["early", "late"] as const)
      if (options[part] !== undefined) checkCondition(`trigger afterWatermark, ${part}`, options[part]);
    return afterWatermark(options.early, options.late);
  },
  afterEndOfWindow,
  afterCount: (records) => afterCount(wholeNumber("trigger afterCount", records)),
  afterProcessingTime: (delay) =>
    afterProcessingTime(parseDuration(delay, "delay of a trigger", "notNegative")),
  repeatedly(condition) {
    checkCondition("trigger repeatedly", condition);
    return repeatedly(condition);
  },
  anyOf: (...several) => anyOf(conditionsOf("anyOf", several)),
  allOf: (...several) => allOf(conditionsOf("allOf", several)),
  inOrder: (...several) => inOrder(conditionsOf("inOrder", several)),
});

export interface EvictorOptions {
  /** Whether the function of the window sees what is taken out (`after`) or not. Default `before`. */
  readonly when?: "before" | "after";
}

/** What is taken out of a full window when it fires; gone for its later results too. */
export interface Evictors {
  /** Keeps the last `records` that came. */
  count(records: number, options?: EvictorOptions): Evictor<unknown>;
  /** Keeps what is less than `duration` older than the newest record. */
  time(duration: Duration, options?: EvictorOptions): Evictor<unknown>;
  /** Keeps the records whose `delta` to the last one that came is below `threshold`. */
  delta<T>(threshold: number, delta: (record: T, last: T) => number, options?: EvictorOptions): Evictor<T>;
}

export const evictors: Evictors = Object.freeze<Evictors>({
  count: (records, options) => lastRecords(wholeNumber("evictor count", records), readWhen("count", options)),
  time: (duration, options) =>
    newestRecords(parseDuration(duration, "duration of an evictor", "positive"), readWhen("time", options)),
  delta(threshold, delta, options) {
    if (typeof threshold !== "number" || Number.isNaN(threshold))
      throw new InvalidOptionError("evictor delta", "threshold", threshold, "a number");
    return nearRecords(threshold, delta, readWhen("delta", options));
  },
});

/** A composed condition as the trigger that the operator runs. */
export function asTrigger(given: AnyTrigger | TriggerCondition): AnyTrigger {
  return isCondition(given) ? conditionTrigger(given) : given;
}

function isCondition(given: unknown): given is TriggerCondition {
  return typeof (given as Partial<TriggerCondition> | undefined)?.isReady === "function";
}

function checkCondition(owner: string, given: unknown): void {
  if (isCondition(given)) return;
  throw new InvalidOptionError(
    owner,
    "condition",
    given,
    "a condition such as triggers.afterCount(100); a trigger that acts on its own is no part of another",
  );
}

function conditionsOf(name: string, given: readonly TriggerCondition[]): readonly TriggerCondition[] {
  if (given.length === 0)
    throw new InvalidOptionError(`trigger ${name}`, "conditions", "none", "at least one condition");
  for (const condition of given) checkCondition(`trigger ${name}`, condition);
  return given;
}

function wholeNumber(owner: string, records: number): number {
  checkWholeNumber(owner, "records", records ?? Number.NaN, 1);
  return records;
}

function readWhen(name: string, options: EvictorOptions = {}): "before" | "after" {
  checkOptions(`evictor ${name}`, options, ["when"]);
  const when = options.when ?? "before";
  if (when !== "before" && when !== "after")
    throw new InvalidOptionError(`evictor ${name}`, "when", when, '"before" or "after"');
  return when;
}
