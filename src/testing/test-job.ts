// TestJob — a whole job on the embedded engine, under a test's control: input and processing time by hand, attempts killed
// at any step, and a way to wait until nothing is under way.
//
// It is the engine that runs, with one thing exchanged: storage encodes what is committed, so that a new attempt begins with
// what the codecs wrote. Processing time stands still until the test moves it; nothing of the engine's own waits for it,
// because every unit of work is an epoch and watermarks are told at once.
import type { RestartPolicy } from "../actors/kernel/supervision.ts";
import type { EngineSettings } from "../actors/settings.ts";
import { createEncodingCutter } from "../broker/frame-cutter.ts";
import { MemoryChannelReader } from "../broker/memory-channel.ts";
import { decodeFrame } from "../broker/wire.ts";
import type { CollectSink } from "../connectors/collect.ts";
import type { Sink, Source } from "../connectors/contract.ts";
import { systemClock } from "../core/clock.ts";
import { EmbeddedCoordination } from "../core/embedded-coordination.ts";
import { EmbeddedStore } from "../core/embedded-store.ts";
import { toError } from "../core/errors.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import type { Job } from "../dataflow/job.ts";
import type { JobPlan } from "../plan/plan.ts";
import { defaultDetectorSettings } from "../runtime/failure-detector.ts";
import { checkConnectors } from "../runtime/job-checks.ts";
import { allPartitions } from "../runtime/job-config.ts";
import type { JobRun } from "../runtime/job-run.ts";
import { prepareRun } from "../runtime/prepare-run.ts";
import type { RunEvent } from "../runtime/reports.ts";
import { resolveRestart, resolveSettings } from "../runtime/run-options.ts";
import type { Worker } from "../runtime/worker.ts";
import type { WorkerOutcome } from "../runtime/worker-options.ts";
import { HeapStateBackend } from "../state/heap-state-backend.ts";
import { EncodingStateBackend } from "./encoding-state-backend.ts";
import { NotSettledError } from "./errors.ts";
import { KILL_STEPS, type Kill, type KillOptions, type KillStep, KillSwitch } from "./kill-switch.ts";
import { withKillableOperators } from "./killable-operators.ts";
import { KillableStateBackend } from "./killable-state-backend.ts";
import { isManualSource, type ManualSource } from "./manual-source.ts";
import { TestClock, type TestTime } from "./test-clock.ts";

export interface TestJobOptions {
  /** Partitions per stage where the job does not say. Default 2. */
  readonly parallelism?: number | undefined;
  /** Processing time at the beginning in epoch ms. Default 0. */
  readonly startMs?: number | undefined;
  /** Stand in for the job's own sources, by their names: manual sources for Redis streams or files. */
  readonly sources?: Readonly<Record<string, Source<unknown>>> | undefined;
  /** Stand in for the job's own sinks, by their names. */
  readonly sinks?: Readonly<Record<string, Sink<never>>> | undefined;
  /** Of the engine, such as a small `cacheEntries` or `timerSlice`. By default every unit of work is an epoch of its own. */
  readonly settings?: Partial<EngineSettings> | undefined;
  /**
   * What happens to attempts that fail by themselves or are killed. Default: tried again at once, 100 times in a row.
   * Waits are waits of the test's clock.
   */
  readonly restart?: Partial<RestartPolicy> | undefined;
  /** After so much real time, waiting for the job fails. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
}

const OPTIONS = [
  "parallelism",
  "startMs",
  "sources",
  "sinks",
  "settings",
  "restart",
  "timeoutMs",
  "onEvent",
] as const;

/**
 * Starts a job in this process for a test. End it with `finish()` or `stop()`.
 *
 * @throws {UnknownOptionError | InvalidOptionError | InvalidSettingError | InvalidJobError} for wrong options
 * @throws {NeedsRedisError} for a source or sink that needs Redis and has no stand-in
 */
export async function runTestJob(job: Job, options: TestJobOptions = {}): Promise<TestJob> {
  checkOptions("runTestJob", options, OPTIONS);
  checkWholeNumber("runTestJob", "timeoutMs", options.timeoutMs, 1);
  const { parallelism = 2, startMs = 0 } = options;
  const settings = { ...resolveSettings(options.settings), ...promptly(options.settings) };
  const restart = { ...resolveRestart(options.restart), ...atOnce(options.restart) };
  const kills = new KillSwitch();
  const tested: Job = {
    ...job,
    plan: (planOptions) => withKillableOperators(withStandIns(job.plan(planOptions), options), kills),
  };
  const plan = tested.plan({ parallelism });
  checkConnectors(plan, { onRedis: false, severalProcesses: false });
  const clock = new TestClock(startMs);
  const store = new EmbeddedStore();
  // Rounds of the control plane go on while processing time stands still.
  const coordination = new EmbeddedCoordination(job.name, store, systemClock);
  const news: News = { failure: undefined };
  const ground = {
    coordination,
    redisUrl: undefined,
    clock,
    cut: createEncodingCutter(settings.frameBytes),
    decode: decodeFrame,
    durable: true,
    openSession: async () => {
      const heap = new HeapStateBackend(store, job.name);
      return {
        backend: new KillableStateBackend(new EncodingStateBackend(heap), kills),
        reader: new MemoryChannelReader(store),
        onEnd: () => {},
        close: async () => heap.close(),
      };
    },
    startHeartbeat: undefined,
  };
  const onEvent = (event: RunEvent): void => {
    if (event.kind === "partition-restart") news.failure = `${event.partition}: ${event.error.message}`;
    options.onEvent?.(event);
  };
  const checked = { parallelism, settings, restart, detector: defaultDetectorSettings, onEvent };
  const { run, worker } = await prepareRun(tested, ground, checked, () => coordination.close());
  run.start();
  return new TestJob({ run, worker, store, clock, kills, news, timeoutMs: options.timeoutMs ?? 10_000 });
}

/** Why the latest attempt failed that was tried again. */
interface News {
  failure: string | undefined;
}

interface TestJobParts {
  readonly run: JobRun;
  readonly worker: Worker;
  readonly store: EmbeddedStore;
  readonly clock: TestClock;
  readonly kills: KillSwitch;
  readonly news: News;
  readonly timeoutMs: number;
}

/** Made by {@link runTestJob}. */
export class TestJob {
  /** Processing time. What becomes due is done when the job settles. */
  readonly clock: TestTime;
  /** The run itself, for its figures: `stages()`, `watermarks()`. */
  readonly run: JobRun;
  readonly #parts: TestJobParts;
  readonly #manual: readonly (readonly [name: string, source: ManualSource<unknown>])[];
  #over: { readonly outcome: WorkerOutcome } | { readonly error: Error } | undefined;

  /** Use {@link runTestJob}. */
  constructor(parts: TestJobParts) {
    this.#parts = parts;
    this.clock = parts.clock;
    this.run = parts.run;
    this.#manual = parts.run.plan.stages.flatMap(({ id, source }) =>
      source !== undefined && isManualSource(source.source) ? [[id, source.source] as const] : [],
    );
    parts.run.finished.then(
      (outcome) => {
        this.#over = { outcome };
      },
      (thrown: unknown) => {
        this.#over = { error: toError(thrown) };
      },
    );
  }

  /**
   * Waits until everything that was pushed is processed and committed, and nothing is under way: no batch, timer, commit,
   * request or restart. Sources that are not manual count as far as they have answered.
   *
   * @throws {JobFailedError} when the job has failed
   * @throws {NotSettledError} when something stays under way, such as a request that nobody answers
   */
  async settle(): Promise<void> {
    await this.#until("settle", () => this.#underWay() === undefined);
  }

  /**
   * Kills an attempt when it comes to a step: its heap is lost, and a new attempt starts from what is committed.
   * Several kills may wait at once; each happens once.
   */
  killAt(step: KillStep, options: KillOptions = {}): Kill {
    if (!KILL_STEPS.includes(step))
      throw new InvalidOptionError("killAt", "step", step, `one of ${KILL_STEPS.join(", ")}`);
    checkOptions("killAt", options, ["partition", "occurrence", "scope"]);
    checkWholeNumber("killAt", "occurrence", options.occurrence, 1);
    const { partition, scope = "partition" } = options;
    const partitions = allPartitions(this.run.plan);
    if (partition !== undefined && !partitions.includes(partition))
      throw new InvalidOptionError("killAt", "partition", partition, `one of ${partitions.join(", ")}`);
    if (scope !== "partition" && scope !== "job")
      throw new InvalidOptionError("killAt", "scope", scope, '"partition" or "job"');
    return this.#parts.kills.arm(step, options);
  }

  /** What has been committed to a collect sink of the job, given itself or by its name. */
  results<T>(sink: CollectSink<T>): readonly T[];
  results(sink: string): readonly unknown[];
  results(sink: string | CollectSink<unknown>): readonly unknown[] {
    if (typeof sink !== "string") return sink.results;
    const sinks = sinksOf(this.run.plan);
    const found = sinks.get(sink);
    if (found !== undefined && "results" in found) return (found as CollectSink<unknown>).results;
    const names = [...sinks].flatMap(([name, each]) => ("results" in each ? [name] : []));
    throw new InvalidOptionError(
      "results",
      "sink",
      sink,
      `a collect sink: ${names.join(", ") || "the job has none"}`,
    );
  }

  /**
   * Ends all manual sources and waits until the job is finished.
   *
   * @throws {JobFailedError}
   * @throws {KillNotReachedError} when a kill did not happen
   * @throws {NotSettledError} when the job does not finish, such as one with a source that does not end
   */
  async finish(): Promise<void> {
    for (const [, source] of this.#manual) source.end();
    await this.#until("finish", () => false);
    this.#parts.kills.checkAllHappened();
  }

  /** Drains the job and leaves it where it stands. Does nothing when it is over. */
  async stop(): Promise<void> {
    await this.run.stop();
  }

  /** Waits until the job is over, or `isDone` is true twice with everything in between served that was ready. */
  async #until(call: string, isDone: () => boolean): Promise<void> {
    const { timeoutMs } = this.#parts;
    const giveUpMs = performance.now() + timeoutMs;
    for (let seen = 0; seen < 2; seen = isDone() ? seen + 1 : 0) {
      if (this.#over !== undefined) {
        if ("error" in this.#over) throw this.#over.error;
        return;
      }
      if (performance.now() > giveUpMs) throw new NotSettledError(call, timeoutMs, this.#explain());
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** What keeps the job from being settled, for people. */
  #underWay(): string | undefined {
    const { worker, store } = this.#parts;
    for (const [name, source] of this.#manual)
      if (!source.isDrained) return `source "${name}" has records that were not read`;
    if (!worker.isQuiet) return "a partition is at work, waits for requests or sinks, or starts again";
    for (const [id, channel] of store.channels)
      if (channel.length > 0) return `channel ${id} holds ${channel.length} entries that were not consumed`;
    return undefined;
  }

  #explain(): string {
    const underWay = this.#underWay() ?? "its input does not end";
    const { failure } = this.#parts.news;
    return failure === undefined ? underWay : `${underWay}; the latest attempt that failed was ${failure}`;
  }
}

function sinksOf(plan: JobPlan): Map<string, Sink<unknown>> {
  const sinks = new Map<string, Sink<unknown>>();
  for (const { operators } of plan.stages)
    for (const operator of operators) if (operator.type === "sink") sinks.set(operator.name, operator.sink);
  return sinks;
}

/** @throws {InvalidOptionError} for names that the job does not have */
function withStandIns(plan: JobPlan, { sources = {}, sinks = {} }: TestJobOptions): JobPlan {
  const sourceNames = plan.stages.flatMap(({ id, source }) => (source === undefined ? [] : [id]));
  checkNames("sources", Object.keys(sources), sourceNames);
  checkNames("sinks", Object.keys(sinks), [...sinksOf(plan).keys()]);
  return {
    ...plan,
    stages: plan.stages.map((stage) => ({
      ...stage,
      source: stage.source && {
        ...stage.source,
        source: sources[stage.id] ?? stage.source.source,
      },
      operators: stage.operators.map((operator) =>
        operator.type === "sink"
          ? { ...operator, sink: (sinks[operator.name] as Sink<unknown> | undefined) ?? operator.sink }
          : operator,
      ),
    })),
  };
}

function checkNames(option: string, given: readonly string[], known: readonly string[]): void {
  for (const name of given)
    if (!known.includes(name))
      throw new InvalidOptionError(
        "runTestJob",
        `${option}.${name}`,
        name,
        `a name of the job: ${known.join(", ")}`,
      );
}

/** Nothing of the engine's own waits for a clock that stands still; what the test sets counts all the same. */
function promptly(given: Partial<EngineSettings> = {}): Partial<EngineSettings> {
  return {
    commitIntervalMs: given.commitIntervalMs ?? 0,
    watermarkIntervalMs: given.watermarkIntervalMs ?? 0,
  };
}

function atOnce(given: Partial<RestartPolicy> = {}): Partial<RestartPolicy> {
  return { maxRestarts: given.maxRestarts ?? 100, initialBackoffMs: given.initialBackoffMs ?? 0 };
}
