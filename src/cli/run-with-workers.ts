// runWithWorkers — a job on Redis with N worker processes on this machine: starts them, shows how the job goes, and
// ends with them. This process does no work itself.
import { isOver } from "../core/job-lifecycle.ts";
import { deleteJob } from "../redis/delete-job.ts";
import { JobFailedError, JobOverError } from "../runtime/errors.ts";
import type { WorkerReport } from "../runtime/reports.ts";
import { type ErrorReport, reportOf } from "./error-report.ts";
import { WorkersCrashedError } from "./errors.ts";
import { EXIT, exitCodeFor, FORCED_EXIT, type StopSignal } from "./exit-codes.ts";
import { JobWatch, reportsOf } from "./job-watch.ts";
import type { Output } from "./output.ts";
import { ProgressDisplay } from "./progress-display.ts";
import { ProgressMeter, type StageShape } from "./progress-meter.ts";
import { type JobProgress, summarise } from "./progress-text.ts";
import { RunNews } from "./run-news.ts";
import { StopSignals } from "./stop-signals.ts";
import type { WorkerMessage } from "./worker-messages.ts";
import { type StandbyProcesses, WorkerProcesses, type WorkersEnd } from "./worker-processes.ts";

export interface RunWithWorkersOptions {
  readonly job: string;
  /** The stages that are shown. */
  readonly shapes: readonly StageShape[];
  readonly redis: string;
  readonly workers: number;
  /** Delete what an earlier job of this name left. */
  readonly fresh: boolean;
  /**
   * Arguments of `weir` that make a child a managed worker of this job, without the URL, which it gets as
   * WEIR_REDIS_URL so that no password shows in the list of processes.
   */
  readonly childArgs: readonly string[];
  /** Workers that were started ahead. */
  readonly standby: StandbyProcesses;
  readonly output: Output;
}

/**
 * @returns the exit code. Errors of the workers are shown before it returns.
 * @throws the errors of a wrong URL, an unreachable, too old or wrongly configured Redis, before anything is started
 */
export async function runWithWorkers(options: RunWithWorkersOptions): Promise<number> {
  const run = new RunWithWorkers(options);
  return run.go();
}

class RunWithWorkers {
  readonly #options: RunWithWorkersOptions;
  readonly #startedMs = performance.now();
  readonly #meter: ProgressMeter;
  readonly #news: RunNews;
  readonly #workers: WorkerProcesses;
  /** The latest of each worker, wherever it runs. */
  #reports = new Map<string, WorkerReport>();
  #watch: JobWatch | undefined;
  /** As stored; undefined before the job is created. */
  #status: string | undefined;
  #outcome: string | undefined;
  #workerCount = 0;
  #draining = false;

  constructor(options: RunWithWorkersOptions) {
    const { workers, childArgs, standby, redis, output } = options;
    this.#options = options;
    this.#news = new RunNews(output);
    this.#meter = new ProgressMeter(options.shapes);
    this.#workers = new WorkerProcesses({
      count: workers,
      args: childArgs,
      standby,
      env: { WEIR_REDIS_URL: redis },
      stdout: output.stdout,
      stderr: output.stderr,
      onMessage: (message, pid) => this.#onMessage(message, pid),
      onCrash: ({ pid, how, respawnInMs }) => this.#news.crash(pid, how, respawnInMs),
    });
  }

  async go(): Promise<number> {
    const { redis, job, fresh, output } = this.#options;
    const signals = new StopSignals({
      onDrain: (signal) => this.#onDrain(signal),
      onForce: (signal) => this.#onForce(signal),
    });
    const display = new ProgressDisplay(output, () => this.#look());
    try {
      const watch = await JobWatch.open(redis, job);
      this.#watch = watch;
      try {
        if (fresh) await deleteJob(redis, job);
        const left = (await watch.look())?.job.status;
        if (left !== undefined && isOver(left)) throw new JobOverError(job, left);
        if (!this.#draining) {
          this.#workers.start();
          display.start();
        }
        const end = this.#draining ? ({ kind: "over" } as const) : await this.#workers.ended;
        await display.close();
        return await this.#finish(end, watch);
      } finally {
        await display.close();
        await watch.close();
      }
    } finally {
      signals.close();
    }
  }

  async #look(): Promise<JobProgress> {
    const seen = await this.#watch?.look();
    if (seen !== undefined) {
      this.#status = seen.job.status;
      this.#workerCount = seen.workers.length;
      this.#reports = new Map(reportsOf(seen).map((report) => [report.worker, report]));
    }
    return this.#progress();
  }

  #progress(): JobProgress {
    const status = this.#status === undefined || this.#status === "created" ? "starting" : this.#status;
    return {
      job: this.#options.job,
      status: this.#draining ? "draining" : status,
      elapsedMs: performance.now() - this.#startedMs,
      workers: this.#workerCount,
      stages: this.#meter.observe([...this.#reports.values()], Date.now()),
    };
  }

  #onMessage(message: WorkerMessage, pid: number): void {
    if (message.kind === "event") {
      this.#news.notice(message.event, pid);
      return;
    }
    // The last word of a worker, which its report in Redis went away with.
    if (message.report !== undefined) {
      this.#reports.set(message.report.worker, message.report);
      this.#meter.observe([...this.#reports.values()], Date.now());
    }
    if (message.kind === "outcome" && message.status !== "drained") this.#outcome = message.status;
  }

  #onDrain(signal: StopSignal): void {
    this.#draining = true;
    this.#options.output.note(
      `${signal}: the workers finish what is under way; a second signal ends them at once`,
      {
        event: { kind: "draining", signal },
      },
    );
    this.#workers.drain(signal);
  }

  #onForce(signal: StopSignal): void {
    this.#workers.kill();
    process.exit(FORCED_EXIT[signal]);
  }

  async #finish(end: WorkersEnd, watch: JobWatch): Promise<number> {
    const { job, output } = this.#options;
    const error = await this.#errorOf(end, watch);
    const status = error === undefined ? (this.#outcome ?? "drained") : "failed";
    const { elapsedMs, stages } = this.#progress();
    this.#news.summary(summarise(job, status, elapsedMs, this.#news.restarts, stages));
    if (error === undefined) return EXIT.ok;
    output.error(error);
    return exitCodeFor(error.code);
  }

  async #errorOf(end: WorkersEnd, watch: JobWatch): Promise<ErrorReport | undefined> {
    switch (end.kind) {
      case "over": {
        if (this.#outcome !== "failed") return undefined;
        // Only workers that came too late are left to tell, and they do not know why.
        const failure = (await watch.look())?.job.failure;
        return reportOf(new JobFailedError(this.#options.job, failure));
      }
      case "error":
        return end.message.error;
      case "crashed":
        return reportOf(new WorkersCrashedError(this.#options.job, end.crashes, end.how));
    }
  }
}
