// What a connector implements: sources with replayable positions, sinks with a stated guarantee.
//
// A source is cut into splits; a split is read by one partition, from a position that is part of the partition's
// commit. A sink is a writer per partition whose `prepare` is called before each commit.
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { TraceMark } from "../core/batch.ts";
import type { Awaitable, ExternalAppend } from "../core/ports/state-backend.ts";

/** Plain JSON data: positions, split descriptions and sink tokens are stored as JSON text. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** One independently readable part of a source: a file, a stream, a range of numbers. */
export interface SourceSplit {
  /** Unique within the source and stable over the job's life. */
  readonly id: string;
  readonly [detail: string]: Json;
}

/** A piece of input that could not become a record; handled by the source's `onError` policy. */
export interface ReadFailure {
  readonly error: Error;
  /** The raw input, as far as it is known. */
  readonly raw: unknown;
  /** Where it stands, for people: `flights.json record 17`. */
  readonly where: string;
}

/** What one read brought. */
export interface SourceBatch<T> {
  readonly records: T[];
  /** Event time per record given by the transport (for example a stream id); the job's `timestamp` option wins over it. */
  readonly timestamps?: number[] | undefined;
  readonly failures?: readonly ReadFailure[] | undefined;
  /** Trace contexts that came with the records, ascending by index of the record; the job's sampling adds its own. */
  readonly traces?: TraceMark[] | undefined;
  /**
   * Reading from here continues right after this batch. Stored as JSON, whole, with every commit that follows a batch.
   *
   * It is the split's own state, committed with the records: beside a place it may hold whatever the reader must know when
   * it goes on. It moves with the split, which one partition reads for the job's life, and is never divided.
   */
  readonly position: Json;
  /** No record of this split will ever follow. */
  readonly end: boolean;
  /** Wall clock in epoch ms at which the first record was due; default: when the read returned. */
  readonly ingestMs?: number | undefined;
}

export interface SplitReader<T> {
  /**
   * The next records, at most `maxRecords`. A promise that stays pending means that nothing is there: the
   * partition counts as idle until it settles.
   *
   * After {@link close} a pending read must settle soon (with an empty batch or by rejecting).
   * @throws {EngineError} `retry: "partition"` when reading again later may help
   */
  read(maxRecords: number): Awaitable<SourceBatch<T>>;
  close(): Awaitable<void>;
}

export interface SourceContext {
  readonly job: string;
  /** Name of the source in the job. */
  readonly source: string;
  readonly partition: number;
  readonly parallelism: number;
  /** URL of the Redis that the job runs on; undefined in an embedded job. */
  readonly redisUrl?: string | undefined;
}

export interface Source<T> {
  /** For explain and errors: `json file flights.json`. */
  readonly description: string;
  /** The input ends by itself. */
  readonly bounded: boolean;
  /** Reading again from a position gives the same records: needed for exactly once. */
  readonly replayable: boolean;
  /** Largest sensible number of partitions, when the source knows (a single file: 1). */
  readonly maxParallelism?: number | undefined;
  /** The input is that of this process (standard input), which no other worker could go on reading. Default: anywhere. */
  readonly needs?: "same-process" | undefined;
  /** Every batch brings `timestamps`: the stream has event time without the job's `timestamp` option. Default false. */
  readonly timestamped?: boolean | undefined;
  /** Validates and types each record when present; a record that does not fit is handled by `onError`. */
  readonly schema?: StandardSchemaV1<unknown, T> | undefined;
  /** All splits, the same ones in the same order on every call while the job lives; asked once, then stored with the job. */
  splits(parallelism: number): Awaitable<readonly SourceSplit[]>;
  /** @param position undefined to start at the beginning of the split */
  open(split: SourceSplit, position: Json | undefined, context: SourceContext): Awaitable<SplitReader<T>>;
}

/**
 * - `append`: each record at least once.
 * - `idempotent`: at least once, and repeating is harmless (upsert by key).
 * - `transactional`: exactly once: written with, or made visible by, the partition's commit.
 */
export type SinkGuarantee = "append" | "idempotent" | "transactional";

export interface SinkContext {
  readonly job: string;
  /** Name of the sink in the job. */
  readonly sink: string;
  readonly partition: number;
  readonly parallelism: number;
  /** Grows with every attach of any partition: makes names unique per attempt. */
  readonly attempt: number;
  /** Token of the last durable epoch of this partition; undefined when there was none. */
  readonly committed: Json | undefined;
}

/** What a sink adds to the commit of an epoch. */
export interface Prepared {
  /**
   * Stored in the commit; given back as {@link SinkContext.committed} after a restart. Undefined: unchanged.
   *
   * It is the writer's own state, one per partition: any JSON that must be known when the partition goes on.
   */
  readonly token?: Json | undefined;
  /** Entries for Redis streams, written inside the commit. */
  readonly appends?: readonly ExternalAppend[] | undefined;
}

export interface SinkWriter<T> {
  /** Takes records over; must not block. Buffers what it cannot write at once. */
  write(records: readonly T[], timestamps: readonly number[] | undefined): void;
  /**
   * Seals everything written so far, synchronously; later writes belong to the next epoch. Settles when the sealed
   * part is safe enough for the commit (an append sink: delivered; a transactional sink: prepared).
   */
  prepare(): Awaitable<Prepared>;
  /** The epoch of the oldest unacknowledged `prepare` is durable. */
  committed(): Awaitable<void>;
  /** @param graceful true when the last epoch is durable; false after a failure: leave what is not committed */
  close(graceful: boolean): Awaitable<void>;
}

export interface Sink<T> {
  readonly description: string;
  readonly guarantee: SinkGuarantee;
  /** Largest allowed number of partitions (a single file: 1); undefined for any. */
  readonly maxParallelism?: number | undefined;
  /** The sink lives in this process (collect) or needs the job's Redis (Redis Stream sink written in the commit). */
  readonly needs?: "same-process" | "redis" | undefined;
  /** Also the recovery step: the writer makes the outside agree with `context.committed` before the first write. */
  open(context: SinkContext): Awaitable<SinkWriter<T>>;
}
