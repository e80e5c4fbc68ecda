// SourceAlignment — how far ahead of each other the sources of one group may read; one per worker.
//
// Owns:      the smallest watermark of every group, from the partitions of this worker (at once) and from what other
//            workers reported (with every control round).
// Does not:  stop anybody: heads ask for the group's smallest watermark before they read a split.
//
// Laws (docs/laws.md)
//   Z1  While all partitions of the group are known, no split is read whose watermark is more than maxDrift ahead of the
//       smallest one among the group's splits that have neither ended nor been declared idle.
//   Z2  A split with the group's smallest watermark is never held, so a group never stands still by itself.
//
// A partition that nobody runs or reports at the moment (a take-over, a start) leaves the group where it was: what is
// known of the others can only lower it. Reports are old news: until the next one a split may wait longer than it must, or go
// on although a split of another worker has just come back behind (an idle one that woke up, a take-over).
import { MAX_WATERMARK, MIN_WATERMARK } from "../core/batch.ts";
import { type PartitionId, partitionId } from "../core/ids.ts";
import type { JobPlan } from "../plan/plan.ts";

/** One source partition of this worker as a member of its group. */
export interface AlignedPartition {
  /** The smallest watermark of the group, in epoch ms. */
  readonly groupWatermark: number;
  /** @param lowest smallest watermark of its splits that are neither idle nor ended; MAX_WATERMARK for none */
  update(lowest: number): void;
  /** Asks to be woken once the group has moved on. */
  wait(): void;
  /** It no longer runs here. What has ended holds nobody back, unless another worker reports that it runs it again. */
  leave(hasEnded: boolean): void;
}

export class SourceAlignment {
  readonly #groups = new Map<string, AlignmentGroup>();

  constructor(plan: JobPlan) {
    for (const { id, partitions, source } of plan.stages) {
      if (source?.alignment === undefined) continue;
      const { group } = source.alignment;
      const known = this.#groups.get(group) ?? new AlignmentGroup();
      this.#groups.set(group, known);
      for (let i = 0; i < partitions; i++) known.partitions.push(partitionId(id, i));
    }
  }

  /** Some source of the job is aligned with another one. */
  get isUsed(): boolean {
    return this.#groups.size > 0;
  }

  /** @param wake called once after {@link AlignedPartition.wait} when the group has moved on */
  join(group: string, partition: PartitionId, lowest: number, wake: () => void): AlignedPartition {
    return this.#groups.get(group)!.join(partition, lowest, wake);
  }

  /** What other workers must know: the smallest watermark of each aligned partition of this one. */
  facts(): Map<PartitionId, number> {
    const facts = new Map<PartitionId, number>();
    for (const { members, finished } of this.#groups.values()) {
      for (const partition of finished) facts.set(partition, MAX_WATERMARK);
      for (const [partition, { lowest }] of members) facts.set(partition, lowest);
    }
    return facts;
  }

  /**
   * @param remote what the owners of other partitions reported
   * @param ended partitions whose input is over
   */
  observe(remote: ReadonlyMap<PartitionId, number>, ended: ReadonlySet<PartitionId>): void {
    for (const group of this.#groups.values()) group.observe(remote, ended);
  }
}

interface Member {
  lowest: number;
  waits: boolean;
  readonly wake: () => void;
}

class AlignmentGroup {
  readonly partitions: PartitionId[] = [];
  readonly members = new Map<PartitionId, Member>();
  /** Came to their end here; that may not have become durable. */
  readonly finished = new Set<PartitionId>();
  #remote: ReadonlyMap<PartitionId, number> = new Map();
  #ended: ReadonlySet<PartitionId> = new Set();
  #watermark = MIN_WATERMARK;

  join(partition: PartitionId, lowest: number, wake: () => void): AlignedPartition {
    const group = this;
    const member: Member = { lowest, waits: false, wake };
    this.members.set(partition, member);
    this.finished.delete(partition);
    this.#settle();
    return {
      get groupWatermark() {
        return group.#watermark;
      },
      update: (now) => {
        const before = member.lowest;
        if (now === before) return;
        member.lowest = now;
        // One that was ahead and stays ahead changes nothing for the group.
        if (before <= this.#watermark || now < this.#watermark) this.#settle();
      },
      wait: () => {
        member.waits = true;
      },
      leave: (hasEnded) => {
        if (this.members.get(partition) !== member) return;
        this.members.delete(partition);
        if (hasEnded) this.finished.add(partition);
        this.#settle();
      },
    };
  }

  observe(remote: ReadonlyMap<PartitionId, number>, ended: ReadonlySet<PartitionId>): void {
    this.#remote = remote;
    this.#ended = ended;
    this.#settle();
  }

  #lowestOf(partition: PartitionId): number | undefined {
    const known = this.members.get(partition)?.lowest ?? this.#remote.get(partition);
    return known ?? (this.finished.has(partition) ? MAX_WATERMARK : undefined);
  }

  #settle(): void {
    const before = this.#watermark;
    let lowest = MAX_WATERMARK;
    for (const partition of this.partitions) {
      if (this.#ended.has(partition)) continue;
      const known = this.#lowestOf(partition) ?? before;
      if (known < lowest) lowest = known;
    }
    this.#watermark = lowest;
    if (lowest <= before) return;
    for (const member of this.members.values())
      if (member.waits) {
        member.waits = false;
        member.wake();
      }
  }
}
