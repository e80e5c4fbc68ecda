// planner — logical graph -> stages and edges: what runs together in one partition, and where records change partition.
//
// Owns:      where the graph is cut, the number of partitions of each stage, the ids of stages.
// Does not:  judge the graph (validate.ts has done that), start anything, know actors or Redis.
//
// A node is chained into the stage of its input (a plain function call per batch) unless one of four things forbids it:
//   keyBy                 records with the same key must meet in one partition     -> key edge
//   rebalance, broadcast  the user asked for it                                    -> rebalance or broadcast edge
//   union                 its inputs come over different ways                      -> one edge per input
//   another parallelism   asked for with the option, or forced by a sink's limit   -> rebalance edge
// Readers of the same cut with the same number of partitions share one stage and its edges.
//
// Laws (docs/laws.md)
//   L1  Every source, operator and sink is in exactly one stage, behind the operator that it reads.
//   L2  Keyed operators read the head of their stage, and every edge into that stage is a key edge; only the second
//       input of an operator with two may be a broadcast edge.
//   L3  A forward edge joins stages with the same number of partitions.
//   L4  Stages are in topological order, and every edge leads to a later stage.
//   L5  The same job and options give the same plan, with the same hash, in every process.
import { assignTimestampsOperator, timestampLayout } from "../operators/assign-timestamps.ts";
import { ASSIGN_TIMESTAMPS } from "../plan/description.ts";
import type { JobPlan, OperatorInput, Partitioning } from "../plan/plan.ts";
import { boundedOutOfOrderness } from "../time/watermark-strategies.ts";
import { eventTimestamp } from "./event-timestamp.ts";
import { keyedFactory, keyOf, stateLayoutOf } from "./keyed-binding.ts";
import type { LogicalGraph } from "./logical-graph.ts";
import type { AsyncNode } from "./nodes/async-node.ts";
import type { KeyByNode } from "./nodes/key-by-node.ts";
import type { KeyedOperatorNode } from "./nodes/keyed-operator-node.ts";
import type { LogicalNode, StreamNode } from "./nodes/logical-node.ts";
import type { RoutingNode } from "./nodes/routing-node.ts";
import type { SinkNode } from "./nodes/sink-node.ts";
import type { SourceNode } from "./nodes/source-node.ts";
import type { StatelessNode } from "./nodes/stateless-node.ts";
import type { TimestampsNode } from "./nodes/timestamps-node.ts";
import { type Outlet, PlanDraft, type StageDraft } from "./plan-draft.ts";
import { sourcePlan } from "./source-plan.ts";
import { partitioningOf, reasonOf, type Wish, wishOf } from "./stage-cut.ts";
import { statelessFactory } from "./stateless-binding.ts";

/**
 * Plans a valid graph.
 *
 * @param parallelism partitions of every stage that nothing else decides about, 1 to 256
 */
export function planGraph(graph: LogicalGraph, parallelism: number): JobPlan {
  const draft = new PlanDraft();
  const planner = new Planner(draft, parallelism);
  for (const node of graph.nodes) planner.place(node);
  return draft.finish(graph.job);
}

class Planner {
  readonly #draft: PlanDraft;
  readonly #parallelism: number;
  readonly #outlets = new Map<StreamNode, readonly Outlet[]>();
  /** Stages that begin behind a node, by their number of partitions. */
  readonly #cuts = new Map<LogicalNode, Map<number, StageDraft>>();

  constructor(draft: PlanDraft, parallelism: number) {
    this.#draft = draft;
    this.#parallelism = parallelism;
  }

  /** Nodes come in the order of the user's calls: whatever a node reads has been placed. */
  place(node: LogicalNode): void {
    if (node.type === "sink") this.#placeSink(node);
    // A keyBy becomes an edge when its first reader is placed.
    else if (node.type !== "keyBy") this.#outlets.set(node, this.#placeStream(node));
  }

  /** @returns where the records of the node come out */
  #placeStream(node: StreamNode): readonly Outlet[] {
    switch (node.type) {
      case "source":
        return this.#placeSource(node);
      case "stateless":
        return this.#placeStateless(node);
      case "keyed":
        return this.#placeKeyed(node);
      case "async":
        return this.#placeAsync(node);
      case "timestamps":
        return this.#placeTimestamps(node);
      case "union":
        return node.inputs.flatMap((input) => this.#outletsOf(input));
      case "routing":
        return this.#outletsOf(node.input).map((outlet) => ({ ...outlet, routing: node.kind }));
      case "sideOutput":
        return this.#outletsOf(node.input).map((outlet) => ({ ...outlet, tag: node.tag }));
    }
  }

  #placeSource(node: SourceNode): readonly Outlet[] {
    const wanted = node.options.parallelism ?? this.#parallelism;
    const partitions = Math.min(wanted, node.source.maxParallelism ?? wanted);
    return outletOf(this.#draft.addStage(node.name, partitions, sourcePlan(node)), node.name);
  }

  #placeStateless(node: StatelessNode): readonly Outlet[] {
    const { stage, input } = this.#stageReading(node.input, wishOf(node));
    stage.operators.push({
      type: "stateless",
      name: node.name,
      kind: node.kind,
      input,
      onError: node.options.onError ?? "fail",
      create: statelessFactory(node),
    });
    return outletOf(stage, node.name);
  }

  #placeAsync(node: AsyncNode): readonly Outlet[] {
    const { stage, input } = this.#stageAt(node.input, wishOf(node));
    stage.operators.push({
      type: "async",
      name: node.name,
      kind: node.spec.what,
      input,
      onError: node.options.onError ?? "fail",
      create: node.spec.create,
      stateLayout: Object.freeze(node.spec.layout),
    });
    return outletOf(stage, node.name);
  }

  #placeTimestamps(node: TimestampsNode): readonly Outlet[] {
    const { stage, input } = this.#stageReading(node.input, wishOf(node));
    const { timestamp, watermarks, outOfOrderness = 0, onError = "fail" } = node.options;
    stage.operators.push({
      type: "unkeyed",
      name: node.name,
      kind: ASSIGN_TIMESTAMPS,
      input,
      onError,
      create: assignTimestampsOperator({
        timestampOf: eventTimestamp(`assignTimestamps "${node.name}"`, timestamp),
        watermarks: watermarks ?? boundedOutOfOrderness(outOfOrderness),
      }),
      stateLayout: Object.freeze(timestampLayout()),
    });
    return outletOf(stage, node.name);
  }

  #placeSink(node: SinkNode): void {
    const { stage, input } = this.#stageReading(node.input, wishOf(node));
    stage.operators.push({
      type: "sink",
      name: node.name,
      kind: "sink",
      input,
      // A sink takes whole batches: it has no policy for single records.
      onError: "fail",
      sink: node.sink,
    });
  }

  #placeKeyed(node: KeyedOperatorNode): readonly Outlet[] {
    const stage =
      node.second === undefined
        ? this.#stageBehindKeyBy(node.input, wishOf(node))
        : this.#stageOfTwo(node, node.second);
    stage.operators.push({
      type: "keyed",
      name: node.name,
      kind: node.spec.label,
      input: { kind: "head" },
      onError: node.options.onError ?? "fail",
      create: keyedFactory(node),
      stateLayout: Object.freeze(stateLayoutOf(node)),
    });
    return outletOf(stage, node.name);
  }

  /** The stage in which a reader of `input` runs: the one of its input when it may be chained, else one behind a cut. */
  #stageReading(input: StreamNode, wish: Wish): { stage: StageDraft; input: OperatorInput } {
    const outlets = this.#outletsOf(input);
    const partitions = this.#partitionsFor(outlets, wish);
    const [only] = outlets;
    if (only !== undefined && outlets.length === 1 && only.routing === undefined) {
      if (only.stage.partitions === partitions) return { stage: only.stage, input: chainInput(only) };
    }
    const stage = this.#stageBehindCut(input, partitions, wish.name, (stage) => {
      for (const outlet of outlets)
        this.#draft.addEdge(
          outlet,
          stage,
          partitioningOf(outlet, partitions),
          reasonOf(outlets, outlet, partitions, wish),
        );
    });
    return { stage, input: { kind: "head" } };
  }

  #stageAt(input: StreamNode | KeyByNode, wish: Wish): { stage: StageDraft; input: OperatorInput } {
    if (input.type !== "keyBy") return this.#stageReading(input, wish);
    return { stage: this.#stageBehindKeyBy(input, wish), input: { kind: "head" } };
  }

  #stageBehindKeyBy(keyBy: KeyByNode, wish: Wish): StageDraft {
    const partitions = wish.parallelism ?? this.#parallelism;
    return this.#stageBehindCut(keyBy, partitions, wish.name, (stage) => this.#addKeyEdges(keyBy, stage, 0));
  }

  /** An operator with two inputs has a stage of its own: nobody else wants the same two. */
  #stageOfTwo(node: KeyedOperatorNode, second: KeyByNode | RoutingNode): StageDraft {
    const { name, parallelism = this.#parallelism } = wishOf(node);
    return this.#stageBehindCut(node, parallelism, name, (stage) => {
      this.#addKeyEdges(node.input, stage, 0);
      if (second.type === "keyBy") {
        this.#addKeyEdges(second, stage, 1);
        return;
      }
      for (const outlet of this.#outletsOf(second)) {
        const reason = "broadcast: every partition gets every record of the second input";
        this.#draft.addEdge(outlet, stage, { kind: second.kind }, reason, 1);
      }
    });
  }

  #addKeyEdges(keyBy: KeyByNode, stage: StageDraft, input: number): void {
    const partitioning: Partitioning = { kind: "key", keyOf: keyOf(keyBy) };
    for (const outlet of this.#outletsOf(keyBy.input)) {
      const noEffect =
        outlet.routing === undefined ? "" : `; the ${outlet.routing} before it changes nothing`;
      const reason = `keyBy: records with the same key must meet in one partition${noEffect}`;
      this.#draft.addEdge(outlet, stage, partitioning, reason, input);
    }
  }

  /** One stage per cut and number of partitions, named after its first operator. */
  #stageBehindCut(
    cut: LogicalNode,
    partitions: number,
    name: string,
    connect: (stage: StageDraft) => void,
  ): StageDraft {
    let byPartitions = this.#cuts.get(cut);
    if (byPartitions === undefined) {
      byPartitions = new Map();
      this.#cuts.set(cut, byPartitions);
    }
    const known = byPartitions.get(partitions);
    if (known !== undefined) return known;
    const stage = this.#draft.addStage(name, partitions, undefined);
    byPartitions.set(partitions, stage);
    connect(stage);
    return stage;
  }

  /** As asked for; else a rebalanced stream spreads over the job's parallelism and any other stays as wide as it is. */
  #partitionsFor(outlets: readonly Outlet[], wish: Wish): number {
    const routed = outlets.some((outlet) => outlet.routing !== undefined);
    const width = routed ? this.#parallelism : Math.max(...outlets.map((outlet) => outlet.stage.partitions));
    const partitions = wish.parallelism ?? width;
    return Math.min(partitions, wish.maximum ?? partitions);
  }

  #outletsOf(node: StreamNode): readonly Outlet[] {
    return this.#outlets.get(node) ?? [];
  }
}

/** The records that the operator emits. */
function outletOf(stage: StageDraft, operator: string): readonly Outlet[] {
  return [{ stage, operator, tag: undefined, routing: undefined }];
}

function chainInput(outlet: Outlet): OperatorInput {
  const isHead = outlet.stage.source !== undefined && outlet.operator === outlet.stage.id;
  if (isHead && outlet.tag === undefined) return { kind: "head" };
  return { kind: "operator", operator: outlet.operator, tag: outlet.tag };
}
