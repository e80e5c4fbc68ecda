// Worker — one process's part in a job: joins, leads if nobody does, runs the partitions assigned to it, leaves.
//
// Owns:      the control loop, the session with the store and its renewal.
// Does not:  know Redis: sessions and coordination come in through their ports.
//
//   joining ──► working ──► leaving ──► left
//    └─────────────┴───────────────────► left   (the job is over, or its data is gone)
//
// A worker that is asked to leave while it joins goes to leaving at once.
import { hostname } from "node:os";
import { BacklogPoller } from "../actors/backlog-poller.ts";
import { Dispatcher } from "../actors/kernel/dispatcher.ts";
import type { RestartPolicy } from "../actors/kernel/supervision.ts";
import { MemoryGauge } from "../actors/memory-gauge.ts";
import type { EngineSettings } from "../actors/settings.ts";
import { SourceAlignment } from "../actors/source-alignment.ts";
import { ChannelWatch } from "../broker/channel-watch.ts";
import type { FrameCutter } from "../broker/frame-cutter.ts";
import { LocalExchange } from "../broker/local-exchange.ts";
import type { SourceSplit } from "../connectors/contract.ts";
import type { Frame } from "../core/batch.ts";
import type { Clock } from "../core/clock.ts";
import { isEngineError, toError } from "../core/errors.ts";
import type { ChannelId, PartitionId } from "../core/ids.ts";
import { isOver } from "../core/job-lifecycle.ts";
import { defineLifecycle, type Lifecycle } from "../core/lifecycle.ts";
import { JobLostError, LayoutsChangedError } from "../core/partition-errors.ts";
import type { ChannelReader } from "../core/ports/channel.ts";
import type { Coordination, JobFailure, JobStatus, Observation } from "../core/ports/coordination.ts";
import type { StateBackend } from "../core/ports/state-backend.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import type { JobPlan } from "../plan/plan.ts";
import { alignmentFacts, readAlignment } from "./alignment-reports.ts";
import type { DetectorSettings } from "./failure-detector.ts";
import { allPartitions } from "./job-config.ts";
import { Leader } from "./leader.ts";
import { type HostMemory, PartitionHost } from "./partition-host.ts";
import { PastFigures } from "./past-figures.ts";
import { partitionHolds, type RunEvent, summariseStages, type WorkerReport } from "./reports.ts";

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
  /** Of the registry of state layouts that the plan was checked against. */
  readonly layoutSeq: number;
  readonly splits: ReadonlyMap<string, readonly SourceSplit[]>;
  readonly coordination: Coordination;
  /** Undefined for embedded jobs. */
  readonly redisUrl: string | undefined;
  readonly openSession: () => Promise<StoreSession>;
  /** Starts the worker's sign of life once it has joined; `onGone` is called when its record vanished. */
  readonly startHeartbeat: ((onGone: () => void) => Heartbeat) | undefined;
  readonly settings: EngineSettings;
  readonly restart: RestartPolicy;
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
/** Between two reports. Where sources wait for each other across workers, every round has one. */
const REPORT_MS = 500;
const ALIGNED_REPORT_MS = 100;
/** Between two looks at the server of a session: two INFO calls, some 20 µs of it. */
const INSPECT_MS = 1_000;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #life = workerLifecycle.create("worker", "joining");
  readonly #dispatcher = new Dispatcher();
  readonly #alignment: SourceAlignment;
  readonly #memory: HostMemory = { restarts: new Map(), past: new PastFigures() };
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
    this.#alignment = new SourceAlignment(options.plan);
  }

  /**
   * Runs until the job is over or {@link leave} is called.
   *
   * @throws {JobLostError} when the job's data vanished
   * @throws {LayoutsChangedError} when a newer version of the job has joined; what was done is durable
   */
  async run(): Promise<WorkerOutcome> {
    const { coordination, clock, id, plan, detector } = this.#options;
    const leader = new Leader(coordination, id, allPartitions(plan), clock, detector);
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

  /**
   * Everything that has come into the job is processed and durable, as far as this worker can see: what other workers
   * do is not known here, and neither is what waits in the channels.
   */
  get isQuiet(): boolean {
    const { current } = this.#life;
    if (this.#host === undefined || this.#assigned.size === 0) return current === "left";
    return current === "working" && this.#pendingFailure === undefined && this.#host.isQuiet;
  }

  report(): WorkerReport {
    const partitions = this.#host?.metrics() ?? [];
    return {
      worker: this.#options.id,
      host: hostname(),
      pid: process.pid,
      atMs: this.#options.clock.nowMs(),
      memoryBytes: process.memoryUsage.rss(),
      stages: summariseStages(this.#options.plan, partitions, [
        ...this.#memory.past.all(),
        ...(this.#host?.departing() ?? []),
      ]),
      holds: partitionHolds(partitions),
      alignment: alignmentFacts(this.#alignment),
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
      if (isOver(status)) {
        await this.#host?.stopAll();
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
        await this.#host?.stopAll();
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

  /**
   * Finishes what is under way. The leader leaves the partitions here meanwhile, but not for ever (DRAIN_LIMIT_MS):
   * those that it has given to others since are dropped, so that a sink that hangs in them does not hold us.
   */
  async #drain(): Promise<void> {
    const { coordination, id, roundMs } = this.#options;
    await coordination.requestLeave(id);
    let isDrained = false;
    const drained = Promise.resolve(this.#host?.stopAll()).then(() => {
      isDrained = true;
    });
    for (;;) {
      await Promise.race([drained, coordination.waitForChange(roundMs)]);
      if (isDrained) return;
      this.#host?.abandonLost(this.#assignedIn(await coordination.observe()));
    }
  }

  #applyAssignments(observation: Observation): void {
    this.#assigned = this.#assignedIn(observation);
    if (this.#host !== undefined) this.#host.reconcile(this.#assigned);
    else if (this.#assigned.size > 0) void this.#openHost();
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

  async #openHost(): Promise<void> {
    if (this.#openingSession) return;
    this.#openingSession = true;
    try {
      const session = await this.#options.openSession();
      if (this.#life.current === "working") this.#useSession(session);
      else await session.close();
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
        alignment: this.#alignment,
        cut: options.cut,
        decode: options.decode,
        encodesOnCommit: options.durable,
        splits: options.splits,
        worker: options.id,
        redisUrl: options.redisUrl,
        incarnation: options.incarnation,
        layoutSeq: options.layoutSeq,
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
        isStillAssigned: (partition, version) => this.#isStillAssigned(partition, version),
      },
      options.durable,
      options.restart,
      this.#memory,
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
    if (nowMs - this.#lastReportMs < (this.#alignment.isUsed ? ALIGNED_REPORT_MS : REPORT_MS)) return;
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
