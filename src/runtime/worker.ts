// Worker — one process's part in a job: joins, leads if nobody does, runs the partitions assigned to it, leaves.
//
// Owns:      the control loop, the session with the store and its renewal.
// Does not:  know Redis: sessions and coordination come in through their ports.
//
//   joining ──► working ──► leaving ──► left
//                  └───────────────────► left   (the job is over, or its data is gone)
import { hostname } from "node:os";
import { BacklogPoller } from "../actors/backlog-poller.ts";
import { Dispatcher } from "../actors/kernel/dispatcher.ts";
import { MemoryGauge } from "../actors/memory-gauge.ts";
import type { PartitionMetrics } from "../actors/partition-metrics.ts";
import type { EngineSettings } from "../actors/settings.ts";
import { ChannelWatch } from "../broker/channel-watch.ts";
import type { FrameCutter } from "../broker/frame-cutter.ts";
import { LocalExchange } from "../broker/local-exchange.ts";
import type { SourceSplit } from "../connectors/contract.ts";
import type { Frame } from "../core/batch.ts";
import type { Clock } from "../core/clock.ts";
import { isEngineError, toError } from "../core/errors.ts";
import { type ChannelId, type PartitionId, partitionId } from "../core/ids.ts";
import { defineLifecycle, type Lifecycle } from "../core/lifecycle.ts";
import { JobLostError } from "../core/partition-errors.ts";
import type { ChannelReader } from "../core/ports/channel.ts";
import type { Coordination, JobFailure, JobStatus, Observation } from "../core/ports/coordination.ts";
import type { StateBackend } from "../core/ports/state-backend.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import type { JobPlan } from "../plan/plan.ts";
import type { DetectorSettings } from "./failure-detector.ts";
import { Leader } from "./leader.ts";
import { PartitionHost } from "./partition-host.ts";
import { PastFigures } from "./past-figures.ts";
import { type RunEvent, summariseStages, type WorkerReport } from "./reports.ts";

/** A connection with the store that belongs to one history of it. */
export interface StoreSession {
  readonly backend: StateBackend;
  readonly reader: ChannelReader;
  /**
   * Looks whether the session still holds, and ends it if not.
   * @returns share of the store's memory limit in use; 0 when there is none
   */
  readonly inspect?: () => Promise<number>;
  /** Called once when the session is over; immediately when it is already. */
  onEnd(listener: (cause: Error) => void): void;
  close(): Promise<void>;
}

export interface Heartbeat {
  /** No beat is sent after it resolves. */
  stop(): Promise<void>;
}

export interface WorkerOptions {
  readonly id: string;
  readonly plan: JobPlan;
  readonly incarnation: number;
  readonly splits: ReadonlyMap<string, readonly SourceSplit[]>;
  readonly coordination: Coordination;
  /** Undefined for embedded jobs. */
  readonly redisUrl: string | undefined;
  readonly openSession: () => Promise<StoreSession>;
  /** Starts the worker's sign of life once it has joined; `onGone` is called when its record vanished. */
  readonly startHeartbeat: ((onGone: () => void) => Heartbeat) | undefined;
  readonly settings: EngineSettings;
  readonly detector: DetectorSettings;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly cut: FrameCutter;
  readonly decode: (payload: Uint8Array, channel: ChannelId) => Frame;
  /** False for embedded jobs: their state is the heap, so a failed partition cannot be attached again. */
  readonly durable: boolean;
  /** Time between two looks at the control plane when nothing wakes the worker; bounds take-over from below. */
  readonly roundMs: number;
  readonly onEvent: (event: RunEvent) => void;
}

type WorkerState = "joining" | "working" | "leaving" | "left";

export const workerLifecycle: Lifecycle<WorkerState> = defineLifecycle("worker", {
  joining: ["working", "leaving", "left"],
  working: ["leaving", "left"],
  leaving: ["left"],
  left: [],
});

/** How the job stood when the worker left it. */
export interface WorkerOutcome {
  readonly status: JobStatus;
  readonly failure: JobFailure | undefined;
}

/** A control plane that does not answer is tried again this often. */
const RETRY_MS = 200;
/** Between two looks at the server of a session: two INFO calls, some 20 µs of it. */
const INSPECT_MS = 1_000;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #life = workerLifecycle.create("worker", "joining");
  readonly #dispatcher = new Dispatcher();
  readonly #restartCounts = new Map<PartitionId, number>();
  readonly #past = new PastFigures();
  readonly #allPartitions: PartitionId[];
  #host: PartitionHost | undefined;
  #session: StoreSession | undefined;
  #disposeSession: (() => void) | undefined;
  #openingSession = false;
  #assigned: ReadonlyMap<PartitionId, number> = new Map();
  #heartbeat: Heartbeat | undefined;
  #pendingFailure: JobFailure | undefined;
  #wakeLoop: () => void = () => {};
  #lastReportMs = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#allPartitions = options.plan.stages.flatMap((stage) =>
      Array.from({ length: stage.partitions }, (_, index) => partitionId(stage.id, index)),
    );
  }

  /** Runs until the job is over or {@link leave} is called. @throws {JobLostError} when the job's data vanished */
  async run(): Promise<WorkerOutcome> {
    const { coordination, clock, id, detector } = this.#options;
    const leader = new Leader(coordination, id, this.#allPartitions, clock, detector);
    let outcome: WorkerOutcome | undefined;
    try {
      await this.#join();
      if (this.#life.current === "joining") this.#life.to("working");
      while (outcome === undefined) {
        outcome = await this.#round(leader);
        if (outcome === undefined) await this.#waitForNews();
      }
    } finally {
      if (this.#life.current !== "left") this.#life.to("left");
      this.#host?.abandonAll();
      await this.#dropSession();
      await this.#heartbeat?.stop();
      await coordination.leave(id).catch(() => {});
    }
    return outcome;
  }

  /** Drains the partitions and leaves the job to the other workers; {@link run} then returns. */
  leave(): void {
    if (this.#life.current !== "joining" && this.#life.current !== "working") return;
    this.#life.to("leaving");
    this.#wakeLoop();
  }

  metrics(): PartitionMetrics[] {
    return this.#host?.metrics() ?? [];
  }

  report(): WorkerReport {
    return {
      worker: this.#options.id,
      host: hostname(),
      pid: process.pid,
      atMs: this.#options.clock.nowMs(),
      memoryBytes: process.memoryUsage.rss(),
      stages: summariseStages(this.#options.plan, this.metrics(), [
        ...this.#past.all(),
        ...(this.#host?.departing() ?? []),
      ]),
    };
  }

  async #join(): Promise<void> {
    await this.#options.coordination.join({ id: this.#options.id, host: hostname(), pid: process.pid });
    this.#heartbeat ??= this.#options.startHeartbeat?.(() => this.#wakeLoop());
  }

  /** One look at the control plane. @returns how the job ended, or undefined to go on */
  async #round(leader: Leader): Promise<WorkerOutcome | undefined> {
    const { coordination, id } = this.#options;
    let observation: Observation;
    try {
      observation = await coordination.observe();
      if (observation.job === undefined) throw new JobLostError(this.#options.plan.job);
      const { status, failure } = observation.job;
      if (status === "finished" || status === "failed" || status === "cancelled") {
        await this.#host?.stopAll();
        return { status, failure };
      }
      if (this.#pendingFailure !== undefined) {
        await coordination.setStatus(["created", "running", "cancelling"], "failed", this.#pendingFailure);
        return undefined;
      }
      if (this.#life.current === "leaving") {
        await coordination.requestLeave(id);
        await this.#host?.stopAll();
        return { status, failure };
      }
      if (!observation.workers.some((worker) => worker.id === id)) {
        // Declared dead while we were paused: our partitions are fenced, we may serve again.
        await this.#join();
        return undefined;
      }
      // The leader calls the job cancelled when all partitions have stopped, its own among them.
      if (status === "cancelling") {
        await this.#host?.stopAll();
        await leader.round(observation);
        if (!leader.leads) await coordination.requestLeave(id);
        return undefined;
      }
      await leader.round(observation);
      this.#applyAssignments(observation);
      await this.#publish();
    } catch (thrown) {
      const error = toError(thrown);
      if (!isEngineError(error) || error.retry === "never") throw error;
      this.#options.onEvent({ kind: "control-plane-lost", error });
      await new Promise<void>((resolve) => this.#options.clock.after(RETRY_MS, resolve));
    }
    return undefined;
  }

  #applyAssignments(observation: Observation): void {
    const { id } = this.#options;
    const assigned = new Map<PartitionId, number>();
    for (const [partition, { worker, version }] of observation.assignments)
      if (worker === id && !observation.ended.has(partition)) assigned.set(partition, version);
    this.#assigned = assigned;
    if (this.#host !== undefined) this.#host.reconcile(assigned);
    else if (assigned.size > 0) void this.#openHost();
  }

  async #openHost(): Promise<void> {
    if (this.#openingSession) return;
    this.#openingSession = true;
    try {
      const session = await this.#options.openSession();
      if (this.#life.current === "left") {
        await session.close();
        return;
      }
      this.#useSession(session);
    } catch (thrown) {
      const error = toError(thrown);
      if (isEngineError(error) && error.retry === "never") this.#failJob(undefined, error);
      else this.#options.onEvent({ kind: "session-lost", error });
    } finally {
      this.#openingSession = false;
    }
  }

  #useSession(session: StoreSession): void {
    const options = this.#options;
    const watch = new ChannelWatch(session.reader);
    const backlog = new BacklogPoller(session.reader, options.clock);
    const memory = new MemoryGauge();
    const host = new PartitionHost(
      {
        plan: options.plan,
        settings: options.settings,
        clock: options.clock,
        telemetry: options.telemetry,
        dispatcher: this.#dispatcher,
        backend: session.backend,
        reader: session.reader,
        watch,
        backlog,
        memory,
        exchange: new LocalExchange(),
        cut: options.cut,
        decode: options.decode,
        encodesOnCommit: options.durable,
        splits: options.splits,
        worker: options.id,
        redisUrl: options.redisUrl,
        incarnation: options.incarnation,
      },
      {
        onRunning: (partition) => options.onEvent({ kind: "partition-running", partition }),
        onEnded: (partition) => {
          options.onEvent({ kind: "partition-ended", partition });
          this.#wakeLoop();
        },
        onCommitRefused: (partition, reason) =>
          options.onEvent({ kind: "commit-refused", partition, reason }),
        onJobFailure: (partition, error) => this.#failJob(partition, error),
        onSessionDoubt: (error) => this.#endSession(session, error),
        onRestart: (partition, error, delayMs) =>
          options.onEvent({ kind: "partition-restart", partition, error, delayMs }),
      },
      options.durable,
      this.#restartCounts,
      this.#past,
    );
    this.#session = session;
    this.#host = host;
    const stopInspecting = this.#inspectRegularly(session, memory);
    this.#disposeSession = () => {
      stopInspecting();
      watch.close();
      backlog.close();
    };
    session.onEnd((cause) => this.#endSession(session, cause));
    if (this.#session === session) host.reconcile(this.#assigned);
  }

  #inspectRegularly(session: StoreSession, memory: MemoryGauge): () => void {
    let cancel = (): void => {};
    const { inspect } = session;
    if (inspect === undefined) return cancel;
    const look = (): void => {
      inspect().then(
        (memoryUse) => {
          memory.update(memoryUse);
          if (this.#session === session) cancel = this.#options.clock.after(INSPECT_MS, look);
        },
        // The session has ended; its listener says so.
        () => {},
      );
    };
    look();
    return () => cancel();
  }

  /** Crash-only: nothing of a session outlives a doubt; the next round opens a new one and attaches everything again. */
  #endSession(session: StoreSession, cause: Error): void {
    if (this.#session !== session || this.#life.current === "left") return;
    this.#options.onEvent({ kind: "session-lost", error: cause });
    this.#host?.abandonAll();
    this.#host?.retire();
    this.#host = undefined;
    void this.#dropSession();
    this.#wakeLoop();
  }

  async #dropSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#disposeSession?.();
    this.#disposeSession = undefined;
    await session?.close().catch(() => {});
  }

  #failJob(partition: PartitionId | undefined, error: Error): void {
    this.#options.onEvent({ kind: "job-failing", partition, error });
    // What fails after it may be a consequence.
    this.#pendingFailure ??= {
      code: isEngineError(error) ? error.code : error.name,
      message: error.message,
      partition,
    };
    this.#wakeLoop();
  }

  async #publish(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#lastReportMs < 500) return;
    this.#lastReportMs = nowMs;
    await this.#options.coordination.report(this.#options.id, JSON.stringify(this.report()));
  }

  async #waitForNews(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wakeLoop = resolve;
    });
    const { coordination, roundMs } = this.#options;
    await Promise.race([woken, coordination.waitForChange(roundMs)]);
    this.#wakeLoop = () => {};
  }
}
