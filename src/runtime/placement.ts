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
  const held = new Map<string, PartitionId[]>(workers.map((worker) => [worker, []]));
  const homeless: PartitionId[] = [];
  for (const partition of placed) {
    const owner = facts.assignments.get(partition)?.worker;
    const list = owner === undefined ? undefined : held.get(owner);
    if (list === undefined) homeless.push(partition);
    else list.push(partition);
  }

  // Largest holders keep the larger share, so that as few partitions as possible move.
  const share = Math.floor(placed.length / workers.length);
  let extra = placed.length % workers.length;
  const byLoad = [...workers].sort((a, b) => held.get(b)!.length - held.get(a)!.length || (a < b ? -1 : 1));
  const target = new Map<string, number>();
  for (const worker of byLoad) {
    target.set(worker, share + (extra > 0 ? 1 : 0));
    if (extra > 0) extra--;
  }
  for (const worker of byLoad) {
    const list = held.get(worker)!;
    while (list.length > target.get(worker)!) homeless.push(takeMostCrowded(list));
  }
  homeless.sort(comparePartitions);
  for (const partition of homeless) {
    const stage = parsePartitionId(partition).stage;
    // Spread the partitions of a stage: an even count of partitions is not an even load when stages differ.
    const room = workers.filter((worker) => held.get(worker)!.length < target.get(worker)!);
    const chosen = room.reduce((best, worker) =>
      countOfStage(held.get(worker)!, stage) < countOfStage(held.get(best)!, stage) ? worker : best,
    );
    held.get(chosen)!.push(partition);
    changes.set(partition, { worker: chosen, version: (facts.assignments.get(partition)?.version ?? 0) + 1 });
  }
  return changes;
}

function countOfStage(partitions: readonly PartitionId[], stage: string): number {
  return partitions.filter((partition) => parsePartitionId(partition).stage === stage).length;
}

/** Takes one partition of the stage of which the worker holds most. */
function takeMostCrowded(list: PartitionId[]): PartitionId {
  let index = 0;
  let most = 0;
  for (let i = 0; i < list.length; i++) {
    const count = countOfStage(list, parsePartitionId(list[i]!).stage);
    if (count >= most) {
      most = count;
      index = i;
    }
  }
  return list.splice(index, 1)[0]!;
}

function comparePartitions(a: PartitionId, b: PartitionId): number {
  const left = parsePartitionId(a);
  const right = parsePartitionId(b);
  if (left.stage !== right.stage) return left.stage < right.stage ? -1 : 1;
  return left.index - right.index;
}
