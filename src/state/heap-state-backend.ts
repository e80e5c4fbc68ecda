// HeapStateBackend — partitions whose state lives in this process, by reference. Answers without promises.
//
// Owns:      the same checks as the commit script on Redis, in the same order: owner, sequence, then apply.
// Does not:  copy values. What an operator hands over must not be changed in place before its next commit; containers
//            (maps and lists) are copied on load, so that uncommitted changes to them stay the operator's own.
//
// Laws C4 to C6 (docs/laws.md). C7 has no meaning here: the heap has one history.

import type { EmbeddedKeyGroup, EmbeddedPartition, EmbeddedStore } from "../core/embedded-store.ts";
import { InvariantError, toError } from "../core/errors.ts";
import type { ChannelId, PartitionId } from "../core/ids.ts";
import {
  ChannelTornError,
  IncarnationError,
  LayoutsChangedError,
  PartitionFencedError,
  PartitionMissingError,
  SessionEndedError,
  StaleAssignmentError,
} from "../core/partition-errors.ts";
import {
  type Attached,
  type AttachRequest,
  type CommitAnswer,
  ENDED_FIELD,
  type EpochCommit,
  type ListWrite,
  type MapWrite,
  type OutputFrame,
  type PartitionHandle,
  type ScalarWrites,
  type StateBackend,
  type StateLoad,
  type StateWrites,
  type StoredTimer,
} from "../core/ports/state-backend.ts";

export class HeapStateBackend implements StateBackend {
  readonly #store: EmbeddedStore;
  readonly #job: string;
  #closed: SessionEndedError | undefined;

  constructor(store: EmbeddedStore, job: string) {
    this.#store = store;
    this.#job = job;
  }

  attach(request: AttachRequest): Promise<PartitionHandle> {
    try {
      return Promise.resolve(this.attachAtOnce(request));
    } catch (error) {
      return Promise.reject(toError(error));
    }
  }

  /** Ends the session: every handle answers LOST from now on. */
  close(): void {
    this.#closed ??= new SessionEndedError(new Error("closed by this process"));
  }

  /** As {@link attach}, without a promise. */
  attachAtOnce(request: AttachRequest): PartitionHandle {
    const { partition, assignmentVersion, incarnation, layoutSeq, outputs, worker } = request;
    const store = this.#store;
    if (this.#closed !== undefined) throw this.#closed;
    const record = store.partitions.get(partition);
    if (record === undefined) throw new PartitionMissingError(partition, this.#job);
    if (store.incarnation !== incarnation)
      throw new IncarnationError(partition, incarnation, store.incarnation);
    if (store.layoutSeq !== layoutSeq)
      throw new LayoutsChangedError(`partition ${partition}`, layoutSeq, store.layoutSeq);
    if (assignmentVersion < record.assignmentVersion)
      throw new StaleAssignmentError(partition, assignmentVersion, record.assignmentVersion);
    for (const channel of outputs) {
      const recorded = record.meta.get(`out:${channel}`) ?? "0-0";
      const found = store.channels.get(channel)?.lastId ?? "0-0";
      if (recorded !== found)
        throw new ChannelTornError(partition, channel, recorded, `it ends at entry ${found}`);
    }
    record.fence = store.nextFence();
    record.assignmentVersion = assignmentVersion;
    record.owner = worker;
    const attached = { seq: record.seq, lineage: store.nextLineage(), meta: new Map(record.meta) };
    return new HeapPartition(store, this.#job, partition, record, attached, () => this.#closed);
  }
}

class HeapPartition implements PartitionHandle {
  readonly attached: Attached;
  readonly #store: EmbeddedStore;
  readonly #job: string;
  readonly #partition: PartitionId;
  readonly #record: EmbeddedPartition;
  readonly #fence: number;
  readonly #closed: () => SessionEndedError | undefined;

  constructor(
    store: EmbeddedStore,
    job: string,
    partition: PartitionId,
    record: EmbeddedPartition,
    attached: Attached,
    closed: () => SessionEndedError | undefined,
  ) {
    this.#store = store;
    this.#job = job;
    this.#partition = partition;
    this.#record = record;
    this.#fence = record.fence;
    this.attached = attached;
    this.#closed = closed;
  }

  load(loads: readonly StateLoad[]): void {
    this.#checkOwner();
    for (let i = 0; i < loads.length; i++) {
      const load = loads[i]!;
      load.results = readLoad(load, this.#store.findKeyGroup(load.operator, load.keyGroup));
    }
  }

  loadTimers(operator: string, first: number, end: number): [number, StoredTimer[]][] {
    this.#checkOwner();
    const found: [number, StoredTimer[]][] = [];
    for (let keyGroup = first; keyGroup < end; keyGroup++) {
      const timers = this.#store.findKeyGroup(operator, keyGroup)?.timers;
      if (timers === undefined || timers.size === 0) continue;
      const stored: StoredTimer[] = [];
      for (const [member, time] of timers) stored.push({ member, time });
      found.push([keyGroup, stored.sort(byTimeThenMember)]);
    }
    return found;
  }

  commit(epoch: EpochCommit): CommitAnswer {
    const closed = this.#closed();
    if (closed !== undefined) return { kind: "LOST", cause: closed };
    const record = this.#record;
    if (this.#store.partitions.get(this.#partition) !== record)
      return { kind: "LOST", cause: new PartitionMissingError(this.#partition, this.#job) };
    if (record.fence !== this.#fence) return { kind: "FENCED" };
    if (record.seq === epoch.seq) return { kind: "DUP" };
    if (record.seq !== epoch.seq - 1) return { kind: "ROLLBACK", stored: record.seq };
    const refusal = this.#refusal(epoch);
    if (refusal !== undefined) return { kind: "LOST", cause: refusal };
    const lengths = this.#append(epoch);
    const { state, trims, meta } = epoch;
    for (let i = 0; i < state.length; i++) this.#apply(state[i]!);
    for (let i = 0; i < trims.length; i++) {
      const { channel, throughSeq, lineage } = trims[i]!;
      this.#store.channels.get(channel)?.trim(throughSeq, lineage);
    }
    let ended = false;
    for (let i = 0; i < meta.length; i++) {
      const [name, value] = meta[i]!;
      record.meta.set(name, value);
      ended ||= name === ENDED_FIELD;
    }
    record.seq = epoch.seq;
    if (ended) {
      this.#store.ended.add(this.#partition);
      this.#store.partitionChanged();
    }
    return { kind: "OK", lengths };
  }

  release(): void {
    if (this.#record.fence !== this.#fence) return;
    this.#record.fence = 0;
    this.#record.owner = "";
    this.#store.partitionChanged();
  }

  #checkOwner(): void {
    const closed = this.#closed();
    if (closed !== undefined) throw closed;
    if (this.#record.fence !== this.#fence) throw new PartitionFencedError(this.#partition);
  }

  /** All that could fail is looked at before the first change, so that a commit is applied whole or not at all. */
  #refusal(epoch: EpochCommit): Error | undefined {
    if (epoch.appends.length > 0)
      return new InvariantError("an embedded job has no sink that needs Redis", {
        stream: epoch.appends[0]!.stream,
      });
    const { outputs } = epoch;
    if (outputs.length === 0) return undefined;
    const last = new Map<ChannelId, OutputFrame>();
    for (let i = 0; i < outputs.length; i++) {
      const { channel, seq, lineage } = outputs[i]!;
      const before = last.get(channel);
      const fits =
        before === undefined
          ? this.#store.channel(channel).accepts(seq, lineage)
          : seq > before.seq || (seq === before.seq && lineage > before.lineage);
      if (!fits) return new InvariantError("H1 entries of a channel are appended in order", { channel, seq });
      last.set(channel, outputs[i]!);
    }
    return undefined;
  }

  #append(epoch: EpochCommit): number[] {
    const { outputs } = epoch;
    const written = new Set<ChannelId>();
    for (let i = 0; i < outputs.length; i++) {
      const { channel, seq, lineage, frame } = outputs[i]!;
      this.#store.channel(channel).append(seq, lineage, frame);
      written.add(channel);
    }
    const lengths: number[] = [];
    for (const id of written) {
      const channel = this.#store.channel(id);
      this.#record.meta.set(`out:${id}`, channel.lastId);
      lengths.push(channel.length);
    }
    return lengths;
  }

  #apply(writes: StateWrites): void {
    const group = this.#store.keyGroup(writes.operator, writes.keyGroup);
    for (let i = 0; i < writes.scalars.length; i++) applyScalars(group, writes.scalars[i]!);
    for (let i = 0; i < writes.maps.length; i++) applyMap(group, writes.maps[i]!);
    for (let i = 0; i < writes.lists.length; i++) applyList(group, writes.lists[i]!);
    // Removals first: a timer that was removed and registered again must stay.
    for (let i = 0; i < writes.timerRemoves.length; i++) group.timers.delete(writes.timerRemoves[i]!);
    for (let i = 0; i < writes.timerAdds.length; i++)
      group.timers.set(writes.timerAdds[i]!.member, writes.timerAdds[i]!.time);
  }
}

function applyScalars(group: EmbeddedKeyGroup, { state, fields, values }: ScalarWrites): void {
  const stored = childOf(group.scalars, state);
  for (let i = 0; i < fields.length; i++) {
    const value = values[i];
    if (value === undefined) stored.delete(fields[i]!);
    else stored.set(fields[i]!, value);
  }
}

function applyMap(group: EmbeddedKeyGroup, { state, field, clear, entries }: MapWrite): void {
  const stored = childOf(group.maps, state);
  let map = clear ? undefined : stored.get(field);
  map ??= new Map();
  for (const [name, value] of entries) {
    if (value === undefined) map.delete(name);
    else map.set(name, value);
  }
  if (map.size === 0) stored.delete(field);
  else stored.set(field, map);
}

function applyList(group: EmbeddedKeyGroup, { state, field, clear, appends }: ListWrite): void {
  const stored = childOf(group.lists, state);
  let list = clear ? undefined : stored.get(field);
  list ??= [];
  for (let i = 0; i < appends.length; i++) list.push(appends[i]);
  if (list.length === 0) stored.delete(field);
  else stored.set(field, list);
}

function childOf<V>(parents: Map<string, Map<string, V>>, name: string): Map<string, V> {
  let found = parents.get(name);
  if (found === undefined) {
    found = new Map();
    parents.set(name, found);
  }
  return found;
}

function readLoad(load: StateLoad, group: EmbeddedKeyGroup | undefined): unknown[] {
  const { shape, state, fields } = load;
  const results: unknown[] = new Array(fields.length);
  if (group === undefined) return results;
  if (shape === "scalar") {
    const stored = group.scalars.get(state);
    if (stored !== undefined) for (let i = 0; i < fields.length; i++) results[i] = stored.get(fields[i]!);
  } else if (shape === "map") {
    const stored = group.maps.get(state);
    for (let i = 0; stored !== undefined && i < fields.length; i++) {
      const map = stored.get(fields[i]!);
      if (map !== undefined) results[i] = new Map(map);
    }
  } else {
    const stored = group.lists.get(state);
    for (let i = 0; stored !== undefined && i < fields.length; i++)
      results[i] = stored.get(fields[i]!)?.slice();
  }
  return results;
}

/** The order in which Redis returns a sorted set, for members of plain text. */
function byTimeThenMember(a: StoredTimer, b: StoredTimer): number {
  return a.time - b.time || (a.member < b.member ? -1 : a.member > b.member ? 1 : 0);
}
