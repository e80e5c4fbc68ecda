// Leader — the duties of the one worker that leads: liveness, placement, the end of the job.
//
// Leading is only liveness: two workers that both believe to lead cannot do harm, because every change carries the
// term and the assignment versions, and the commits themselves are fenced.
//
// Law A8: what a draining worker holds stays with it, until it has left or its time is over.
import type { Clock } from "../core/clock.ts";
import type { PartitionId } from "../core/ids.ts";
import type { Coordination, Observation } from "../core/ports/coordination.ts";
import { type DetectorSettings, FailureDetector, JOINED_BEAT } from "./failure-detector.ts";
import { decidePlacement } from "./placement.ts";

/**
 * A leaving worker keeps its partitions for so long to drain them: far more than a last commit takes, and an end to
 * waiting for a sink that hangs.
 */
export const DRAIN_LIMIT_MS = 10_000;

export class Leader {
  readonly #coordination: Coordination;
  readonly #worker: string;
  readonly #partitions: readonly PartitionId[];
  readonly #clock: Clock;
  readonly #deadAfterMs: number;
  readonly #detector: FailureDetector;
  /** When each leaving worker was first seen to leave, on our own clock. Kept without leading, for when we do. */
  readonly #leavingSinceMs = new Map<string, number>();
  #term: number | undefined;
  #leaderSeen: { worker: string; term: number; beat: number; sinceMs: number } | undefined;

  constructor(
    coordination: Coordination,
    worker: string,
    partitions: readonly PartitionId[],
    clock: Clock,
    settings: DetectorSettings,
  ) {
    this.#coordination = coordination;
    this.#worker = worker;
    this.#partitions = partitions;
    this.#clock = clock;
    this.#deadAfterMs = settings.deadAfterMs;
    this.#detector = new FailureDetector(settings);
  }

  get leads(): boolean {
    return this.#term !== undefined;
  }

  /** One round: keeps or takes leadership, then acts as leader if it is ours. */
  async round(observation: Observation): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const dead = new Set(this.#detector.observe(observation.workers, nowMs));
    this.#noteLeaving(observation, nowMs);
    if (!(await this.#ensureLeadership(observation, dead, nowMs))) return;
    const silent = this.#silentPredecessor(observation);
    if (silent !== undefined) dead.add(silent);
    for (const worker of dead) if (worker !== this.#worker) await this.#coordination.leave(worker);
    const status = observation.job?.status;
    if (status === "created" || status === "running") await this.#place(observation, dead, nowMs);
    if (status === "created") await this.#coordination.setStatus(["created"], "running");
    if (status === "running" && this.#partitions.every((partition) => observation.ended.has(partition)))
      await this.#coordination.setStatus(["running"], "finished");
    // Whoever leaves has stopped its partitions, or does so by itself; it may stay until the status is final, to lead
    // if this leader dies.
    const others = observation.workers.filter(
      (worker) => worker.id !== this.#worker && !dead.has(worker.id) && !worker.leaving,
    );
    if (status === "cancelling" && others.length === 0)
      await this.#coordination.setStatus(["cancelling"], "cancelled");
  }

  /** The leader that we have replaced, when it never beat: it may hold partitions, and nobody else would notice soon. */
  #silentPredecessor({ leader, workers }: Observation): string | undefined {
    if (leader === undefined || leader.worker === this.#worker) return undefined;
    return workers.find(({ id, beat, leaving }) => id === leader.worker && beat <= JOINED_BEAT && !leaving)
      ?.id;
  }

  #noteLeaving(observation: Observation, nowMs: number): void {
    const leaving = new Set(observation.workers.flatMap((worker) => (worker.leaving ? [worker.id] : [])));
    for (const id of this.#leavingSinceMs.keys()) if (!leaving.has(id)) this.#leavingSinceMs.delete(id);
    for (const id of leaving) if (!this.#leavingSinceMs.has(id)) this.#leavingSinceMs.set(id, nowMs);
  }

  async #place(observation: Observation, dead: ReadonlySet<string>, nowMs: number): Promise<void> {
    const alive = observation.workers.filter((worker) => !dead.has(worker.id));
    // A worker gets partitions with its first own beat: before that its death would be noticed late (startGraceMs). Ours
    // would be noticed by the rounds of the leader, which are beats too.
    const eligible = alive.filter(
      ({ id, beat, leaving }) => !leaving && (beat > JOINED_BEAT || id === this.#worker),
    );
    const draining = alive.filter(
      ({ id, leaving }) => leaving && nowMs - this.#leavingSinceMs.get(id)! < DRAIN_LIMIT_MS,
    );
    const changes = decidePlacement({
      partitions: this.#partitions,
      ended: observation.ended,
      assignments: observation.assignments,
      eligible: eligible.map((worker) => worker.id),
      draining: new Set(draining.map((worker) => worker.id)),
    });
    if (changes.size === 0) return;
    if (!(await this.#coordination.assign(this.#worker, this.#term!, changes))) this.#term = undefined;
  }

  async #ensureLeadership(
    observation: Observation,
    dead: ReadonlySet<string>,
    nowMs: number,
  ): Promise<boolean> {
    const { leader } = observation;
    if (leader !== undefined && leader.worker === this.#worker && leader.term === this.#term) {
      if (await this.#coordination.leaderBeat(this.#worker, this.#term)) return true;
      this.#term = undefined;
      return false;
    }
    this.#term = undefined;
    if (leader !== undefined && !this.#isVacant(leader, observation, dead, nowMs)) return false;
    const expected = leader?.term ?? 0;
    if (!(await this.#coordination.elect(this.#worker, expected))) return false;
    this.#term = expected + 1;
    return true;
  }

  /** A leader that left, died, or whose rounds stand still. */
  #isVacant(
    leader: NonNullable<Observation["leader"]>,
    observation: Observation,
    dead: ReadonlySet<string>,
    nowMs: number,
  ): boolean {
    if (leader.worker === this.#worker || dead.has(leader.worker)) return true;
    if (!observation.workers.some((worker) => worker.id === leader.worker && !worker.leaving)) return true;
    const seen = this.#leaderSeen;
    if (
      seen === undefined ||
      seen.worker !== leader.worker ||
      seen.term !== leader.term ||
      seen.beat !== leader.beat
    ) {
      this.#leaderSeen = { ...leader, sinceMs: nowMs };
      return false;
    }
    return nowMs - seen.sinceMs >= this.#deadAfterMs;
  }
}
