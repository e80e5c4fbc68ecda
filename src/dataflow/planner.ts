// planner — logical graph -> stages and edges: what runs together in one partition, and where records change partition.
//
// Owns:      where the graph is cut and why, the number of partitions of each stage, the ids of stages and edges.
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
import { createHash } from "node:crypto";
import { NAME_PATTERN } from "../core/ids.ts";
import { describePlan, hashDescription } from "../plan/description.ts";
import type {
  AlignmentPlan,
  EdgePlan,
  JobPlan,
  OperatorInput,
  OperatorPlan,
  Partitioning,
  SourcePlan,
  StagePlan,
} from "../plan/plan.ts";
import { parseDuration } from "../time/duration.ts";
import { boundedOutOfOrderness } from "../time/watermark-strategies.ts";
import { eventTimestamp } from "./event-timestamp.ts";
import { keyedFactory, keyOf, stateLayoutOf } from "./keyed-binding.ts";
import type { LogicalGraph } from "./logical-graph.ts";
import type { AsyncNode } from "./nodes/async-node.ts";
import type { KeyByNode } from "./nodes/key-by-node.ts";
import type { KeyedOperatorNode } from "./nodes/keyed-operator-node.ts";
import type { LogicalNode, StreamNode } from "./nodes/logical-node.ts";
import type { RoutingKind, RoutingNode } from "./nodes/routing-node.ts";
import type { SinkNode } from "./nodes/sink-node.ts";
import type { SourceNode } from "./nodes/source-node.ts";
import type { StatelessNode } from "./nodes/stateless-node.ts";
import { statelessFactory } from "./stateless-binding.ts";

/**
 * Plans a valid graph.
 *
 * @param parallelism partitions of every stage that nothing else decides about, 1 to 256
 */
export function planGraph(graph: LogicalGraph, parallelism: number): JobPlan {
  const planner = new Planner(parallelism);
  for (const node of graph.nodes) planner.place(node);
  return planner.finish(graph.job);
}

/** A stage while it grows. */
interface StageDraft {
  readonly id: string;
  readonly partitions: number;
  readonly source: SourcePlan | undefined;
  readonly operators: OperatorPlan[];
  readonly inputs: string[];
  readonly outputs: string[];
}

/** Where the records of a stream come out, and how the user wants them to travel from there. */
interface Outlet {
  readonly stage: StageDraft;
  readonly operator: string;
  readonly tag: string | undefined;
  readonly routing: RoutingKind | undefined;
}

/** How many partitions a reader wants, and how many it can have at most. */
interface Wish {
  readonly name: string;
  readonly parallelism: number | undefined;
  readonly maximum: number | undefined;
  /** Who sets the maximum, for the reason of a cut. */
  readonly maximumOf: string;
}

class Planner {
  readonly #parallelism: number;
  readonly #stages: StageDraft[] = [];
  readonly #edges: EdgePlan[] = [];
  readonly #edgeIds = new Set<string>();
  readonly #outlets = new Map<StreamNode, readonly Outlet[]>();
  /** Stages that begin behind a node, by their number of partitions. */
  readonly #cuts = new Map<LogicalNode, Map<number, StageDraft>>();

  constructor(parallelism: number) {
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
      case "union":
        return node.inputs.flatMap((input) => this.#outletsOf(input));
      case "routing":
        return this.#outletsOf(node.input).map((outlet) => ({ ...outlet, routing: node.kind }));
      case "sideOutput":
        return this.#outletsOf(node.input).map((outlet) => ({ ...outlet, tag: node.tag }));
    }
  }

  finish(job: string): JobPlan {
    const plan: Omit<JobPlan, "hash"> = {
      job,
      stages: Object.freeze(this.#stages.map(freezeStage)),
      edges: Object.freeze(this.#edges.map((edge) => Object.freeze(edge))),
    };
    return Object.freeze({ ...plan, hash: hashDescription(describePlan(plan)) });
  }

  #placeSource(node: SourceNode): readonly Outlet[] {
    const { source, options } = node;
    const wanted = options.parallelism ?? this.#parallelism;
    const stage = this.#addStage(node.name, Math.min(wanted, source.maxParallelism ?? wanted), {
      source,
      timestamp: options.timestamp === undefined ? undefined : eventTimestamp(node.name, options.timestamp),
      watermarks: options.watermarks ?? boundedOutOfOrderness(options.outOfOrderness ?? 0),
      idleAfterMs:
        options.idleAfter === undefined
          ? undefined
          : parseDuration(options.idleAfter, outOf(node, "idleAfter")),
      alignment: alignmentOf(node),
      onError: options.onError ?? "fail",
    });
    return [{ stage, operator: node.name, tag: undefined, routing: undefined }];
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
    return [{ stage, operator: node.name, tag: undefined, routing: undefined }];
  }

  #placeAsync(node: AsyncNode): readonly Outlet[] {
    const { stage, input } = this.#stageReading(node.input, wishOf(node));
    stage.operators.push({
      type: "async",
      name: node.name,
      kind: node.spec.what,
      input,
      onError: node.options.onError ?? "fail",
      create: node.spec.create,
      stateLayout: Object.freeze(node.spec.layout),
    });
    return [{ stage, operator: node.name, tag: undefined, routing: undefined }];
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
    return [{ stage, operator: node.name, tag: undefined, routing: undefined }];
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
        this.#addEdge(
          outlet,
          stage,
          partitioningOf(outlet, partitions),
          reasonOf(outlets, outlet, partitions, wish),
        );
    });
    return { stage, input: { kind: "head" } };
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
        this.#addEdge(outlet, stage, { kind: second.kind }, reason, 1);
      }
    });
  }

  #addKeyEdges(keyBy: KeyByNode, stage: StageDraft, input: number): void {
    const partitioning: Partitioning = { kind: "key", keyOf: keyOf(keyBy) };
    for (const outlet of this.#outletsOf(keyBy.input)) {
      const noEffect =
        outlet.routing === undefined ? "" : `; the ${outlet.routing} before it changes nothing`;
      const reason = `keyBy: records with the same key must meet in one partition${noEffect}`;
      this.#addEdge(outlet, stage, partitioning, reason, input);
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
    const stage = this.#addStage(name, partitions, undefined);
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

  #addStage(id: string, partitions: number, source: SourcePlan | undefined): StageDraft {
    const frozen = source === undefined ? undefined : Object.freeze(source);
    const stage: StageDraft = { id, partitions, source: frozen, operators: [], inputs: [], outputs: [] };
    this.#stages.push(stage);
    return stage;
  }

  #addEdge(outlet: Outlet, to: StageDraft, partitioning: Partitioning, reason: string, input = 0): void {
    const id = this.#edgeId(outlet, to, input);
    this.#edges.push({
      id,
      from: outlet.stage.id,
      to: to.id,
      fromOperator: outlet.operator,
      fromTag: outlet.tag,
      partitioning: Object.freeze(partitioning),
      input,
      reason,
    });
    outlet.stage.outputs.push(id);
    to.inputs.push(id);
  }

  /** From names only, so that it is the same in every process and after every restart. */
  #edgeId(outlet: Outlet, to: StageDraft, input: number): string {
    const tag = outlet.tag === undefined ? "" : `-${outlet.tag.replace(/[^A-Za-z0-9_-]/g, "")}`;
    // A stream may be joined with itself: the second input's edges have names of their own.
    const plain = `${outlet.operator}${tag}-to-${to.id}${input === 0 ? "" : `-${input + 1}`}`;
    let id = plain;
    if (!NAME_PATTERN.test(plain) || this.#edgeIds.has(plain)) {
      // Too long, or the names themselves contain "-to-": the digest of the parts tells them apart.
      const parts = JSON.stringify([
        outlet.operator,
        outlet.tag ?? null,
        to.id,
        ...(input === 0 ? [] : [input]),
      ]);
      id = `${plain.slice(0, 87)}-${createHash("sha256").update(parts).digest("hex").slice(0, 12)}`;
    }
    this.#edgeIds.add(id);
    return id;
  }

  #outletsOf(node: StreamNode): readonly Outlet[] {
    return this.#outlets.get(node) ?? [];
  }
}

function wishOf(node: StatelessNode | KeyedOperatorNode | AsyncNode | SinkNode): Wish {
  const sink = node.type === "sink" ? node.sink : undefined;
  return {
    name: node.name,
    parallelism: node.options.parallelism,
    maximum: sink?.maxParallelism,
    maximumOf: sink?.description ?? "",
  };
}

function chainInput(outlet: Outlet): OperatorInput {
  const isHead = outlet.stage.source !== undefined && outlet.operator === outlet.stage.id;
  if (isHead && outlet.tag === undefined) return { kind: "head" };
  return { kind: "operator", operator: outlet.operator, tag: outlet.tag };
}

function partitioningOf(outlet: Outlet, partitions: number): Partitioning {
  if (outlet.routing !== undefined) return { kind: outlet.routing };
  return { kind: outlet.stage.partitions === partitions ? "forward" : "rebalance" };
}

function reasonOf(outlets: readonly Outlet[], outlet: Outlet, partitions: number, wish: Wish): string {
  if (outlet.routing === "rebalance") return "rebalance: asked for, batches are dealt out in turn";
  if (outlet.routing === "broadcast") return "broadcast: asked for, every partition gets every record";
  const widths = `${partitionsText(outlet.stage.partitions)} to ${partitions}`;
  if (outlets.length > 1) {
    const names = outlets.map((each) => each.operator).join(" and ");
    const change = outlet.stage.partitions === partitions ? "" : `, from ${widths}`;
    return `union: ${names} come together${change}`;
  }
  return wish.maximum !== undefined && partitions === wish.maximum && wish.parallelism === undefined
    ? `parallelism: ${wish.maximumOf} allows at most ${partitionsText(partitions)}, from ${widths}`
    : `parallelism: asked for, from ${widths}`;
}

function partitionsText(partitions: number): string {
  return partitions === 1 ? "1 partition" : `${partitions} partitions`;
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

function freezeStage(draft: StageDraft): StagePlan {
  return Object.freeze({
    ...draft,
    operators: Object.freeze(draft.operators.map((operator) => Object.freeze(operator))),
    inputs: Object.freeze(draft.inputs),
    outputs: Object.freeze(draft.outputs),
  });
}
