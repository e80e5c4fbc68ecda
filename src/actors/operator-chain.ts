// OperatorChain — builds the operators of one partition from its stage plan and wires them, sinks and edges included.
//
// Wiring goes from the leaves to the head, because an operator is given its receiver when it is made.
import type { Clock } from "../core/clock.ts";
import type { KeyGroupRange } from "../core/key-group.ts";
import type { StoredTimer } from "../core/ports/state-backend.ts";
import type { AsyncOperator } from "../operators/async/async-operator.ts";
import {
  createOperatorMetrics,
  DEAD_LETTER_TAG,
  fanOut,
  type KeyedOperator,
  type Operator,
  type OperatorContext,
  type OperatorMetrics,
  type Receiver,
  type StatefulOperator,
  type UnkeyedOperator,
} from "../operators/operator.ts";
import type { StagePlan } from "../plan/plan.ts";
import type { SinkOperator } from "./sink-operator.ts";

export interface ChainParts {
  readonly stage: StagePlan;
  readonly partition: number;
  readonly clock: Clock;
  readonly keyGroups: KeyGroupRange;
  readonly startsEmpty: boolean;
  readonly lineage: number;
  readonly cacheEntries: number;
  readonly watermark: number;
  readonly encodesOnCommit: boolean;
  readonly timers: ReadonlyMap<string, readonly [number, StoredTimer[]][]>;
  readonly sinks: ReadonlyMap<string, SinkOperator>;
  /** Asks for a turn of the partition. */
  readonly wake: () => void;
  /** Metrics by operator; sinks' are made by the caller. */
  readonly metrics: Map<string, OperatorMetrics>;
  /** The routers of the stage's output edges, by producing operator and tag. */
  readonly edges: readonly {
    readonly operator: string;
    readonly tag: string | undefined;
    readonly receiver: Receiver;
  }[];
}

export interface OperatorChain {
  /** Everything that reads the head, keyed operators included. */
  readonly head: Receiver;
  /** Receivers of the head that have no keyed state. */
  readonly plain: Receiver;
  readonly keyed: readonly KeyedOperator[];
  /** Operators whose results leave in later turns. */
  readonly async: readonly AsyncOperator[];
  /** Operators whose state belongs to the partition, asynchronous ones included. */
  readonly unkeyed: readonly UnkeyedOperator[];
  /** Of which commits carry something: those with keys and those without. */
  readonly stateful: readonly StatefulOperator[];
  /** Receives the dead letters of the stage's source; undefined when nobody reads them. */
  readonly sourceDeadLetters: Receiver | undefined;
  close(): void;
}

const nowhere: Receiver = { onBatch() {}, onWatermark() {} };

/**
 * Where receivers are attached: the stage's head, or an output of an operator. The head of a source stage is also
 * addressed by the source's name; a keyed stage is named after its operator, so names alone would not tell them apart.
 */
type Outlet =
  | { readonly head: true }
  | { readonly head: false; readonly operator: string; readonly tag: string | undefined };

export function buildOperatorChain(parts: ChainParts): OperatorChain {
  const { stage } = parts;
  const built = new Map<string, Receiver>();
  const opened: Operator[] = [];
  const keyed: KeyedOperator[] = [];
  const async: AsyncOperator[] = [];
  const unkeyed: UnkeyedOperator[] = [];

  const isHead = (operator: string, tag: string | undefined): boolean =>
    stage.source !== undefined && operator === stage.id && tag === undefined;
  const attached = (outlet: Outlet, operator: string, tag: string | undefined): boolean =>
    outlet.head ? isHead(operator, tag) : outlet.operator === operator && outlet.tag === tag;
  const receiversOf = (outlet: Outlet): Receiver[] => [
    ...stage.operators
      .filter(({ input }) =>
        input.kind === "head" ? outlet.head : attached(outlet, input.operator, input.tag),
      )
      .map((plan) => built.get(plan.name)!),
    ...parts.edges.filter((edge) => attached(outlet, edge.operator, edge.tag)).map((edge) => edge.receiver),
  ];
  const tagsOf = (operator: string): string[] => {
    const tags = new Set<string>();
    for (const plan of stage.operators)
      if (plan.input.kind === "operator" && plan.input.operator === operator && plan.input.tag !== undefined)
        tags.add(plan.input.tag);
    for (const edge of parts.edges)
      if (edge.operator === operator && edge.tag !== undefined) tags.add(edge.tag);
    return [...tags];
  };

  for (const plan of [...stage.operators].reverse()) {
    if (plan.type === "sink") {
      built.set(plan.name, parts.sinks.get(plan.name)!);
      continue;
    }
    const metrics = createOperatorMetrics();
    parts.metrics.set(plan.name, metrics);
    const sides = new Map(
      tagsOf(plan.name).map((tag) => [tag, fanOut(receiversOf({ head: false, operator: plan.name, tag }))]),
    );
    const context: OperatorContext = {
      operator: plan.name,
      partition: parts.partition,
      parallelism: stage.partitions,
      clock: parts.clock,
      metrics,
      onError: plan.onError,
      output: withSides(orNowhere(receiversOf({ head: false, operator: plan.name, tag: undefined })), [
        ...sides.values(),
      ]),
      side: (tag) => sides.get(tag),
    };
    if (plan.type === "stateless") {
      const operator = plan.create(context);
      built.set(plan.name, operator);
      opened.push(operator);
    } else if (plan.type === "async") {
      const { keyGroups, startsEmpty, lineage, wake } = parts;
      const operator = plan.create({ ...context, keyGroups, startsEmpty, lineage, wake });
      built.set(plan.name, operator);
      opened.push(operator);
      async.unshift(operator);
      unkeyed.unshift(operator);
    } else if (plan.type === "unkeyed") {
      const { keyGroups, startsEmpty } = parts;
      const operator = plan.create({ ...context, keyGroups, startsEmpty });
      built.set(plan.name, operator);
      opened.push(operator);
      unkeyed.unshift(operator);
    } else {
      const operator = plan.create({
        ...context,
        keyGroups: parts.keyGroups,
        startsEmpty: parts.startsEmpty,
        cacheEntries: parts.cacheEntries,
        timers: parts.timers.get(plan.name) ?? [],
        watermark: parts.watermark,
        encodesOnCommit: parts.encodesOnCommit,
      });
      built.set(plan.name, operator);
      opened.push(operator);
      keyed.unshift(operator);
    }
  }

  const headReceivers = receiversOf({ head: true });
  const keyedSet = new Set<Receiver>(keyed);
  const deadLetters =
    stage.source === undefined ? [] : receiversOf({ head: false, operator: stage.id, tag: DEAD_LETTER_TAG });
  return {
    head: withSides(orNowhere(headReceivers), deadLetters),
    plain: withSides(orNowhere(headReceivers.filter((receiver) => !keyedSet.has(receiver))), deadLetters),
    keyed,
    async,
    unkeyed,
    stateful: [...keyed, ...unkeyed],
    sourceDeadLetters: deadLetters.length === 0 ? undefined : fanOut(deadLetters),
    close() {
      for (const operator of opened) operator.close?.();
    },
  };
}

function orNowhere(receivers: readonly Receiver[]): Receiver {
  return receivers.length === 0 ? nowhere : fanOut(receivers);
}

/** Side outputs carry the watermark of the main output, whoever writes into them. */
function withSides(main: Receiver, sides: readonly Receiver[]): Receiver {
  if (sides.length === 0) return main;
  return {
    onBatch: (batch) => main.onBatch(batch),
    onWatermark(watermark) {
      main.onWatermark(watermark);
      for (const side of sides) side.onWatermark(watermark);
    },
  };
}
