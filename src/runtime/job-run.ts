// JobRun — a job that this process takes part in.
import { toError } from "../core/errors.ts";
import type { Coordination } from "../core/ports/coordination.ts";
import type { RequestFigures } from "../operators/async/async-operator.ts";
import { describePlan } from "../plan/description.ts";
import type { JobPlan } from "../plan/plan.ts";
import { JobFailedError } from "./errors.ts";
import { mergeReports, type StageReport, type WorkerReport } from "./reports.ts";
import { sumRequests } from "./request-figures.ts";
import { findWatermarkCauses, flowEdges, type WatermarkCause } from "./watermark-causes.ts";
import type { Worker } from "./worker.ts";
import type { WorkerOutcome } from "./worker-options.ts";

export class JobRun {
  readonly job: string;
  readonly plan: JobPlan;
  /**
   * Resolves when this process no longer takes part: with `finished` or `cancelled` when the job is over, with the
   * job's current status after {@link stop}. Rejects with {@link JobFailedError} when the job failed.
   */
  readonly finished: Promise<WorkerOutcome>;
  readonly #worker: Worker;
  readonly #coordination: Coordination;
  readonly #cleanUp: () => Promise<void>;
  #resolve: (outcome: WorkerOutcome) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #settled: Promise<void> | undefined;

  constructor(
    job: string,
    worker: Worker,
    coordination: Coordination,
    plan: JobPlan,
    cleanUp: () => Promise<void>,
  ) {
    this.job = job;
    this.plan = plan;
    this.#worker = worker;
    this.#coordination = coordination;
    this.#cleanUp = cleanUp;
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A failed job must not crash a process that looks at `finished` later.
    this.finished.catch(() => {});
  }

  /** Called once by {@link Weir.run}. */
  start(): void {
    this.#settled = this.#run();
  }

  /** Drains this process's partitions and leaves the job to the other workers; an embedded job pauses for good. */
  async stop(): Promise<void> {
    this.#worker.leave();
    await this.#settled;
  }

  /** Ends the job on all workers. */
  async cancel(): Promise<void> {
    await this.#coordination.setStatus(["created", "running"], "cancelling");
    await this.#settled;
  }

  /** Figures of this process's partitions. */
  report(): WorkerReport {
    return this.#worker.report();
  }

  /** Figures per stage: of this process, or merged with the reports of other workers. */
  stages(others: readonly WorkerReport[] = []): StageReport[] {
    return mergeReports(this.plan, [this.report(), ...others]);
  }

  /**
   * Why event time stands where it stands: for each stage the split or channel that its watermark waits for. The
   * answer to "why does my window not fire".
   */
  watermarks(others: readonly WorkerReport[] = []): WatermarkCause[] {
    const stages = this.plan.stages.map((stage) => stage.id);
    return findWatermarkCauses(stages, flowEdges(describePlan(this.plan)), [this.report(), ...others]);
  }

  /** How the requests of `asyncMap`, `asyncFlatMap` and `lookup` stand, per operator. */
  requests(others: readonly WorkerReport[] = []): RequestFigures[] {
    return sumRequests([this.report(), ...others].flatMap(({ requests = [] }) => requests));
  }

  async #run(): Promise<void> {
    try {
      const outcome = await this.#worker.run();
      if (outcome.status === "failed") this.#reject(new JobFailedError(this.job, outcome.failure));
      else this.#resolve(outcome);
    } catch (thrown) {
      this.#reject(toError(thrown));
    } finally {
      await this.#cleanUp().catch(() => {});
    }
  }
}
