// prepareRun — enters a job, creating it if need be, and prepares this process's part in it, wherever the job lives.
//
// Owns:      the agreement with what is stored: graph, layouts of state, splits.
// Does not:  open anything: whoever calls it brings the ground that the job stands on.
import { randomBytes } from "node:crypto";
import { isOver } from "../core/job-lifecycle.ts";
import { JobNotFoundError } from "../core/partition-errors.ts";
import type { Coordination, JobRecord } from "../core/ports/coordination.ts";
import { noTelemetry } from "../core/ports/telemetry.ts";
import type { Job } from "../dataflow/job.ts";
import { comparePlans } from "../plan/compare.ts";
import type { JobPlan } from "../plan/plan.ts";
import { JobGraphChangedError, JobOverError } from "./errors.ts";
import {
  allPartitions,
  createJobConfig,
  defaultParallelism,
  formatJobConfig,
  type JobConfig,
  parseJobConfig,
} from "./job-config.ts";
import { checkLayouts, formatLayouts } from "./job-layouts.ts";
import { JobRun } from "./job-run.ts";
import type { RunOptions } from "./run-options.ts";
import { Worker } from "./worker.ts";
import type { Heartbeat, StoreSession, WorkerOptions } from "./worker-options.ts";

/** What a job stands on: the heap of this process, Redis, or what a test puts in their place. */
export interface Ground
  extends Pick<WorkerOptions, "coordination" | "redisUrl" | "clock" | "cut" | "decode" | "durable"> {
  openSession(entered: EnteredJob): Promise<StoreSession>;
  /** Undefined where nobody else could wonder whether this process lives. */
  readonly startHeartbeat:
    | ((entered: EnteredJob, worker: string, onGone: () => void) => Heartbeat)
    | undefined;
}

/** A job as this process takes part in it. */
export interface EnteredJob {
  readonly record: JobRecord;
  readonly plan: JobPlan;
  readonly config: JobConfig;
  readonly layoutSeq: number;
}

/** Settings that were checked. */
export type CheckedOptions = Pick<WorkerOptions, "settings" | "restart" | "detector"> &
  Pick<RunOptions, "parallelism" | "joinOnly" | "telemetry" | "onEvent">;

/** Control rounds are cheap (one script call), and take-over waits for one at most. */
const ROUND_MS = 200;

/**
 * @param onLeft called once this process no longer takes part
 * @returns the run, which is to be started
 * @throws {JobGraphChangedError | JobOverError | JobNotFoundError} when what is stored does not fit
 * @throws {StateNewerError | MigrationMissingError} when state is stored in versions that the job does not read
 */
export async function prepareRun(
  job: Job,
  ground: Ground,
  options: CheckedOptions,
  onLeft: () => Promise<void>,
): Promise<{ run: JobRun; worker: Worker }> {
  const { coordination, redisUrl, clock, cut, decode, durable, startHeartbeat } = ground;
  const entered = await enterJob(job, coordination, options);
  const { record, plan, config, layoutSeq } = entered;
  const id = `${process.pid}-${randomBytes(4).toString("hex")}`;
  const worker = new Worker({
    id,
    plan,
    incarnation: record.incarnation,
    layoutSeq,
    splits: new Map(Object.entries(config.splits)),
    coordination,
    redisUrl,
    openSession: () => ground.openSession(entered),
    startHeartbeat:
      startHeartbeat === undefined ? undefined : (onGone) => startHeartbeat(entered, id, onGone),
    settings: options.settings,
    restart: options.restart,
    detector: options.detector,
    clock,
    telemetry: options.telemetry ?? noTelemetry,
    cut,
    decode,
    durable,
    roundMs: ROUND_MS,
    onEvent: options.onEvent ?? (() => {}),
  });
  return { run: new JobRun(job.name, worker, coordination, plan, onLeft), worker };
}

/** Creates the job or agrees with the one that is stored. */
async function enterJob(
  job: Job,
  coordination: Coordination,
  options: Pick<RunOptions, "parallelism" | "joinOnly">,
): Promise<EnteredJob> {
  let { job: record } = await coordination.observe();
  if (record === undefined) {
    if (options.joinOnly === true) throw new JobNotFoundError(job.name);
    const { plan, config } = await createJobConfig(job, options.parallelism ?? defaultParallelism());
    const entry = {
      name: job.name,
      planHash: plan.hash,
      config: formatJobConfig(config),
      layouts: formatLayouts(plan),
    };
    const created = await coordination.createJob(entry, allPartitions(plan));
    if (created.created) return { record: created.job, plan, config, layoutSeq: created.job.layoutSeq };
    record = created.job;
  }
  if (isOver(record.status)) throw new JobOverError(job.name, record.status);
  const config = parseJobConfig(record.config);
  const plan = job.plan({ parallelism: config.parallelism });
  if (plan.hash !== record.planHash)
    throw new JobGraphChangedError(job.name, comparePlans(config.description, plan));
  return { record, plan, config, layoutSeq: await checkLayouts(record, plan, coordination) };
}
