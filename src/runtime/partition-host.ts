// PartitionHost — runs the partitions that are assigned to this worker, and supervises them.
//
// Owns:      one PartitionActor per assigned partition and session; restarts with backoff.
// Does not:  decide placement; open sessions.
import { decideSupervision, isChannelDoubt, type RestartPolicy } from "../actors/kernel/supervision.ts";
import { PartitionActor } from "../actors/partition-actor.ts";
import type { PartitionEnvironment } from "../actors/partition-environment.ts";
import type { PartitionMetrics } from "../actors/partition-metrics.ts";
import { type PartitionId, parsePartitionId } from "../core/ids.ts";
import type { PastFigures } from "./past-figures.ts";

export interface HostEvents {
  onEnded(partition: PartitionId): void;
  /** Restarting cannot help. */
  onJobFailure(partition: PartitionId, error: Error): void;
  /** Every partition must attach again. */
  onSessionDoubt(error: Error): void;
  /** A partition failed and is tried again after `delayMs`. */
  onRestart(partition: PartitionId, error: Error, delayMs: number): void;
  onRunning(partition: PartitionId): void;
  onCommitRefused(partition: PartitionId, reason: string): void;
  /** Asks the control plane anew; true when it does not answer. */
  isStillAssigned(partition: PartitionId, version: number): Promise<boolean>;
}

/** What outlives the host of one session. */
export interface HostMemory {
  /** Restarts in a row. */
  readonly restarts: Map<PartitionId, number>;
  /** Figures of attempts that are over. */
  readonly past: PastFigures;
}

interface Hosted {
  readonly version: number;
  actor: PartitionActor | undefined;
  /** Monotonic; undefined before the attempt is running. */
  runningSinceMs: number | undefined;
  cancelRestart: (() => void) | undefined;
}

export class PartitionHost {
  readonly #env: PartitionEnvironment;
  readonly #events: HostEvents;
  readonly #restartable: boolean;
  readonly #policy: RestartPolicy;
  readonly #hosted = new Map<PartitionId, Hosted>();
  readonly #memory: HostMemory;
  /** Drain, then count among the past; until then their figures must not be missing. */
  readonly #departing = new Set<PartitionActor>();
  #closed = false;

  /** @param restartable the committed state can be attached again: not that of embedded jobs */
  constructor(
    env: PartitionEnvironment,
    events: HostEvents,
    restartable: boolean,
    policy: RestartPolicy,
    memory: HostMemory,
  ) {
    this.#env = env;
    this.#events = events;
    this.#restartable = restartable;
    this.#policy = policy;
    this.#memory = memory;
  }

  /** Starts and stops partitions so that exactly the assigned ones run. */
  reconcile(assigned: ReadonlyMap<PartitionId, number>): void {
    if (this.#closed) return;
    // Partitions that have ended here stay, idle, for the sake of their figures.
    for (const [partition, hosted] of this.#hosted)
      if (assigned.get(partition) !== hosted.version && hosted.actor?.state !== "ended") {
        this.#hosted.delete(partition);
        this.#memory.restarts.delete(partition);
        hosted.cancelRestart?.();
        if (hosted.actor !== undefined) void this.#dismiss(hosted.actor);
      }
    for (const [partition, version] of assigned)
      if (!this.#hosted.has(partition)) {
        const hosted: Hosted = {
          version,
          actor: undefined,
          runningSinceMs: undefined,
          cancelRestart: undefined,
        };
        this.#hosted.set(partition, hosted);
        this.#start(partition, hosted);
      }
  }

  /** All partitions run or have ended, and none of them has anything left to do. */
  get isQuiet(): boolean {
    for (const { actor } of this.#hosted.values()) if (actor?.isQuiet !== true) return false;
    return this.#env.dispatcher.isIdle;
  }

  /** Drains all partitions; resolves when everything processed is durable or given up. */
  async stopAll(): Promise<void> {
    this.#closed = true;
    // They stay listed: their last figures are the totals that are told at the end.
    const hosted = [...this.#hosted.values()];
    for (const each of hosted) each.cancelRestart?.();
    await Promise.all(hosted.map((each) => each.actor?.stop()));
  }

  /** Drops the partitions that others own by now. @param assigned those that are still ours */
  abandonLost(assigned: ReadonlyMap<PartitionId, number>): void {
    for (const [partition, hosted] of this.#hosted)
      if (assigned.get(partition) !== hosted.version) hosted.actor?.abandon();
  }

  /** The session is over: nothing that these partitions still do can become durable. */
  abandonAll(): void {
    this.#closed = true;
    for (const [partition, hosted] of this.#hosted) {
      if (this.#ranMs(hosted) >= this.#policy.resetAfterMs) this.#memory.restarts.delete(partition);
      hosted.cancelRestart?.();
      hosted.actor?.abandon();
    }
  }

  /** What is no longer told by {@link metrics}: the session's attempts join those of the past. */
  retire(): void {
    for (const metrics of [...this.metrics(), ...this.departing()]) this.#memory.past.add(metrics);
    this.#hosted.clear();
    this.#departing.clear();
  }

  /** Figures of partitions that are on their way to another worker. */
  departing(): PartitionMetrics[] {
    return [...this.#departing].map((actor) => actor.metrics());
  }

  /** Figures of the partitions that this worker owns. */
  metrics(): PartitionMetrics[] {
    return [...this.#hosted.values()].flatMap((hosted) =>
      hosted.actor === undefined ? [] : [hosted.actor.metrics()],
    );
  }

  async #dismiss(actor: PartitionActor): Promise<void> {
    this.#departing.add(actor);
    await actor.stop();
    if (this.#departing.delete(actor)) this.#memory.past.add(actor.metrics());
  }

  #start(partition: PartitionId, hosted: Hosted): void {
    const { stage: stageId, index } = parsePartitionId(partition);
    const stage = this.#env.plan.stages.find((each) => each.id === stageId)!;
    const isCurrent = (): boolean => this.#hosted.get(partition) === hosted && !this.#closed;
    const actor = new PartitionActor(
      this.#env,
      {
        onRunning: () => {
          if (!isCurrent()) return;
          hosted.runningSinceMs = this.#env.clock.monotonicMs();
          this.#events.onRunning(partition);
        },
        onCommitRefused: (_id, reason) => this.#events.onCommitRefused(partition, reason),
        onEnded: () => this.#events.onEnded(partition),
        onFailed: (_id, error) => {
          if (isCurrent()) void this.#onFailed(partition, hosted, error, isCurrent);
        },
      },
      stage,
      index,
    );
    if (hosted.actor !== undefined) this.#memory.past.add(hosted.actor.metrics());
    hosted.actor = actor;
    hosted.runningSinceMs = undefined;
    void actor.start(hosted.version);
  }

  async #onFailed(
    partition: PartitionId,
    hosted: Hosted,
    error: Error,
    isCurrent: () => boolean,
  ): Promise<void> {
    const ranMs = this.#ranMs(hosted);
    if (this.#restartable && isChannelDoubt(error)) {
      // A successor consumes and trims what a zombie still reads: then nothing is wrong but the zombie.
      const isZombie = !(await this.#events.isStillAssigned(partition, hosted.version));
      if (isZombie || !isCurrent()) return;
    }
    this.#supervise(partition, hosted, error, ranMs);
  }

  #supervise(partition: PartitionId, hosted: Hosted, error: Error, ranMs: number): void {
    const { restarts } = this.#memory;
    const inARow = restarts.get(partition) ?? 0;
    const verdict = decideSupervision(error, inARow, ranMs, this.#restartable, this.#policy);
    switch (verdict.kind) {
      case "forget":
        // It stays listed under this version, so that it is not started again.
        restarts.delete(partition);
        return;
      case "fail-job":
        this.#events.onJobFailure(partition, error);
        return;
      case "end-session":
        this.#events.onSessionDoubt(error);
        return;
      case "restart":
        restarts.set(partition, verdict.restarts);
        this.#events.onRestart(partition, error, verdict.delayMs);
        hosted.cancelRestart = this.#env.clock.after(verdict.delayMs, () => {
          hosted.cancelRestart = undefined;
          if (this.#hosted.get(partition) === hosted && !this.#closed) this.#start(partition, hosted);
        });
    }
  }

  #ranMs({ runningSinceMs }: Hosted): number {
    return runningSinceMs === undefined ? 0 : this.#env.clock.monotonicMs() - runningSinceMs;
  }
}
