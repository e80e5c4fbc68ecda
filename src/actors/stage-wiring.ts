// Which channels one partition reads and writes, from the plan.

import type { EdgeBuffer } from "../broker/edge-buffer.ts";
import { type Route, routeByKey, routeRoundRobin, routeToAll } from "../broker/router.ts";
import { type ChannelId, channelId } from "../core/ids.ts";
import type { Receiver } from "../operators/operator.ts";
import type { EdgePlan, JobPlan, StagePlan } from "../plan/plan.ts";
import type { InputChannel } from "./channel-head.ts";

function edgeOf(plan: JobPlan, id: string): EdgePlan {
  return plan.edges.find((edge) => edge.id === id)!;
}

function stageOf(plan: JobPlan, id: string): StagePlan {
  return plan.stages.find((stage) => stage.id === id)!;
}

export function inputChannels(plan: JobPlan, stage: StagePlan, partition: number): InputChannel[] {
  return stage.inputs.flatMap((edgeId) => {
    const edge = edgeOf(plan, edgeId);
    const { partitioning, input } = edge;
    const keyOf =
      partitioning.kind === "key" ? (partitioning.keyOf as (record: unknown) => unknown) : undefined;
    if (partitioning.kind === "forward")
      return [{ id: channelId(edge.id, partition, partition), keyOf, input }];
    const producers = stageOf(plan, edge.from).partitions;
    return Array.from({ length: producers }, (_, producer) => ({
      id: channelId(edge.id, producer, partition),
      keyOf,
      input,
    }));
  });
}

/** Channels of one output edge of one producer partition, by consumer. */
export interface OutputEdge {
  readonly edge: EdgePlan;
  readonly channels: readonly ChannelId[];
}

export function outputEdges(plan: JobPlan, stage: StagePlan, partition: number): OutputEdge[] {
  return stage.outputs.map((edgeId) => {
    const edge = edgeOf(plan, edgeId);
    if (edge.partitioning.kind === "forward")
      return { edge, channels: [channelId(edge.id, partition, partition)] };
    const consumers = stageOf(plan, edge.to).partitions;
    return {
      edge,
      channels: Array.from({ length: consumers }, (_, consumer) => channelId(edge.id, partition, consumer)),
    };
  });
}

/** The receiver at the end of a chain that feeds an edge. */
export function edgeReceiver(edge: EdgePlan, buffer: EdgeBuffer, partition: number): Receiver {
  return {
    onBatch: routeOf(edge, buffer, partition),
    onWatermark: (watermark) => buffer.advance(watermark),
  };
}

function routeOf({ partitioning }: EdgePlan, buffer: EdgeBuffer, partition: number): Route {
  switch (partitioning.kind) {
    case "key":
      return routeByKey(buffer, partitioning.keyOf as (record: unknown) => unknown);
    case "rebalance":
      // Producers start at different consumers, so that few batches still spread.
      return routeRoundRobin(buffer, partition);
    case "broadcast":
    case "forward":
      // A forward edge has one channel per producer.
      return routeToAll(buffer);
  }
}
