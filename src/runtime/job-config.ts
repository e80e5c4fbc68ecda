// JobConfig — what is stored with a job so that every worker plans it alike.
import { availableParallelism } from "node:os";
import type { Json, SourceSplit } from "../connectors/contract.ts";
import { type PartitionId, partitionId } from "../core/ids.ts";
import type { Job } from "../dataflow/job.ts";
import { describePlan, type PlanDescription } from "../plan/description.ts";
import type { JobPlan } from "../plan/plan.ts";

export interface JobConfig {
  /** Default partition count per stage, fixed when the job is created. */
  readonly parallelism: number;
  /** Splits per source stage, asked for once. */
  readonly splits: Readonly<Record<string, readonly SourceSplit[]>>;
  /** To tell what changed when the job is resumed with another graph. */
  readonly description: PlanDescription;
}

export function formatJobConfig(config: JobConfig): string {
  return JSON.stringify(config);
}

export function parseJobConfig(text: string): JobConfig {
  return JSON.parse(text) as JobConfig;
}

/** Twice the cores: partitions are the unit of scaling out, and a job outgrows its first machine. */
export function defaultParallelism(): number {
  return Math.min(256, 2 * availableParallelism());
}

/** Plans the job and asks its sources for their splits. */
export async function createJobConfig(
  job: Job,
  parallelism: number,
): Promise<{ plan: JobPlan; config: JobConfig }> {
  const plan = job.plan({ parallelism });
  const splits: Record<string, readonly SourceSplit[]> = {};
  for (const stage of plan.stages)
    if (stage.source !== undefined) splits[stage.id] = await stage.source.source.splits(stage.partitions);
  // What a joining worker reads back must be what this one uses.
  const stored = JSON.parse(JSON.stringify(splits)) as Record<string, readonly SourceSplit[]> & Json;
  return { plan, config: { parallelism, splits: stored, description: describePlan(plan) } };
}

export function allPartitions(plan: JobPlan): PartitionId[] {
  return plan.stages.flatMap((stage) =>
    Array.from({ length: stage.partitions }, (_, index) => partitionId(stage.id, index)),
  );
}
