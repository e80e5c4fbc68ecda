// Alignment between workers: each tells with its report where its aligned source partitions stand.
import type { SourceAlignment } from "../actors/source-alignment.ts";
import type { PartitionId } from "../core/ids.ts";
import type { Observation } from "../core/ports/coordination.ts";
import { restoreWatermark, type SavedWatermark, saveWatermark } from "../time/watermarks.ts";
import type { WorkerReport } from "./reports.ts";

/** What a worker publishes; undefined when it runs no aligned source. */
export function alignmentFacts(
  alignment: SourceAlignment,
): Readonly<Record<PartitionId, SavedWatermark>> | undefined {
  const facts = [...alignment.facts()];
  if (facts.length === 0) return undefined;
  return Object.fromEntries(facts.map(([partition, lowest]) => [partition, saveWatermark(lowest)]));
}

/** What the owners of the partitions that are not `worker`'s have published; a former owner's word does not count. */
export function readAlignment(observation: Observation, worker: string): Map<PartitionId, number> {
  const lowest = new Map<PartitionId, number>();
  for (const { id, report } of observation.workers) {
    if (id === worker || report === undefined) continue;
    const { alignment = {} } = JSON.parse(report) as WorkerReport;
    for (const [partition, saved] of Object.entries(alignment))
      if (observation.assignments.get(partition)?.worker === id)
        lowest.set(partition, restoreWatermark(saved));
  }
  return lowest;
}
