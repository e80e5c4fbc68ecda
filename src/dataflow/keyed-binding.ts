// keyedFactory — from a keyed node to the operator that runs in each partition, its key and the layout of its state.
import { aggregateOperator } from "../operators/aggregate.ts";
import { keyedProcessOperator } from "../operators/keyed-process.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operators/operator.ts";
import { reduceOperator } from "../operators/reduce.ts";
import { type StateLayout, stateLayout, value } from "../state/descriptors.ts";
import { DecodedKeyContext, decodingResults } from "./decoded-key.ts";
import { EventTimeGuard } from "./event-time-guard.ts";
import type { AnyProcessContext } from "./forwarding-process-context.ts";
import type { KeyCodec } from "./key-codec.ts";
import type { AnyProcessDefinition } from "./keyed-operator-spec.ts";
import type { KeyByNode } from "./nodes/key-by-node.ts";
import type { KeyedOperatorNode } from "./nodes/keyed-operator-node.ts";
import { sourcesWithoutTimestamps } from "./rules/time-rules.ts";

type KeyedFactory = (context: KeyedOperatorContext) => KeyedOperator;

/** The engine's key of a record: what the user's function returns, as text when there is a codec. */
export function keyOf(node: KeyByNode): (record: never) => unknown {
  const { key } = node;
  const codec = node.options.keyCodec;
  return codec === undefined ? key : (record) => codec.encode(key(record));
}

export function keyedFactory(node: KeyedOperatorNode): KeyedFactory {
  const { spec } = node;
  const codec = node.input.options.keyCodec;
  switch (spec.kind) {
    case "ready":
    case "window":
      return spec.resultsHaveKey ? withDecodedResults(spec.create, codec) : spec.create;
    case "reduce":
      return reduceOperator({ reduce: spec.reduce, codec: spec.codec });
    case "aggregate":
      return withDecodedResults(aggregateOperator({ aggregate: spec.aggregate }), codec);
    case "process":
      return processFactory(node, spec.definition, codec);
  }
}

function withDecodedResults(create: KeyedFactory, codec: KeyCodec<unknown> | undefined): KeyedFactory {
  return codec === undefined ? create : (context) => create(decodingResults(context, codec));
}

/** Contexts are adapted only in jobs that need it: all others call the operator as it is. */
function processFactory(
  node: KeyedOperatorNode,
  definition: AnyProcessDefinition,
  codec: KeyCodec<unknown> | undefined,
): KeyedFactory {
  const timeless =
    definition.onTimer === undefined ? [] : sourcesWithoutTimestamps(node).map((source) => source.name);
  if (codec === undefined && timeless.length === 0) return keyedProcessOperator(definition);
  const adapt = (context: AnyProcessContext): AnyProcessContext => {
    const decoded = codec === undefined ? context : new DecodedKeyContext(context, codec);
    return timeless.length === 0 ? decoded : new EventTimeGuard(decoded, node.name, timeless);
  };
  // One adapted definition per partition: it remembers that partition's context.
  return (context) => keyedProcessOperator(adaptDefinition(definition, adapt))(context);
}

function adaptDefinition(
  definition: AnyProcessDefinition,
  adapt: (context: AnyProcessContext) => AnyProcessContext,
): AnyProcessDefinition {
  let original: AnyProcessContext | undefined;
  let adapted: AnyProcessContext | undefined;
  // An operator instance uses one context object for all of its records.
  const adaptedOf = (context: AnyProcessContext): AnyProcessContext => {
    if (context !== original || adapted === undefined) {
      original = context;
      adapted = adapt(context);
    }
    return adapted;
  };
  const { onTimer } = definition;
  return {
    ...definition,
    onRecord: (record, context) => definition.onRecord(record, adaptedOf(context)),
    ...(onTimer !== undefined && {
      onTimer: (timer, context) => onTimer.call(definition, timer, adaptedOf(context)),
    }),
  };
}

/** What the operator stores, for the plan's hash. */
export function stateLayoutOf(node: KeyedOperatorNode): readonly StateLayout[] {
  const { spec } = node;
  switch (spec.kind) {
    case "ready":
    case "window":
      return spec.layout;
    case "reduce":
      return stateLayout({ reduced: value({ ...(spec.codec && { codec: spec.codec }) }) });
    case "aggregate":
      return stateLayout({
        accumulator: value({ ...(spec.aggregate.codec && { codec: spec.aggregate.codec }) }),
      });
    case "process":
      return stateLayout(spec.definition.state ?? {});
  }
}
