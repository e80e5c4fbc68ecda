// StateBackend — where a partition's state lives and the one step in which an epoch becomes durable.
//
// Two implementations (heap for embedded jobs, Redis) under one conformance suite: test/conformance/state-backend.ts.
//
// Laws (docs/laws.md)
//   C4  A commit is applied whole or not at all.
//   C5  Repeating a commit answers DUP and changes nothing.
//   C6  After a later attach, no commit of an earlier attempt changes anything.
//   C7  No commit of one history of the server changes another history.
//   V1  Once the registry of state layouts is raised, no attempt that goes by an earlier one attaches or reads.
import type { Frame } from "../batch.ts";
import type { Codec } from "../codec.ts";
import type { ChannelId, PartitionId } from "../ids.ts";

/** Synchronous when the backend can answer from the heap, so that embedded jobs pay for no promise. */
export type Awaitable<T> = T | Promise<T>;

/** How a state value is laid out in the backend. */
export type StateShape = "scalar" | "map" | "list";

/**
 * A request for the stored values of some addresses of one state in one key group.
 *
 * `fields` are storage addresses: encoded key, with the namespace in front where a state has one.
 */
export interface StateLoad {
  readonly operator: string;
  readonly state: string;
  readonly shape: StateShape;
  readonly keyGroup: number;
  readonly codec: Codec<unknown>;
  readonly fields: readonly string[];
  /**
   * Filled by the backend, one element per field: undefined when absent; a value (scalar), a `Map` from encoded
   * entry key to value (map), an array (list).
   */
  results: unknown[];
  /**
   * Filled by the backend: positions in `fields` of what earlier versions of the codec wrote, at least in part. What is
   * read of it is migrated; it is stored anew with the next epoch.
   */
  outdated: readonly number[];
}

/** Changed scalar values of one state in one key group. A value of undefined deletes the field. */
export interface ScalarWrites {
  readonly state: string;
  readonly codec: Codec<unknown>;
  readonly fields: string[];
  readonly values: unknown[];
}

/** Changes of one map under one address. */
export interface MapWrite {
  readonly state: string;
  readonly codec: Codec<unknown>;
  readonly field: string;
  /** Drop all entries before applying `entries`. */
  readonly clear: boolean;
  /** Encoded entry key -> value, undefined deletes the entry. */
  readonly entries: ReadonlyMap<string, unknown>;
}

/** Changes of one list under one address. */
export interface ListWrite {
  readonly state: string;
  readonly codec: Codec<unknown>;
  readonly field: string;
  /** Drop all elements before appending. */
  readonly clear: boolean;
  readonly appends: readonly unknown[];
}

/** A timer as stored: `member` identifies it, `time` (epoch ms) orders it. */
export interface StoredTimer {
  readonly member: string;
  readonly time: number;
}

/** Everything one operator changed in one key group during one epoch. */
export interface StateWrites {
  readonly operator: string;
  readonly keyGroup: number;
  readonly scalars: ScalarWrites[];
  readonly maps: MapWrite[];
  readonly lists: ListWrite[];
  readonly timerAdds: StoredTimer[];
  /** Members of removed timers. */
  readonly timerRemoves: string[];
}

/** One frame to append to one output channel. */
export interface OutputFrame {
  readonly channel: ChannelId;
  /** Contiguous per channel, first is 1. */
  readonly seq: number;
  readonly lineage: number;
  readonly frame: Frame;
  /** The encoded frame; undefined in an embedded job, where frames are handed over by reference. */
  readonly payload: Uint8Array | undefined;
}

/** Everything of `channel` up to and including `throughSeq` has been consumed and may go. */
export interface ChannelTrim {
  readonly channel: ChannelId;
  readonly throughSeq: number;
  /**
   * Lineage of that entry. When given, an entry of the same number but a higher lineage stays, so that a rewrite that
   * slipped in is still seen as a conflict (law H2).
   */
  readonly lineage?: number | undefined;
}

/** An entry for a stream outside the job, written in the commit itself (Redis Stream sink). */
export interface ExternalAppend {
  readonly stream: string;
  /** field, value, field, value, ... */
  readonly fields: readonly (string | Uint8Array)[];
  /** Keep at most about this many entries; undefined keeps all. */
  readonly maxLength: number | undefined;
}

/** Names of the partition's own facts: `in:<channel>`, `out:<channel>`, `src`, `sink:<operator>`, ... */
export type MetaField = readonly [name: string, value: string];

/** Name of the fact that a partition sets with its last epoch: its input has ended. Coordination reports it as ended. */
export const ENDED_FIELD = "end";

/** One epoch of one partition: becomes durable as a whole, or not at all. */
export interface EpochCommit {
  /** This epoch's number; the stored one must be one less. */
  readonly seq: number;
  /** May be written although Redis is above `maxmemory`: everything but sources, since draining frees memory. */
  readonly drain: boolean;
  readonly outputs: readonly OutputFrame[];
  readonly state: readonly StateWrites[];
  readonly trims: readonly ChannelTrim[];
  readonly appends: readonly ExternalAppend[];
  readonly meta: readonly MetaField[];
}

/**
 * The answer to a commit; docs/protocols/checkpoint.md.
 *
 * - `OK`: durable. `lengths` are the unconsumed entries of each channel of `outputs`, in the order of first appearance.
 * - `DUP`: this very commit was applied before; treat as OK without lengths.
 * - `FENCED`: another attempt owns the partition.
 * - `HISTORY`: the server's history changed (restart, failover); every partition of the session must attach again.
 * - `ROLLBACK`: the stored epoch is not the expected one.
 * - `REFUSED`: not applied because the server refuses writes for now (memory, replicas, disk); repeat the same commit.
 * - `LOST`: outcome unknown or session over; attach tells.
 */
export type CommitAnswer =
  | { readonly kind: "OK"; readonly lengths: readonly number[] }
  | { readonly kind: "DUP" }
  | { readonly kind: "FENCED" }
  | { readonly kind: "HISTORY" }
  | { readonly kind: "ROLLBACK"; readonly stored: number }
  | { readonly kind: "REFUSED"; readonly reason: string }
  | { readonly kind: "LOST"; readonly cause: Error };

export interface AttachRequest {
  readonly partition: PartitionId;
  /** From the coordinator; an attach with a lower one than stored is refused. */
  readonly assignmentVersion: number;
  readonly incarnation: number;
  /** Of the registry of state layouts that the worker goes by; an attach with any other than the stored one is refused. */
  readonly layoutSeq: number;
  readonly worker: string;
  /** Output channels: their last entry must agree with what the partition recorded. */
  readonly outputs: readonly ChannelId[];
}

/** What a partition finds when it attaches. */
export interface Attached {
  /** Epoch number of the last commit; 0 when nothing was ever committed. */
  readonly seq: number;
  /** Number of this session in the job's life; larger than every earlier one. */
  readonly lineage: number;
  readonly meta: ReadonlyMap<string, string>;
}

/**
 * The partition's hold on its state, from one attach to the first doubt. Bound to one server history.
 */
export interface PartitionHandle {
  readonly attached: Attached;
  /**
   * Fills `results` and `outdated` of every load.
   * @throws {PartitionFencedError | SessionEndedError}
   * @throws {StateCodecError | StateNewerError | StateMigrationError | MigrationMissingError}
   */
  load(loads: readonly StateLoad[]): Awaitable<void>;
  /** All timers of the given operator and key groups `first <= g < end`, as [keyGroup, timers] pairs. */
  loadTimers(operator: string, first: number, end: number): Awaitable<[number, StoredTimer[]][]>;
  /**
   * Serialises the epoch before it returns; the caller may change its objects afterwards. After REFUSED, calling
   * again with the same epoch object sends the same bytes.
   * Commits of one handle are applied in the order of the calls. Never rejects.
   *
   * The backend records the end of every channel of `outputs` as `out:<channel>` = `<seq>-<lineage>` itself.
   * @throws {OversizedCommitError | StateCodecError | NotSerialisableError} at once, nothing was sent
   */
  commit(epoch: EpochCommit): Awaitable<CommitAnswer>;
  /** Gives the partition back without a successor: the next owner need not wait. Never rejects. */
  release(): Awaitable<void>;
}

/** One per worker and session. */
export interface StateBackend {
  /** @throws {PartitionMissingError | StaleAssignmentError | ChannelTornError | PartitionTornError | IncarnationError | LayoutsChangedError | PartitionFormatError | SessionEndedError} */
  attach(request: AttachRequest): Promise<PartitionHandle>;
}
