// runHere — this process works on a job until the job is over or a signal ends its part: `weir run` and `weir worker`.
import { toError } from "../core/errors.ts";
import { isOver } from "../core/job-lifecycle.ts";
import type { Job } from "../dataflow/job.ts";
import { JobOverError } from "../runtime/errors.ts";
import type { JobRun } from "../runtime/job-run.ts";
import type { RunEvent } from "../runtime/reports.ts";
import type { RunOptions } from "../runtime/run-options.ts";
import { connect } from "../runtime/weir.ts";
import { startCpuProfile } from "./cpu-profile.ts";
import { reportOf } from "./error-report.ts";
import { EXIT, exitCodeFor, FORCED_EXIT, type StopSignal } from "./exit-codes.ts";
import { shapesOfPlan } from "./job-watch.ts";
import type { Output } from "./output.ts";
import { ProgressDisplay } from "./progress-display.ts";
import { ProgressMeter } from "./progress-meter.ts";
import { type JobProgress, summarise } from "./progress-text.ts";
import { RunNews } from "./run-news.ts";
import { StopSignals } from "./stop-signals.ts";
import { noticeOf, tellError, tellParent } from "./worker-messages.ts";

export interface RunHereOptions {
  /** Undefined: embedded. */
  readonly redis: string | undefined;
  readonly run: Omit<RunOptions, "onEvent">;
  readonly output: Output;
  /** Folder for a CPU profile; undefined: none. */
  readonly cpuProfile?: string | undefined;
  /** A `weir run` started this process: it is told what happens, and nothing is printed here. Default false. */
  readonly managed?: boolean | undefined;
}

/** @returns the exit code. Errors are shown, or told to the parent, before it returns. */
export async function runHere(job: Job, options: RunHereOptions): Promise<number> {
  return new RunHere(job, options).go();
}

class RunHere {
  readonly #job: Job;
  readonly #options: RunHereOptions;
  readonly #output: Output;
  readonly #news: RunNews;
  readonly #managed: boolean;
  readonly #startedMs = performance.now();
  readonly #signals: StopSignals;
  #run: JobRun | undefined;
  #meter: ProgressMeter | undefined;
  #draining = false;

  constructor(job: Job, options: RunHereOptions) {
    this.#job = job;
    this.#options = options;
    this.#output = options.output;
    this.#news = new RunNews(options.output);
    this.#managed = options.managed === true;
    this.#signals = new StopSignals({
      onDrain: (signal) => this.#onDrain(signal),
      onForce: (signal) => process.exit(FORCED_EXIT[signal]),
    });
    // Nobody would be left to end workers whose parent was killed.
    if (this.#managed) process.once("disconnect", () => this.#signals.drain("SIGTERM"));
  }

  async go(): Promise<number> {
    const { cpuProfile } = this.#options;
    const endProfile = cpuProfile === undefined ? undefined : await startCpuProfile(cpuProfile);
    try {
      return await this.#work();
    } finally {
      this.#signals.close();
      if (endProfile !== undefined) {
        const path = await endProfile();
        this.#output.note(`CPU profile: ${path}`, { event: { kind: "cpu-profile", path } });
      }
    }
  }

  async #work(): Promise<number> {
    const display = new ProgressDisplay(this.#output, async () => this.#look());
    let failure: Error | undefined;
    let status = "failed";
    try {
      const run = await this.#start();
      if (!this.#managed) display.start();
      const outcome = await run.finished;
      status = isOver(outcome.status) ? outcome.status : "drained";
    } catch (thrown) {
      failure = toError(thrown);
    }
    await display.close();
    // Also after the end: waits until this process has left the job.
    await this.#run?.stop();
    return this.#managed ? this.#tell(status, failure) : this.#show(status, failure);
  }

  async #start(): Promise<JobRun> {
    const { redis, run: runOptions } = this.#options;
    const weir = await connect(redis === undefined ? {} : { redis });
    const run = await weir.run(this.#job, { ...runOptions, onEvent: (event) => this.#onEvent(event) });
    this.#run = run;
    this.#meter = new ProgressMeter(shapesOfPlan(run.plan));
    const mode = redis === undefined ? "embedded: nothing survives the end of this process" : "as a worker";
    this.#output.detail(`job ${this.#job.name} runs ${mode}`, {
      event: { kind: "started", job: this.#job.name, pid: process.pid, embedded: redis === undefined },
    });
    if (this.#draining) void run.stop();
    return run;
  }

  #look(): JobProgress | undefined {
    const run = this.#run;
    if (run === undefined || this.#meter === undefined) return undefined;
    return {
      job: this.#job.name,
      status: this.#draining ? "draining" : "running",
      elapsedMs: performance.now() - this.#startedMs,
      workers: 1,
      stages: this.#meter.observe([run.report()], Date.now()),
    };
  }

  #onDrain(signal: StopSignal): void {
    this.#draining = true;
    if (!this.#managed)
      this.#output.note(`${signal}: finishing what is under way; a second signal ends the process at once`, {
        event: { kind: "draining", signal },
      });
    void this.#run?.stop();
  }

  #onEvent(event: RunEvent): void {
    const notice = noticeOf(event);
    if (this.#managed) void tellParent({ kind: "event", event: notice });
    else this.#news.notice(notice);
  }

  async #tell(status: string, failure: Error | undefined): Promise<number> {
    const report = this.#run?.report();
    if (failure instanceof JobOverError) {
      // Its parent has seen the job alive, so this worker only came when the others had done everything.
      await tellParent({ kind: "outcome", status: String(failure.details["status"]), report });
      return EXIT.ok;
    }
    if (failure !== undefined) return tellError(failure, report);
    await tellParent({ kind: "outcome", status, report });
    return EXIT.ok;
  }

  #show(status: string, failure: Error | undefined): number {
    const progress = this.#look();
    if (progress !== undefined) {
      const { job, elapsedMs, stages } = progress;
      this.#news.summary(summarise(job, status, elapsedMs, this.#news.restarts, stages));
    }
    if (failure === undefined) return EXIT.ok;
    const error = reportOf(failure);
    this.#output.error(error);
    return exitCodeFor(error.code);
  }
}
