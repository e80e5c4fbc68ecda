// KeyedOperatorSpec — what a keyed operator does, as the user gave it. The record type was checked at the call.
import type { Codec } from "../core/codec.ts";
import type { Aggregate } from "../operators/aggregates.ts";
import type { ProcessDefinition } from "../operators/keyed-process.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operators/operator.ts";
import type { StateLayout } from "../state/descriptors.ts";
import type { JobProblemCode } from "./job-problem.ts";

// biome-ignore lint/suspicious/noExplicitAny: the types of record, accumulator and result met where the user called
export type AnyAggregate = Aggregate<any, any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above, for key, record, output and state
export type AnyProcessDefinition = ProcessDefinition<any, any, any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above
export type AnyReduce = (accumulated: any, record: any) => any;

/**
 * An operator that brings all that rules and planner ask of it; most kinds are described this way, by the method that
 * makes them. The other kinds of {@link KeyedOperatorSpec} are those whose arguments the rules look into themselves.
 */
export interface ReadyOperatorSpec {
  readonly kind: "ready";
  /** What messages call it: `interval join`. */
  readonly what: string;
  readonly label: string;
  readonly create: (context: KeyedOperatorContext) => KeyedOperator;
  readonly layout: readonly StateLayout[];
  /** It does nothing before event time advances: a source without timestamps above it is refused. */
  readonly waitsForEventTime: boolean;
  /** Its results have a property `key`, which a key codec of the stream decodes. */
  readonly resultsHaveKey: boolean;
  /** What is wrong with its arguments: a code, and a text that follows the operator's name. */
  readonly problems: readonly { readonly code: JobProblemCode; readonly text: string }[];
}

/** `label` is what explain and the plan's hash call the operator. */
export type KeyedOperatorSpec =
  | ReadyOperatorSpec
  | {
      readonly kind: "reduce";
      readonly label: "reduce";
      readonly reduce: AnyReduce;
      readonly codec: Codec<unknown> | undefined;
    }
  | { readonly kind: "aggregate"; readonly label: "aggregate"; readonly aggregate: AnyAggregate }
  | { readonly kind: "process"; readonly label: "process"; readonly definition: AnyProcessDefinition }
  /** As a ready operator; messages about time say what can be done about windows. */
  | (Omit<ReadyOperatorSpec, "kind"> & { readonly kind: "window" });
