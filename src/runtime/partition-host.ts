// PartitionHost — runs the partitions that are assigned to this worker, and supervises them.
//
// Owns:      one PartitionActor per assigned partition and session; restarts with backoff.
// Does not:  decide placement; open sessions.
import { decideSupervision, defaultRestartPolicy, type RestartPolicy } from "../actors/kernel/supervision.ts";
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
}

interface Hosted {
  readonly version: number;
  actor: PartitionActor | undefined;
  restarts: number;
  startedMs: number;
  cancelRestart: (() => void) | undefined;
  /** Ended, or taken by somebody else: not started again under this version. */
  done: boolean;
}

export class PartitionHost {
  readonly #env: PartitionEnvironment;
  readonly #events: HostEvents;
  readonly #restartable: boolean;
  readonly #policy: RestartPolicy;
  readonly #hosted = new Map<PartitionId, Hosted>();
  readonly #restartCounts: Map<PartitionId, number>;
  readonly #past: PastFigures;
  /** Drain, then count among the past; until then their figures must not be missing. */
  readonly #departing = new Set<PartitionActor>();
  #closed = false;

  /**
   * @param restartCounts restarts in a row, kept across sessions
   * @param past figures of attempts that are over, kept across sessions
   */
  constructor(
    env: PartitionEnvironment,
    events: HostEvents,
    restartable: boolean,
    restartCounts: Map<PartitionId, number>,
    past: PastFigures,
    policy: RestartPolicy = defaultRestartPolicy,
  ) {
    this.#env = env;
    this.#events = events;
    this.#restartable = restartable;
    this.#restartCounts = restartCounts;
    this.#past = past;
    this.#policy = policy;
  }

  /** Starts and stops partitions so that exactly the assigned ones run. */
  reconcile(assigned: ReadonlyMap<PartitionId, number>): void {
    if (this.#closed) return;
    // Partitions that have ended here stay, idle, for the sake of their figures.
    for (const [partition, hosted] of this.#hosted)
      if (assigned.get(partition) !== hosted.version && hosted.actor?.state !== "ended") {
        this.#hosted.delete(partition);
        hosted.cancelRestart?.();
        if (hosted.actor !== undefined) void this.#dismiss(hosted.actor);
      }
    for (const [partition, version] of assigned)
      if (!this.#hosted.has(partition)) {
        const hosted: Hosted = {
          version,
          actor: undefined,
          restarts: this.#restartCounts.get(partition) ?? 0,
          startedMs: 0,
          cancelRestart: undefined,
          done: false,
        };
        this.#hosted.set(partition, hosted);
        this.#start(partition, hosted);
      }
  }

  /** Drains all partitions; resolves when everything processed is durable or given up. */
  async stopAll(): Promise<void> {
    this.#closed = true;
    // They stay listed: their last figures are the totals that are told at the end.
    const hosted = [...this.#hosted.values()];
    for (const each of hosted) each.cancelRestart?.();
    await Promise.all(hosted.map((each) => each.actor?.stop()));
  }

  /** The session is over: nothing that these partitions still do can become durable. */
  abandonAll(): void {
    this.#closed = true;
    for (const hosted of this.#hosted.values()) {
      hosted.cancelRestart?.();
      hosted.actor?.abandon();
    }
  }

  /** What is no longer told by {@link metrics}: the session's attempts join those of the past. */
  retire(): void {
    for (const metrics of [...this.metrics(), ...this.departing()]) this.#past.add(metrics);
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
    if (this.#departing.delete(actor)) this.#past.add(actor.metrics());
  }

  #start(partition: PartitionId, hosted: Hosted): void {
    const { stage: stageId, index } = parsePartitionId(partition);
    const stage = this.#env.plan.stages.find((each) => each.id === stageId)!;
    const isCurrent = (): boolean => this.#hosted.get(partition) === hosted && !this.#closed;
    const actor = new PartitionActor(
      this.#env,
      {
        onRunning: () => {
          if (isCurrent()) this.#events.onRunning(partition);
        },
        onCommitRefused: (_id, reason) => this.#events.onCommitRefused(partition, reason),
        onEnded: () => {
          hosted.done = true;
          this.#events.onEnded(partition);
        },
        onFailed: (_id, error) => {
          if (isCurrent()) this.#supervise(partition, hosted, error);
        },
      },
      stage,
      index,
    );
    if (hosted.actor !== undefined) this.#past.add(hosted.actor.metrics());
    hosted.actor = actor;
    hosted.startedMs = this.#env.clock.monotonicMs();
    void actor.start(hosted.version);
  }

  #supervise(partition: PartitionId, hosted: Hosted, error: Error): void {
    const ranMs = this.#env.clock.monotonicMs() - hosted.startedMs;
    const verdict = decideSupervision(error, hosted.restarts, ranMs, this.#restartable, this.#policy);
    switch (verdict.kind) {
      case "forget":
        hosted.done = true;
        return;
      case "fail-job":
        hosted.done = true;
        this.#events.onJobFailure(partition, error);
        return;
      case "end-session":
        this.#events.onSessionDoubt(error);
        return;
      case "restart":
        hosted.restarts = verdict.restarts;
        this.#restartCounts.set(partition, verdict.restarts);
        this.#events.onRestart(partition, error, verdict.delayMs);
        hosted.cancelRestart = this.#env.clock.after(verdict.delayMs, () => {
          hosted.cancelRestart = undefined;
          if (this.#hosted.get(partition) === hosted && !this.#closed) this.#start(partition, hosted);
        });
    }
  }
}
