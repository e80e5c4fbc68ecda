// sourcePlan — a source with its options read: durations in ms, defaults in place.
import type { AlignmentPlan, SourcePlan } from "../plan/plan.ts";
import { parseDuration } from "../time/duration.ts";
import { boundedOutOfOrderness } from "../time/watermark-strategies.ts";
import { eventTimestamp } from "./event-timestamp.ts";
import type { SourceNode } from "./nodes/source-node.ts";

export function sourcePlan(node: SourceNode): SourcePlan {
  const { source, options } = node;
  return {
    source,
    timestamp:
      options.timestamp === undefined
        ? undefined
        : eventTimestamp(`source "${node.name}"`, options.timestamp),
    watermarks: options.watermarks ?? boundedOutOfOrderness(options.outOfOrderness ?? 0),
    idleAfterMs:
      options.idleAfter === undefined
        ? undefined
        : parseDuration(options.idleAfter, outOf(node, "idleAfter")),
    alignment: alignmentOf(node),
    onError: options.onError ?? "fail",
  };
}

function alignmentOf(node: SourceNode): AlignmentPlan | undefined {
  const { alignment } = node.options;
  if (alignment === undefined) return undefined;
  return Object.freeze({
    group: alignment.group,
    maxDriftMs: parseDuration(alignment.maxDrift, outOf(node, "alignment.maxDrift")),
  });
}

function outOf(node: SourceNode, option: string): string {
  return `source "${node.name}": option "${option}"`;
}
