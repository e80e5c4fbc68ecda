// Hosting — a worker's session with the store, and the partitions that run over it.
//
// Owns:      the session, its renewal after every doubt, and what partitions share while it lasts.
// Does not:  know how the job stands, or what comes of a failure that restarting cannot help (Worker).
import { BacklogPoller } from "../actors/backlog-poller.ts";
import { Dispatcher } from "../actors/kernel/dispatcher.ts";
import { MemoryGauge } from "../actors/memory-gauge.ts";
import type { PartitionMetrics } from "../actors/partition-metrics.ts";
import type { SourceAlignment } from "../actors/source-alignment.ts";
import { ChannelWatch } from "../broker/channel-watch.ts";
import { LocalExchange } from "../broker/local-exchange.ts";
import { isEngineError, toError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";
import { type HostMemory, PartitionHost } from "./partition-host.ts";
import { PastFigures } from "./past-figures.ts";
import type { StoreSession, WorkerOptions } from "./worker-options.ts";

export interface HostingEvents {
  /** Restarting cannot help. @param partition undefined when the store itself cannot be used */
  onJobFailure(partition: PartitionId | undefined, error: Error): void;
  /** Time for another look at the control plane: a partition has ended, or the session has. */
  onNews(): void;
  /** Asks the control plane anew; true when it does not answer. */
  isStillAssigned(partition: PartitionId, version: number): Promise<boolean>;
}

/** Assignment version of each partition. */
type Assigned = ReadonlyMap<PartitionId, number>;

/** Between two looks at the server of a session: two INFO calls, some 20 µs of it. */
const INSPECT_MS = 1_000;

export class Hosting {
  readonly #options: WorkerOptions;
  readonly #alignment: SourceAlignment;
  readonly #events: HostingEvents;
  readonly #dispatcher = new Dispatcher();
  readonly #memory: HostMemory = { restarts: new Map(), past: new PastFigures() };
  #host: PartitionHost | undefined;
  #session: StoreSession | undefined;
  #disposeSession: (() => void) | undefined;
  #isOpening = false;
  #assigned: Assigned = new Map();
  /** A session that is being opened is not wanted any more. */
  #isStopping = false;
  #isClosed = false;

  constructor(options: WorkerOptions, alignment: SourceAlignment, events: HostingEvents) {
    this.#options = options;
    this.#alignment = alignment;
    this.#events = events;
  }

  /** Some partitions are assigned, and all of them run or have ended, without anything left to do. */
  get isQuiet(): boolean {
    return this.#assigned.size > 0 && this.#host?.isQuiet === true;
  }

  /** There is no session yet, or nothing to run over it. */
  get isEmpty(): boolean {
    return this.#host === undefined || this.#assigned.size === 0;
  }

  /** Starts and stops partitions so that exactly these run, over a session that is opened if need be. */
  reconcile(assigned: Assigned): void {
    this.#assigned = assigned;
    this.#isStopping = false;
    if (this.#host !== undefined) this.#host.reconcile(assigned);
    else if (assigned.size > 0) this.open();
  }

  /** Opens a session ahead of the first assignment, so that none waits for it. Does nothing when there is one. */
  open(): void {
    if (this.#host === undefined && !this.#isOpening) void this.#openSession();
  }

  /**
   * Drains all partitions; resolves when everything processed is durable or given up. None starts over this session any
   * more, and no session is opened before the next {@link reconcile}.
   */
  async stopAll(): Promise<void> {
    this.#isStopping = true;
    await this.#host?.stopAll();
  }

  /** Drops the partitions that others own by now. @param assigned those that are still ours */
  abandonLost(assigned: Assigned): void {
    this.#host?.abandonLost(assigned);
  }

  /** Ends everything; what is not durable by now will not be. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#host?.abandonAll();
    await this.#dropSession();
  }

  /** Figures of the partitions that this worker owns. */
  metrics(): PartitionMetrics[] {
    return this.#host?.metrics() ?? [];
  }

  /** Figures of attempts that are over, and of partitions on their way to another worker. */
  pastMetrics(): PartitionMetrics[] {
    return [...this.#memory.past.all(), ...(this.#host?.departing() ?? [])];
  }

  async #openSession(): Promise<void> {
    this.#isOpening = true;
    try {
      const session = await this.#options.openSession();
      if (this.#isStopping || this.#isClosed) await session.close();
      else this.#useSession(session);
    } catch (thrown) {
      const error = toError(thrown);
      if (isEngineError(error) && error.retry === "never") this.#events.onJobFailure(undefined, error);
      else this.#options.onEvent({ kind: "session-lost", error });
    } finally {
      this.#isOpening = false;
    }
  }

  #useSession(session: StoreSession): void {
    const { clock } = this.#options;
    const watch = new ChannelWatch(session.reader);
    const backlog = new BacklogPoller(session.reader, clock);
    const memory = new MemoryGauge();
    const host = this.#createHost(session, { watch, backlog, memory });
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

  #createHost(
    session: StoreSession,
    shared: { watch: ChannelWatch; backlog: BacklogPoller; memory: MemoryGauge },
  ): PartitionHost {
    const options = this.#options;
    const { onEvent } = options;
    return new PartitionHost(
      {
        ...shared,
        plan: options.plan,
        settings: options.settings,
        clock: options.clock,
        telemetry: options.telemetry,
        dispatcher: this.#dispatcher,
        backend: session.backend,
        reader: session.reader,
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
        onRunning: (partition) => onEvent({ kind: "partition-running", partition }),
        onEnded: (partition) => {
          onEvent({ kind: "partition-ended", partition });
          this.#events.onNews();
        },
        onCommitRefused: (partition, reason) => onEvent({ kind: "commit-refused", partition, reason }),
        onJobFailure: (partition, error) => this.#events.onJobFailure(partition, error),
        onSessionDoubt: (error) => this.#endSession(session, error),
        onRestart: (partition, error, delayMs) =>
          onEvent({ kind: "partition-restart", partition, error, delayMs }),
        isStillAssigned: (partition, version) => this.#events.isStillAssigned(partition, version),
      },
      options.durable,
      options.restart,
      this.#memory,
    );
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

  /** Crash-only: nothing of a session outlives a doubt; the next look opens a new one and attaches everything again. */
  #endSession(session: StoreSession, cause: Error): void {
    if (this.#session !== session || this.#isClosed) return;
    this.#options.onEvent({ kind: "session-lost", error: cause });
    this.#host?.abandonAll();
    this.#host?.retire();
    this.#host = undefined;
    void this.#dropSession();
    this.#events.onNews();
  }

  async #dropSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#disposeSession?.();
    this.#disposeSession = undefined;
    await session?.close().catch(() => {});
  }
}
