// ConnectedStreams — two streams that one operator of the user's own reads, with state and timers under their common key.
import { NAME_PATTERN } from "../core/ids.ts";
import { type BroadcastDefinition, broadcastProcessOperator } from "../operators/joins/broadcast-process.ts";
import type { BroadcastDescriptors } from "../operators/joins/broadcast-store.ts";
import {
  type ConnectedDefinition,
  type ContextAdaptions,
  connectedProcessOperator,
} from "../operators/joins/connected-process.ts";
import {
  type StateDescriptor,
  type StateDescriptors,
  type StateLayout,
  stateLayout,
} from "../state/descriptors.ts";
import { EventTimeUnavailableError } from "./event-time-guard.ts";
import type { JobProblem } from "./job-problem.ts";
import type { DeclareWithEmits } from "./keyed-stream.ts";
import { quote } from "./nodes/logical-node.ts";
import type { RoutingNode } from "./nodes/routing-node.ts";
import { BROADCAST_SHAPE, CONNECTED_SHAPE, definitionProblems } from "./rules/argument-rules.ts";
import { sourcesWithoutTimestamps } from "./rules/time-rules.ts";
import type { OperatorStream } from "./stream.ts";
import type { OperatorOptions } from "./stream-options.ts";
import { addTwoInputOperator, keyDecoderOf, type TwoInputs } from "./two-inputs.ts";

/** Records of types A and B under keys of type K. */
export class ConnectedStreams<out K, out A, out B> {
  readonly #inputs: TwoInputs;

  constructor(inputs: TwoInputs) {
    this.#inputs = inputs;
  }

  /**
   * Your own code per record of either stream and per timer, with state of your own that both share.
   *
   * @param name identity of the state
   */
  process<O = DeclareWithEmits, S extends StateDescriptors = Record<never, never>>(
    name: string,
    definition: ConnectedDefinition<K, A, B, O, S>,
    options?: OperatorOptions,
  ): OperatorStream<O> {
    const inputs = this.#inputs;
    report(inputs, definitionProblems(definition, `connect ${quote(name)}`, CONNECTED_SHAPE));
    const spec = {
      what: "connect",
      label: "connected process",
      create: connectedProcessOperator(definition, adaptionsOf(inputs, name)),
      layout: layoutOf(definition?.state),
      waitsForEventTime: false,
    };
    return addTwoInputOperator<O>(inputs, name, spec, options);
  }
}

/** Records of type A under keys of type K, and records of type B that every partition gets. */
export class BroadcastConnectedStream<out K, out A, out B> {
  readonly #inputs: TwoInputs;

  constructor(inputs: TwoInputs) {
    this.#inputs = inputs;
  }

  /**
   * Your own code per keyed record, per broadcast record and per timer. Broadcast records keep the broadcast state up to
   * date, the same in every partition; all others may read it.
   *
   * @param name identity of the state
   */
  process<
    M extends BroadcastDescriptors,
    O = DeclareWithEmits,
    S extends StateDescriptors = Record<never, never>,
  >(
    name: string,
    definition: BroadcastDefinition<K, A, B, O, S, M>,
    options?: OperatorOptions,
  ): OperatorStream<O> {
    const inputs = this.#inputs;
    const owner = `connect ${quote(name)}`;
    report(inputs, definitionProblems(definition, owner, BROADCAST_SHAPE));
    report(inputs, broadcastProblems(definition, owner));
    const spec = {
      what: "connect",
      label: "broadcast process",
      create: broadcastProcessOperator(definition, adaptionsOf(inputs, name)),
      layout: layoutOf({ ...definition?.state, ...definition?.broadcast }),
      waitsForEventTime: false,
    };
    return addTwoInputOperator<O>(inputs, name, spec, options);
  }
}

/** The node behind each stream that `broadcast()` made: what `connect` takes beside keyed streams. */
const broadcasts = new WeakMap<object, RoutingNode>();

export function rememberBroadcast(stream: object, node: RoutingNode): void {
  broadcasts.set(stream, node);
}

export function broadcastNodeOf(stream: unknown): RoutingNode | undefined {
  return typeof stream === "object" && stream !== null ? broadcasts.get(stream) : undefined;
}

function report({ recorder }: TwoInputs, problems: readonly JobProblem[]): void {
  for (const problem of problems) recorder.report(problem);
}

function adaptionsOf({ node, second }: TwoInputs, name: string): ContextAdaptions {
  const timeless = [...new Set([node, second].flatMap(sourcesWithoutTimestamps))].map(
    (source) => source.name,
  );
  return {
    decodeKey: keyDecoderOf(node),
    refuseEventTimers:
      timeless.length === 0
        ? undefined
        : () => {
            throw new EventTimeUnavailableError(name, timeless);
          },
  };
}

/** What is no record of descriptors is named by a rule; this only has to survive it. */
function layoutOf(states: StateDescriptors | undefined): readonly StateLayout[] {
  const entries = Object.entries(states ?? {}).filter(
    ([, descriptor]) => typeof descriptor === "object" && descriptor?.codec !== undefined,
  );
  return stateLayout(Object.fromEntries(entries));
}

function broadcastProblems(definition: unknown, owner: string): readonly JobProblem[] {
  const { state, broadcast } = (definition ?? {}) as { state?: unknown; broadcast?: unknown };
  if (typeof broadcast !== "object" || broadcast === null || Object.keys(broadcast).length === 0)
    return [
      {
        code: "INVALID_STATE",
        subject: owner,
        message: `${owner} has ${quote(broadcast)} for its broadcast state; give { rules: map() }`,
      },
    ];
  const problems: JobProblem[] = [];
  for (const [name, descriptor] of Object.entries(broadcast) as [string, Partial<StateDescriptor>][]) {
    const complain = (text: string): void => {
      problems.push({ code: "INVALID_STATE", subject: owner, message: `${owner} ${text}` });
    };
    if (!NAME_PATTERN.test(name))
      complain(
        `has a broadcast state named ${quote(name)}; use 1 to 100 letters, digits, _ and -, starting with a letter or a digit`,
      );
    if (descriptor?.kind !== "map" && descriptor?.kind !== "value")
      complain(
        `declares broadcast state "${name}" as ${quote(descriptor?.kind ?? descriptor)}; give map() or value()`,
      );
    else if (descriptor.ttl !== undefined)
      complain(
        `gives broadcast state "${name}" a time to live; let a broadcast record remove what is not needed`,
      );
    if (typeof state === "object" && state !== null && name in state)
      complain(`has a state and a broadcast state named "${name}"; give them different names`);
  }
  return problems;
}
