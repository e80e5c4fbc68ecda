// Worker — one process's part in a job: joins, leads if nobody does, runs the partitions assigned to it, leaves.
//
// Owns:      the control loop.
// Does not:  know Redis: sessions and coordination come in through their ports. Keep the session (Hosting).
//
//   joining ──► working ──► leaving ──► left
//    └─────────────┴───────────────────► left   (the job is over, or its data is gone)
//
// A worker that is asked to leave while it joins goes to leaving at once.
import { hostname } from "node:os";
import { SourceAlignment } from "../actors/source-alignment.ts";
import { isEngineError, toError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";
import { isOver } from "../core/job-lifecycle.ts";
import { defineLifecycle, type Lifecycle } from "../core/lifecycle.ts";
import { JobLostError, LayoutsChangedError } from "../core/partition-errors.ts";
import type { JobFailure, Observation } from "../core/ports/coordination.ts";
import { alignmentFacts, readAlignment } from "./alignment-reports.ts";
import { Hosting } from "./hosting.ts";
import { allPartitions } from "./job-config.ts";
import { Leader } from "./leader.ts";
import { News } from "./news.ts";
import { partitionHolds, summariseStages, type WorkerReport } from "./reports.ts";
import { requestsOf } from "./request-figures.ts";
import type { Heartbeat, WorkerOptions, WorkerOutcome } from "./worker-options.ts";

type WorkerState = "joining" | "working" | "leaving" | "left";

export const workerLifecycle: Lifecycle<WorkerState> = defineLifecycle("worker", {
  joining: ["working", "leaving", "left"],
  working: ["leaving", "left"],
  leaving: ["left"],
  left: [],
});

/** A control plane that does not answer is tried again this often. */
const RETRY_MS = 200;
/** Between two reports. Where sources wait for each other across workers, every round has one. */
const REPORT_MS = 500;
const ALIGNED_REPORT_MS = 100;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #life = workerLifecycle.create("worker", "joining");
  readonly #alignment: SourceAlignment;
  readonly #hosting: Hosting;
  readonly #news: News;
  #heartbeat: Heartbeat | undefined;
  #pendingFailure: JobFailure | undefined;
  #lastReportMs = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#alignment = new SourceAlignment(options.plan);
    this.#news = new News(options.coordination);
    this.#hosting = new Hosting(options, this.#alignment, {
      onJobFailure: (partition, error) => this.#failJob(partition, error),
      onNews: () => this.#news.tell(),
      isStillAssigned: (partition, version) => this.#isStillAssigned(partition, version),
    });
  }

  /**
   * Runs until the job is over or {@link leave} is called.
   *
   * @throws {JobLostError} when the job's data vanished
   * @throws {JobReplacedError} when another job has its name since
   * @throws {LayoutsChangedError} when a newer version of the job has joined; what was done is durable
   */
  async run(): Promise<WorkerOutcome> {
    const { coordination, clock, id, plan, detector, roundMs } = this.#options;
    const leader = new Leader(coordination, id, allPartitions(plan), clock, detector);
    let outcome: WorkerOutcome | undefined;
    try {
      await this.#join();
      if (this.#life.current === "joining") {
        this.#life.to("working");
        this.#hosting.open();
      }
      while (outcome === undefined) {
        outcome = await this.#round(leader);
        if (outcome === undefined) await this.#news.wait(roundMs);
      }
    } finally {
      if (this.#life.current !== "left") this.#life.to("left");
      await this.#hosting.close();
      await this.#heartbeat?.stop();
      await coordination.leave(id).catch(() => {});
    }
    return outcome;
  }

  /** Drains the partitions and leaves the job to the other workers; {@link run} then returns. */
  leave(): void {
    if (this.#life.current !== "joining" && this.#life.current !== "working") return;
    this.#life.to("leaving");
    this.#news.tell();
  }

  /**
   * Everything that has come into the job is processed and durable, as far as this worker can see: what other workers
   * do is not known here, and neither is what waits in the channels.
   */
  get isQuiet(): boolean {
    const { current } = this.#life;
    if (this.#hosting.isEmpty) return current === "left";
    return current === "working" && this.#pendingFailure === undefined && this.#hosting.isQuiet;
  }

  report(): WorkerReport {
    const partitions = this.#hosting.metrics();
    const past = this.#hosting.pastMetrics();
    return {
      worker: this.#options.id,
      host: hostname(),
      pid: process.pid,
      atMs: this.#options.clock.nowMs(),
      memoryBytes: process.memoryUsage.rss(),
      stages: summariseStages(this.#options.plan, partitions, past),
      holds: partitionHolds(partitions),
      requests: requestsOf(partitions, past),
      alignment: alignmentFacts(this.#alignment),
    };
  }

  async #join(): Promise<void> {
    await this.#options.coordination.join({ id: this.#options.id, host: hostname(), pid: process.pid });
    this.#heartbeat ??= this.#options.startHeartbeat?.(() => this.#news.tell());
  }

  /** One look at the control plane. @returns how the job ended, or undefined to go on */
  async #round(leader: Leader): Promise<WorkerOutcome | undefined> {
    const { coordination, id } = this.#options;
    let observation: Observation;
    try {
      observation = await coordination.observe();
      if (observation.job === undefined) throw new JobLostError(this.#options.plan.job);
      const { status, failure } = observation.job;
      if (isOver(status)) {
        await this.#hosting.stopAll();
        return { status, failure };
      }
      if (this.#pendingFailure !== undefined) {
        await coordination.setStatus(["created", "running", "cancelling"], "failed", this.#pendingFailure);
        return undefined;
      }
      if (this.#life.current === "leaving") {
        await this.#drain();
        return { status, failure };
      }
      if (!observation.workers.some((worker) => worker.id === id)) {
        // Declared dead while we were paused: our partitions are fenced, we may serve again.
        await this.#join();
        return undefined;
      }
      // The leader calls the job cancelled when all partitions have stopped, its own among them.
      if (status === "cancelling") {
        await this.#hosting.stopAll();
        await leader.round(observation);
        if (!leader.leads) await coordination.requestLeave(id);
        return undefined;
      }
      const { layoutSeq } = observation.job;
      if (layoutSeq !== this.#options.layoutSeq) {
        await this.#drain();
        throw new LayoutsChangedError(`job "${this.#options.plan.job}"`, this.#options.layoutSeq, layoutSeq);
      }
      await leader.round(observation);
      if (this.#alignment.isUsed) this.#alignment.observe(readAlignment(observation, id), observation.ended);
      this.#hosting.reconcile(this.#assignedIn(observation));
      await this.#publish();
    } catch (thrown) {
      const error = toError(thrown);
      if (!isEngineError(error) || error.retry === "never") throw error;
      this.#options.onEvent({ kind: "control-plane-lost", error });
      await new Promise<void>((resolve) => this.#options.clock.after(RETRY_MS, resolve));
    }
    return undefined;
  }

  /**
   * Finishes what is under way. The leader leaves the partitions here meanwhile, but not for ever (DRAIN_LIMIT_MS):
   * those that it has given to others since are dropped, so that a sink that hangs in them does not hold us.
   */
  async #drain(): Promise<void> {
    const { coordination, id, roundMs } = this.#options;
    await coordination.requestLeave(id);
    let isDrained = false;
    void this.#hosting.stopAll().then(() => {
      isDrained = true;
      this.#news.tell();
    });
    for (;;) {
      await this.#news.wait(roundMs);
      if (isDrained) return;
      this.#hosting.abandonLost(this.#assignedIn(await coordination.observe()));
    }
  }

  #assignedIn({ assignments, ended }: Observation): Map<PartitionId, number> {
    const assigned = new Map<PartitionId, number>();
    for (const [partition, { worker, version }] of assignments)
      if (worker === this.#options.id && !ended.has(partition)) assigned.set(partition, version);
    return assigned;
  }

  async #isStillAssigned(partition: PartitionId, version: number): Promise<boolean> {
    try {
      return this.#assignedIn(await this.#options.coordination.observe()).get(partition) === version;
    } catch {
      // The next round finds out what is wrong with the control plane.
      return true;
    }
  }

  #failJob(partition: PartitionId | undefined, error: Error): void {
    this.#options.onEvent({ kind: "job-failing", partition, error });
    // What fails after it may be a consequence.
    this.#pendingFailure ??= {
      code: isEngineError(error) ? error.code : error.name,
      message: error.message,
      partition,
    };
    this.#news.tell();
  }

  async #publish(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#lastReportMs < (this.#alignment.isUsed ? ALIGNED_REPORT_MS : REPORT_MS)) return;
    this.#lastReportMs = nowMs;
    await this.#options.coordination.report(this.#options.id, JSON.stringify(this.report()));
  }
}
