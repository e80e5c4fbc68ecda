// JobWatch — looks at a job on Redis again and again over one link, without taking part in it.

import type { RequestFigures } from "../operators/async/async-operator.ts";
import type { PlanDescription } from "../plan/description.ts";
import type { JobPlan } from "../plan/plan.ts";
import { RedisCoordination } from "../redis/redis-coordination.ts";
import { type JobConfig, parseJobConfig } from "../runtime/job-config.ts";
import type { WorkerReport } from "../runtime/reports.ts";
import { sumRequests } from "../runtime/request-figures.ts";
import { findWatermarkCauses, flowEdges, type WatermarkCause } from "../runtime/watermark-causes.ts";
import { describeStatus, type JobStatusReport } from "../runtime/weir.ts";
import type { StageShape } from "./progress-meter.ts";

export class JobWatch {
  readonly #coordination: RedisCoordination;

  private constructor(coordination: RedisCoordination) {
    this.#coordination = coordination;
  }

  /** @throws the errors of a wrong URL, an unreachable, too old or wrongly configured Redis */
  static async open(url: string, job: string): Promise<JobWatch> {
    return new JobWatch(await RedisCoordination.open({ url, job, name: "weir-watch" }));
  }

  /** @returns undefined while nobody has created the job */
  async look(): Promise<JobStatusReport | undefined> {
    return describeStatus(await this.#coordination.observe());
  }

  async close(): Promise<void> {
    await this.#coordination.close();
  }
}

export function reportsOf(status: JobStatusReport): WorkerReport[] {
  return status.workers.flatMap(({ report }) => (report === undefined ? [] : [report]));
}

export function configOf(status: JobStatusReport): JobConfig {
  return parseJobConfig(status.job.config);
}

/** What event time stands by, per stage, along the flow. */
export function causesOf(status: JobStatusReport): WatermarkCause[] {
  const { description } = configOf(status);
  const stages = shapesOfDescription(description).map((stage) => stage.id);
  return findWatermarkCauses(stages, flowEdges(description), reportsOf(status));
}

/** How the requests of each operator stand, as far as live workers tell. */
export function requestsOf(status: JobStatusReport): RequestFigures[] {
  return sumRequests(reportsOf(status).flatMap(({ requests = [] }) => requests));
}

/** The stages of a plan, in its order. */
export function shapesOfPlan(plan: JobPlan): StageShape[] {
  return plan.stages.map((stage) => ({
    id: stage.id,
    partitions: stage.partitions,
    isSource: stage.source !== undefined,
  }));
}

/** The stages of a stored description, which has them sorted by name: here along the flow, sources first. */
export function shapesOfDescription(description: PlanDescription): StageShape[] {
  const waiting = new Map(description.stages.map((stage) => [stage.id, stage]));
  const shapes: StageShape[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter(
      (stage) => !description.edges.some((edge) => edge.to === stage.id && waiting.has(edge.from)),
    );
    // Plans have no cycles; a description that has one is still shown.
    for (const stage of ready.length > 0 ? ready : [...waiting.values()]) {
      waiting.delete(stage.id);
      shapes.push({ id: stage.id, partitions: stage.partitions, isSource: stage.source });
    }
  }
  return shapes;
}
