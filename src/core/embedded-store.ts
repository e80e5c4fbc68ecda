// EmbeddedStore — what Redis is to a distributed job, for a job that lives in one process: records of partitions,
// channels and keyed state, all by reference.
//
// Owns:      the data, and the order of entries in a channel.
// Does not:  decide who may write (HeapStateBackend) or who owns what (EmbeddedCoordination).
import type { Frame } from "./batch.ts";
import { invariant } from "./errors.ts";
import type { ChannelId, PartitionId } from "./ids.ts";
import type { ChannelEntry } from "./ports/channel.ts";

/** The record of one partition. */
export interface EmbeddedPartition {
  /** Number of the attempt that owns the partition; 0 for nobody. Never used twice. */
  fence: number;
  assignmentVersion: number;
  seq: number;
  owner: string;
  readonly meta: Map<string, string>;
}

/** Keyed state and timers of one operator in one key group. */
export interface EmbeddedKeyGroup {
  /** By state name, then by address. */
  readonly scalars: Map<string, Map<string, unknown>>;
  readonly maps: Map<string, Map<string, Map<string, unknown>>>;
  readonly lists: Map<string, Map<string, unknown[]>>;
  /** By member: time in epoch ms. */
  readonly timers: Map<string, number>;
}

/** One job's data. */
export class EmbeddedStore {
  readonly incarnation: number = 1;
  /** How often the registry of state layouts was raised. */
  layoutSeq = 0;
  readonly partitions: Map<PartitionId, EmbeddedPartition> = new Map();
  readonly channels: Map<ChannelId, EmbeddedChannel> = new Map();
  /** Partitions whose input has ended and whose last epoch was applied. */
  readonly ended: Set<PartitionId> = new Set();
  readonly #groups = new Map<string, (EmbeddedKeyGroup | undefined)[]>();
  readonly #listeners = new Set<() => void>();
  #lineage = 0;
  #fence = 0;

  createPartition(partition: PartitionId): void {
    this.partitions.set(partition, {
      fence: 0,
      assignmentVersion: 0,
      seq: 0,
      owner: "",
      meta: new Map(),
    });
  }

  /** @returns a number that was never returned before, larger than all before */
  nextLineage(): number {
    return ++this.#lineage;
  }

  nextFence(): number {
    return ++this.#fence;
  }

  channel(id: ChannelId): EmbeddedChannel {
    let channel = this.channels.get(id);
    if (channel === undefined) {
      channel = new EmbeddedChannel();
      this.channels.set(id, channel);
    }
    return channel;
  }

  /** Undefined when nothing was ever stored there. */
  findKeyGroup(operator: string, keyGroup: number): EmbeddedKeyGroup | undefined {
    return this.#groups.get(operator)?.[keyGroup];
  }

  keyGroup(operator: string, keyGroup: number): EmbeddedKeyGroup {
    let groups = this.#groups.get(operator);
    if (groups === undefined) {
      groups = [];
      this.#groups.set(operator, groups);
    }
    let group = groups[keyGroup];
    if (group === undefined) {
      group = { scalars: new Map(), maps: new Map(), lists: new Map(), timers: new Map() };
      groups[keyGroup] = group;
    }
    return group;
  }

  /** Calls `listener` when a partition has ended or was released, until the returned function is called. */
  onPartitionChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  partitionChanged(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Forgets everything, as FLUSHALL does. */
  clear(): void {
    this.partitions.clear();
    this.channels.clear();
    this.ended.clear();
    this.#groups.clear();
    this.partitionChanged();
  }
}

/** Trimmed entries are let go of in steps of this many, so that a trim costs nothing per remaining entry. */
const COMPACT_AT = 256;

/** One channel: entries in ascending order of (seq, lineage). */
export class EmbeddedChannel {
  #entries: (ChannelEntry | undefined)[] = [];
  /** Entries before this position are trimmed. */
  #head = 0;
  #lastSeq = 0;
  #lastLineage = 0;
  readonly #listeners = new Set<() => void>();

  get length(): number {
    return this.#entries.length - this.#head;
  }

  /** `<seq>-<lineage>` of the last entry ever appended, trimmed or not; `0-0` for none. */
  get lastId(): string {
    return `${this.#lastSeq}-${this.#lastLineage}`;
  }

  /** Whether an entry may be appended: it must come after the last one ever appended. */
  accepts(seq: number, lineage: number): boolean {
    return seq > this.#lastSeq || (seq === this.#lastSeq && lineage > this.#lastLineage);
  }

  append(seq: number, lineage: number, frame: Frame): void {
    invariant(this.accepts(seq, lineage), "H1 entries of a channel are appended in ascending order", {
      seq,
      lineage,
      last: this.lastId,
    });
    this.#entries.push({ seq, lineage, payload: undefined, frame });
    this.#lastSeq = seq;
    this.#lastLineage = lineage;
    for (const listener of this.#listeners) listener();
  }

  /** Lets go of all entries up to `throughSeq`; of that number, only those up to `lineage` when it is given. */
  trim(throughSeq: number, lineage: number | undefined): void {
    const end = this.#positionAfter(throughSeq, lineage ?? Number.POSITIVE_INFINITY);
    for (let i = this.#head; i < end; i++) this.#entries[i] = undefined;
    this.#head = end;
    if (this.#head === this.#entries.length) {
      this.#entries.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** At most `max` entries behind (seq, lineage). */
  readAfter(seq: number, lineage: number, max: number): ChannelEntry[] {
    const from = this.#positionAfter(seq, lineage);
    return this.#entries.slice(from, Math.min(from + max, this.#entries.length)) as ChannelEntry[];
  }

  hasAfter(seq: number, lineage: number): boolean {
    return this.#positionAfter(seq, lineage) < this.#entries.length;
  }

  /** Calls `listener` after every append. @returns a function that stops it */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Readers stay close to the ends, so the search starts where contiguous numbers would put the entry. */
  #positionAfter(seq: number, lineage: number): number {
    const entries = this.#entries;
    const first = entries[this.#head];
    if (first === undefined) return this.#head;
    let at = Math.min(entries.length, Math.max(this.#head, this.#head + seq - first.seq + 1));
    while (at > this.#head && isAfter(entries[at - 1]!, seq, lineage)) at--;
    while (at < entries.length && !isAfter(entries[at]!, seq, lineage)) at++;
    return at;
  }
}

function isAfter(entry: ChannelEntry, seq: number, lineage: number): boolean {
  return entry.seq > seq || (entry.seq === seq && entry.lineage > lineage);
}
