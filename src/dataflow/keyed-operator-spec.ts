// KeyedOperatorSpec — what a keyed operator does, as the user gave it. The record type was checked at the call.
import type { Codec } from "../core/codec.ts";
import type { Aggregate } from "../operators/aggregates.ts";
import type { ProcessDefinition } from "../operators/keyed-process.ts";
import type { WindowAssigner } from "../time/windows.ts";

// biome-ignore lint/suspicious/noExplicitAny: the types of record, accumulator and result met where the user called
export type AnyAggregate = Aggregate<any, any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above, for key, record, output and state
export type AnyProcessDefinition = ProcessDefinition<any, any, any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above
export type AnyReduce = (accumulated: any, record: any) => any;

/** `label` is what explain and the plan's hash call the operator. */
export type KeyedOperatorSpec =
  | {
      readonly kind: "reduce";
      readonly label: "reduce";
      readonly reduce: AnyReduce;
      readonly codec: Codec<unknown> | undefined;
    }
  | { readonly kind: "aggregate"; readonly label: "aggregate"; readonly aggregate: AnyAggregate }
  | { readonly kind: "process"; readonly label: "process"; readonly definition: AnyProcessDefinition }
  | {
      readonly kind: "window";
      /** Names size, slide, offset and time: another window is another operator. */
      readonly label: string;
      readonly assigner: WindowAssigner;
      readonly aggregate: AnyAggregate;
    };

/** `tumbling window of 1d`, `sliding window of 10s every 2s, processing time`. */
export function windowLabel(assigner: WindowAssigner): string {
  // What is no assigner is named by validation; this only has to survive it.
  if (typeof assigner !== "object" || assigner === null) return "window";
  const slide = assigner.kind === "sliding" ? ` every ${durationText(assigner.slideMs)}` : "";
  const offset = assigner.offsetMs === 0 ? "" : `, offset ${durationText(assigner.offsetMs)}`;
  const time = assigner.time === "event" ? "" : ", processing time";
  return `${assigner.kind} window of ${durationText(assigner.sizeMs)}${slide}${offset}${time}`;
}

const UNITS: readonly (readonly [unit: string, lengthMs: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** The largest unit in which the duration is a whole number: `90s`, `5m`. */
export function durationText(durationMs: number): string {
  for (const [unit, lengthMs] of UNITS)
    if (durationMs !== 0 && durationMs % lengthMs === 0) return `${durationMs / lengthMs}${unit}`;
  return `${durationMs}ms`;
}
