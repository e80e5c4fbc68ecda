// window — folds records per key and window, and emits the results: the entry to the operators for windows.
//
// Windows that emit once, when they end, have operators of their own: tumbling-window.ts and sliced-window.ts for windows
// of time, count-window.ts for windows of records. Everything else (sessions, the global window, triggers, lateness, full
// contents) is general-window.ts.
import { list, map, type StateLayout, stateLayout, value } from "../state/descriptors.ts";
import type { CountAssigner } from "../time/count-windows.ts";
import { isAligned } from "../time/windows.ts";
import type { KeyedOperator, KeyedOperatorContext } from "./operator.ts";
import { eventTime, processingTime } from "./trigger.ts";
import { recordCodec } from "./window/contents.ts";
import { CountAggregateOperator, CountApplyOperator } from "./window/count-window.ts";
import { GeneralWindowOperator } from "./window/general-window.ts";
import { openWindowCodec } from "./window/open-window.ts";
import { SlicedWindowOperator } from "./window/sliced-window.ts";
import { TumblingWindowOperator } from "./window/tumbling-window.ts";
import type { AggregateFolding, Folding, WindowDefinition } from "./window/window-definition.ts";

export type { Folding, WindowDefinition } from "./window/window-definition.ts";
export type { WindowFunction, WindowFunctionContext } from "./window/window-function.ts";
export type { Pane, WindowResult } from "./window/window-result.ts";

/** Emits a {@link WindowResult}, or what the function returns, whenever a window fires. */
export function windowOperator(
  definition: WindowDefinition,
): (context: KeyedOperatorContext) => KeyedOperator {
  const { assigner, trigger, allowedLatenessMs = 0, discarding = false } = definition;
  if (assigner.kind === "count") return (context) => countOperator(context, assigner, definition);
  if (isAligned(assigner) && foldsAndEmitsOnce(definition))
    return (context) =>
      assigner.kind === "tumbling"
        ? new TumblingWindowOperator(context, assigner, definition.aggregate)
        : new SlicedWindowOperator(context, assigner, definition.aggregate);
  const chosen = trigger ?? (assigner.time === "processing" ? processingTime() : eventTime());
  return (context) =>
    new GeneralWindowOperator(context, {
      ...definition,
      assigner,
      trigger: chosen,
      allowedLatenessMs,
      discarding,
    });
}

/** What the operator stores, for the plan's hash. */
export function windowLayout(definition: WindowDefinition): readonly StateLayout[] {
  const { assigner } = definition;
  const codec = "aggregate" in definition ? definition.aggregate?.codec : undefined;
  const accumulator = { ...(codec && { codec }) };
  if (isAligned(assigner) && foldsAndEmitsOnce(definition))
    return assigner.kind === "tumbling"
      ? stateLayout({ accumulator: value(accumulator) })
      : stateLayout({ accumulators: map(accumulator) });
  const isCount = assigner.kind === "count";
  return stateLayout({
    ...(isCount ? { seen: value() } : { windows: map({ codec: openWindowCodec }) }),
    ...("aggregate" in definition
      ? { accumulators: map(accumulator) }
      : { records: isCount ? list() : list({ codec: recordCodec }) }),
  });
}

function foldsAndEmitsOnce(definition: WindowDefinition): definition is WindowDefinition & AggregateFolding {
  const { trigger, allowedLatenessMs = 0 } = definition;
  return trigger === undefined && allowedLatenessMs === 0 && "aggregate" in definition;
}

function countOperator(
  context: KeyedOperatorContext,
  assigner: CountAssigner,
  folding: Folding,
): KeyedOperator {
  return "aggregate" in folding
    ? new CountAggregateOperator(context, assigner, folding.aggregate)
    : new CountApplyOperator(context, assigner, folding.apply);
}
