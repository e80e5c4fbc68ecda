// Weir — the entry for programs: connect, run jobs in this process, look at them, cancel them.
import type { EngineSettings } from "../actors/settings.ts";
import { createEncodingCutter, cutByReference } from "../broker/frame-cutter.ts";
import { MemoryChannelReader } from "../broker/memory-channel.ts";
import { RedisChannelReader } from "../broker/redis-channel.ts";
import { decodeFrame } from "../broker/wire.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { EmbeddedCoordination } from "../core/embedded-coordination.ts";
import { EmbeddedStore } from "../core/embedded-store.ts";
import { InvariantError } from "../core/errors.ts";
import { checkOptions } from "../core/options.ts";
import { JobNotFoundError } from "../core/partition-errors.ts";
import type { Coordination, JobRecord, Observation } from "../core/ports/coordination.ts";
import type { Job } from "../dataflow/job.ts";
import { deleteJob } from "../redis/delete-job.ts";
import { HeartbeatThread } from "../redis/heartbeat-thread.ts";
import { RedisCoordination } from "../redis/redis-coordination.ts";
import { RedisSession } from "../redis/session.ts";
import { HeapStateBackend } from "../state/heap-state-backend.ts";
import { RedisStateBackend } from "../state/redis-state-backend.ts";
import { checkConnectors } from "./job-checks.ts";
import { defaultParallelism } from "./job-config.ts";
import type { JobRun } from "./job-run.ts";
import { type Ground, prepareRun } from "./prepare-run.ts";
import type { WorkerReport } from "./reports.ts";
import { type RunOptions, resolveDetector, resolveRestart, resolveSettings } from "./run-options.ts";
import type { StoreSession } from "./worker-options.ts";

export interface ConnectOptions {
  /** URL of the Redis that keeps state and channels, for example `redis://localhost:6379`. Undefined: embedded, in this process. */
  readonly redis?: string | undefined;
}

/** How a job stands, as anyone may ask. */
export interface JobStatusReport {
  readonly job: JobRecord;
  readonly leader: string | undefined;
  readonly workers: readonly {
    readonly id: string;
    readonly host: string;
    readonly pid: number;
    readonly leaving: boolean;
    readonly partitions: number;
    readonly report: WorkerReport | undefined;
  }[];
  readonly partitions: number;
  readonly endedPartitions: number;
}

const RUN_OPTIONS = [
  "parallelism",
  "fresh",
  "joinOnly",
  "shared",
  "settings",
  "restart",
  "deadAfterMs",
  "telemetry",
  "onEvent",
] as const;

/**
 * Opens Weir for this process.
 *
 * @throws the error of a wrong URL, an unreachable, too old or wrongly configured Redis, before anything runs
 */
export async function connect(options: ConnectOptions = {}): Promise<Weir> {
  checkOptions("connect", options, ["redis"]);
  if (options.redis !== undefined) {
    const session = await RedisSession.open({ url: options.redis });
    session.close();
  }
  return new Weir(options.redis, systemClock);
}

/** One Redis, or the embedded engine, as seen from one process. Made by {@link connect}. */
export class Weir {
  readonly #redis: string | undefined;
  readonly #clock: Clock;
  readonly #runs = new Set<JobRun>();

  /** Use {@link connect}. */
  constructor(redis: string | undefined, clock: Clock) {
    this.#redis = redis;
    this.#clock = clock;
  }

  /**
   * Makes this process a worker of the job: creates the job, or joins it when it runs already.
   *
   * @returns once this process takes part; `finished` tells how the job ended
   * @throws {UnknownOptionError | InvalidSettingError | InvalidJobError} for wrong options
   * @throws {NeedsRedisError | NeedsOneProcessError} for a source or sink that cannot be used here
   * @throws {JobGraphChangedError | JobOverError | JobNotFoundError} when what is stored does not fit
   * @throws {StateNewerError | MigrationMissingError} when state is stored in versions that the job does not read
   */
  async run(job: Job, options: RunOptions = {}): Promise<JobRun> {
    checkOptions("run", options, RUN_OPTIONS);
    const settings = resolveSettings(options.settings);
    const restart = resolveRestart(options.restart);
    const detector = resolveDetector(options.deadAfterMs);
    const redis = this.#redis;
    // What is refused must be refused before anything is deleted or created.
    const draft = job.plan({ parallelism: options.parallelism ?? defaultParallelism() });
    checkConnectors(draft, { onRedis: redis !== undefined, severalProcesses: options.shared === true });
    if (redis !== undefined && options.fresh === true) await deleteJob(redis, job.name);
    const ground =
      redis === undefined
        ? embeddedGround(job.name, this.#clock)
        : await redisGround(redis, job.name, this.#clock, settings);
    const { coordination } = ground;
    try {
      const checked = { ...options, settings, restart, detector };
      const { run } = await prepareRun(job, ground, checked, async () => {
        this.#runs.delete(run);
        await coordination.close();
      });
      this.#runs.add(run);
      run.start();
      return run;
    } catch (thrown) {
      await coordination.close();
      throw thrown;
    }
  }

  /** @returns undefined when no such job exists. Redis only: an embedded job is asked through its {@link JobRun}. */
  async status(job: string): Promise<JobStatusReport | undefined> {
    return this.#withCoordination(job, async (coordination) => describeStatus(await coordination.observe()));
  }

  /**
   * Asks all workers to drain and the job to end.
   * @returns false when it was not running
   * @throws {JobNotFoundError}
   */
  async cancel(job: string): Promise<boolean> {
    return this.#withCoordination(job, async (coordination) => {
      const { job: record } = await coordination.observe();
      if (record === undefined) throw new JobNotFoundError(job);
      return coordination.setStatus(["created", "running"], "cancelling");
    });
  }

  /** Deletes everything a job keeps in Redis: state, channels, positions. Its workers, if any, stop with JobLostError or JobReplacedError. */
  async remove(job: string): Promise<void> {
    if (this.#redis !== undefined) await deleteJob(this.#redis, job);
  }

  /** Drains and leaves all jobs that this process runs. */
  async close(): Promise<void> {
    await Promise.all([...this.#runs].map((run) => run.stop()));
  }

  async #withCoordination<T>(job: string, act: (coordination: Coordination) => Promise<T>): Promise<T> {
    if (this.#redis === undefined) throw new JobNotFoundError(job);
    const coordination = await RedisCoordination.open({ url: this.#redis, job });
    try {
      return await act(coordination);
    } finally {
      await coordination.close();
    }
  }
}

/** What an observation says about the job; undefined when there is none. */
export function describeStatus(seen: Observation): JobStatusReport | undefined {
  if (seen.job === undefined) return undefined;
  const owners = [...seen.assignments.values()].map((assignment) => assignment.worker);
  return {
    job: seen.job,
    leader: seen.leader?.worker,
    workers: seen.workers.map(({ id, host, pid, leaving, report }) => ({
      id,
      host,
      pid,
      leaving,
      partitions: owners.filter((owner) => owner === id).length,
      report: report === undefined ? undefined : (JSON.parse(report) as WorkerReport),
    })),
    partitions: seen.assignments.size,
    endedPartitions: seen.ended.size,
  };
}

function embeddedGround(job: string, clock: Clock): Ground {
  const store = new EmbeddedStore();
  return {
    coordination: new EmbeddedCoordination(job, store, clock),
    redisUrl: undefined,
    clock,
    cut: cutByReference,
    decode: refuseToDecode,
    durable: false,
    openSession: async () => ({
      backend: new HeapStateBackend(store, job),
      reader: new MemoryChannelReader(store),
      onEnd: () => {},
      close: async () => {},
    }),
    startHeartbeat: undefined,
  };
}

async function redisGround(
  url: string,
  job: string,
  clock: Clock,
  settings: EngineSettings,
): Promise<Ground> {
  return {
    coordination: await RedisCoordination.open({ url, job }),
    redisUrl: url,
    clock,
    cut: createEncodingCutter(settings.frameBytes),
    decode: (payload, channel) => decodeFrame(payload, channel),
    durable: true,
    openSession: ({ record }) => redisSession(url, job, record.incarnation),
    startHeartbeat: ({ record }, worker, onGone) =>
      HeartbeatThread.start({ url, job, incarnation: record.incarnation, worker, onGone }),
  };
}

async function redisSession(url: string, job: string, incarnation: number): Promise<StoreSession> {
  const session = await RedisSession.open({ url });
  return {
    backend: new RedisStateBackend(session, job),
    reader: new RedisChannelReader(session, job, incarnation),
    inspect: () => session.inspect(),
    onEnd: (listener) => session.onEnd(listener),
    close: async () => session.close(),
  };
}

function refuseToDecode(): never {
  throw new InvariantError("embedded channels carry frames by reference");
}
