// Placement — which worker owns which partition. Pure: the leader writes what this decides.
//
// Laws (docs/laws.md)
//   A5  Every unended partition has an owner among the eligible workers, if there is one, or stays with a draining one.
//   A6  Loads of two eligible workers differ by at most one.
//   A7  Sticky: a partition moves only from a worker that is gone or holds more than its share.
//   A8  What a draining worker holds stays with it, and it is given nothing.
import { type PartitionId, parsePartitionId } from "../core/ids.ts";
import type { Assignment } from "../core/ports/coordination.ts";

export interface PlacementFacts {
  /** All partitions of the job. */
  readonly partitions: readonly PartitionId[];
  /** Partitions that need no owner any more. */
  readonly ended: ReadonlySet<PartitionId>;
  readonly assignments: ReadonlyMap<PartitionId, Assignment>;
  /** Workers that are alive and do not leave. */
  readonly eligible: readonly string[];
  /** Workers that leave and still have time to drain what they hold. */
  readonly draining: ReadonlySet<string>;
}

/** @returns new owners; empty when nothing has to move */
export function decidePlacement(facts: PlacementFacts): Map<PartitionId, Assignment> {
  const changes = new Map<PartitionId, Assignment>();
  const workers = [...facts.eligible].sort();
  if (workers.length === 0) return changes;
  // Once a draining worker has left, those with fewer partitions share its own: nothing has to be moved back for it.
  const placed = facts.partitions.filter(
    (partition) =>
      !facts.ended.has(partition) && !facts.draining.has(facts.assignments.get(partition)?.worker ?? ""),
  );
  const holdings = new Map(workers.map((worker) => [worker, new Holding(worker)]));
  const homeless: PartitionId[] = [];
  const fairShares = new Map<string, number>();
  for (const partition of placed) {
    const stage = stageOf(partition);
    fairShares.set(stage, (fairShares.get(stage) ?? 0) + 1 / workers.length);
    const owner = holdings.get(facts.assignments.get(partition)?.worker ?? "");
    if (owner === undefined) homeless.push(partition);
    else owner.add(partition);
  }

  // Largest holders keep the larger share, so that as few partitions as possible move.
  const share = Math.floor(placed.length / workers.length);
  const extra = placed.length % workers.length;
  const byLoad = [...holdings.values()].sort((a, b) => b.load - a.load || (a.worker < b.worker ? -1 : 1));
  for (const [i, holding] of byLoad.entries()) {
    holding.target = share + (i < extra ? 1 : 0);
    while (holding.load > holding.target) homeless.push(holding.takeMostCrowded(fairShares));
  }
  homeless.sort(comparePartitions);
  for (const partition of homeless) {
    const stage = stageOf(partition);
    // Spread the partitions of a stage: an even count of partitions is not an even load when stages differ.
    const room = [...holdings.values()].filter((holding) => holding.load < holding.target);
    const chosen = room.reduce((best, holding) =>
      holding.countOf(stage) < best.countOf(stage) ? holding : best,
    );
    chosen.add(partition);
    const version = (facts.assignments.get(partition)?.version ?? 0) + 1;
    changes.set(partition, { worker: chosen.worker, version });
  }
  return changes;
}

/** What one worker holds while it is decided. */
class Holding {
  readonly worker: string;
  target = 0;
  load = 0;
  readonly #byStage = new Map<string, PartitionId[]>();

  constructor(worker: string) {
    this.worker = worker;
  }

  countOf(stage: string): number {
    return this.#byStage.get(stage)?.length ?? 0;
  }

  add(partition: PartitionId): void {
    const stage = stageOf(partition);
    const known = this.#byStage.get(stage);
    if (known === undefined) this.#byStage.set(stage, [partition]);
    else known.push(partition);
    this.load++;
  }

  /** Takes a partition of the stage of which the worker holds most beyond its fair share. */
  takeMostCrowded(fairShares: ReadonlyMap<string, number>): PartitionId {
    let crowded: PartitionId[] = [];
    let most = Number.NEGATIVE_INFINITY;
    for (const [stage, partitions] of this.#byStage) {
      const excess = partitions.length - fairShares.get(stage)!;
      if (partitions.length === 0 || excess < most) continue;
      most = excess;
      crowded = partitions;
    }
    this.load--;
    return crowded.pop()!;
  }
}

function stageOf(partition: PartitionId): string {
  return parsePartitionId(partition).stage;
}

function comparePartitions(a: PartitionId, b: PartitionId): number {
  const left = parsePartitionId(a);
  const right = parsePartitionId(b);
  if (left.stage !== right.stage) return left.stage < right.stage ? -1 : 1;
  return left.index - right.index;
}
