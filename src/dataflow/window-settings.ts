// WindowSettings — what the calls between `window` and the fold have said, what it is called, and what is wrong with it.

import type { Evictor } from "../operators/evictor.ts";
import type { AnyTrigger } from "../operators/trigger.ts";
import { durationText } from "../time/duration.ts";
import { isAligned, type WindowAssigner } from "../time/windows.ts";
import { quote } from "./nodes/logical-node.ts";

export interface WindowSettings {
  readonly assigner: WindowAssigner;
  readonly trigger?: AnyTrigger;
  // biome-ignore lint/suspicious/noExplicitAny: the record type was checked where the user called
  readonly evictor?: Evictor<any>;
  readonly allowedLatenessMs?: number;
  readonly discarding?: boolean;
}

/** `tumbling window of 1d`, `sliding window of 10s every 2s, processing time`, `session window with gap 5m, discarding`. */
export function windowLabel(settings: WindowSettings): string {
  const { assigner, trigger, evictor, allowedLatenessMs = 0, discarding = false } = settings;
  const facts = [assignerLabel(assigner)];
  if (trigger !== undefined) facts.push(`trigger ${trigger?.label}`);
  if (evictor !== undefined)
    facts.push(`evictor ${evictor?.label}${evictor?.when === "after" ? ", after" : ""}`);
  if (allowedLatenessMs > 0) facts.push(`allowed lateness ${durationText(allowedLatenessMs)}`);
  if (discarding) facts.push("discarding");
  return facts.join(", ");
}

function assignerLabel(assigner: WindowAssigner): string {
  // What is no assigner is named by windowProblems; this only has to survive it.
  if (!isAssigner(assigner)) return "window";
  switch (assigner.kind) {
    case "global":
      return "global window";
    case "count":
      return `count window of ${assigner.size}${assigner.every === assigner.size ? "" : ` every ${assigner.every}`}`;
    case "session": {
      const gap = assigner.gapMs === undefined ? "a gap per record" : `gap ${durationText(assigner.gapMs)}`;
      return `session window with ${gap}${assigner.time === "event" ? "" : ", processing time"}`;
    }
    default: {
      const { kind, sizeMs, slideMs, offsetMs, calendar, time } = assigner;
      const every =
        kind === "tumbling"
          ? ""
          : ` ${kind === "sliding" ? "every" : "in steps of"} ${durationText(slideMs)}`;
      const offset = offsetMs === 0 ? "" : `, offset ${durationText(offsetMs)}`;
      const zone = calendar === undefined ? "" : `, ${calendar.timeZone}`;
      return `${kind} window of ${durationText(sizeMs)}${every}${offset}${zone}${time === "event" ? "" : ", processing time"}`;
    }
  }
}

/**
 * What does not fit together, one sentence each, which follows the operator's name.
 *
 * @param keepsRecords the fold is `apply`, which gets the records themselves
 */
export function windowProblems(settings: WindowSettings, keepsRecords: boolean): readonly string[] {
  const { assigner, trigger, evictor, allowedLatenessMs = 0, discarding } = settings;
  if (!isAssigner(assigner))
    return [`is given ${quote(assigner)} for its windows; give tumbling("1m") or sliding("1m", "10s")`];
  const problems: string[] = [];
  if (trigger !== undefined && !isTrigger(trigger))
    return [
      `is given ${quote(trigger)} for its trigger; give one of \`triggers\`, or an object with label, clocks and onElement`,
    ];
  if (evictor !== undefined && typeof evictor?.select !== "function")
    return [
      `is given ${quote(evictor)} for its evictor; give one of \`evictors\`, or an object with label and select`,
    ];
  if (assigner.kind === "count") {
    if (trigger !== undefined || evictor !== undefined || allowedLatenessMs > 0 || discarding !== undefined)
      problems.push(
        "has count windows, which emit when they are full and then let go of their oldest records; remove what was said about " +
          "triggers, evictors, lateness and accumulation, or use globalWindow()",
      );
    return problems;
  }
  if (assigner.kind === "global" && trigger === undefined)
    problems.push(
      "has the global window, which never ends by itself; say when it emits, for example .trigger(triggers.count(100))",
    );
  if (allowedLatenessMs > 0 && assigner.time !== "event")
    problems.push(
      `allows lateness, but ${assigner.time === undefined ? "the global window never ends" : "in processing time nothing is late"}; remove allowedLateness`,
    );
  if (evictor !== undefined && !keepsRecords)
    problems.push(
      `has the evictor "${evictor.label}", but folds each record at once and so has nothing to take out; use apply, or remove the evictor`,
    );
  if (trigger !== undefined) problems.push(...triggerProblems(assigner, trigger));
  return problems;
}

function triggerProblems(assigner: WindowAssigner, trigger: AnyTrigger): readonly string[] {
  const problems: string[] = [];
  if (assigner.kind === "session" && trigger.onMerge === undefined)
    problems.push(
      `has sessions, which merge, and the trigger "${trigger.label}", which cannot; give the trigger an onMerge`,
    );
  if (assigner.time === "processing" && trigger.clocks.includes("event"))
    problems.push(
      `has windows in processing time and the trigger "${trigger.label}", which waits for event time; use triggers.processingTime(), or windows in event time`,
    );
  if (assigner.kind === "global" && trigger.waitsForEndOnClock === true)
    problems.push(
      `has the global window, which never ends, and the trigger "${trigger.label}", which waits for its end; use triggers.continuousProcessingTime("1m")`,
    );
  return problems;
}

/** Whether the windows do nothing before event time advances. */
export function waitsForEventTime({ assigner, trigger }: WindowSettings): boolean {
  if (!isAssigner(assigner)) return false;
  return assigner.time === "event" || (isTrigger(trigger) && trigger.clocks.includes("event"));
}

function isAssigner(given: unknown): given is WindowAssigner {
  const { kind, time } = (given ?? {}) as Record<string, unknown>;
  if (kind === "count" || kind === "global") return true;
  const known = kind === "session" || isAligned(given as WindowAssigner);
  return known && (time === "event" || time === "processing");
}

function isTrigger(given: unknown): given is AnyTrigger {
  const { label, clocks, onElement } = (given ?? {}) as Record<string, unknown>;
  return typeof label === "string" && Array.isArray(clocks) && typeof onElement === "function";
}
