// Options of the calls that build a job. Each has its default here and in docs/dataflow.md.
import type { Codec } from "../core/codec.ts";
import type { ErrorPolicy } from "../operators/operator.ts";
import type { Duration } from "../time/duration.ts";
import type { WatermarkStrategy } from "../time/watermark-strategies.ts";
import type { KeyCodec } from "./key-codec.ts";

export interface SourceOptions<T> {
  /**
   * Event time of a record: a `Date`, or epoch ms. Default: the time that the source itself gives, if it gives one.
   * Without either the stream has no event time.
   */
  readonly timestamp?: ((record: T) => Date | number) | undefined;
  /** How far behind the newest record of its split a record may come without being late. Default 0. */
  readonly outOfOrderness?: Duration | undefined;
  /**
   * How watermarks are made, split by split: `monotonic()`, `boundedOutOfOrderness("5s")` (which `outOfOrderness` is the
   * short form of), `punctuated(...)` or `customWatermarks(...)`.
   */
  readonly watermarks?: WatermarkStrategy<NoInfer<T>> | undefined;
  /** A split that brings nothing for so long no longer holds event time back. Default: it always does. */
  readonly idleAfter?: Duration | undefined;
  /** Waits for slower sources instead of running ahead of them. Default: it does not. */
  readonly alignment?: AlignmentOptions | undefined;
  /** Partitions, 1 to 256. Default: the job's parallelism, at most what the source can use. */
  readonly parallelism?: number | undefined;
  /** What happens with input that cannot be decoded, does not fit the schema or has no timestamp. Default `"fail"`. */
  readonly onError?: ErrorPolicy | undefined;
}

/** The `alignment` of a source. */
export interface AlignmentOptions {
  /** Sources of the job with the same group wait for each other. */
  readonly group: string;
  /**
   * A split is not read while its watermark is further than this ahead of the smallest one among all splits of the group
   * that have neither ended nor been declared idle.
   */
  readonly maxDrift: Duration;
}

/** Options of every operator. */
export interface OperatorOptions {
  /**
   * Partitions, 1 to 256. Default: as many as the stream it reads; behind keyBy and rebalance the job's parallelism.
   * Another number than the input's puts the operator behind a rebalance.
   */
  readonly parallelism?: number | undefined;
  /** What happens with a record for which the function throws. Default `"fail"`. */
  readonly onError?: ErrorPolicy | undefined;
}

/** Options of `Stream.assignTimestamps`. */
export interface TimestampOptions<T> extends OperatorOptions {
  /**
   * Event time of a record: a `Date`, or epoch ms.
   *
   * @param timestamp the one it came with, in epoch ms; undefined in a stream without event time
   */
  readonly timestamp: (record: T, timestamp: number | undefined) => Date | number;
  /** How far behind the newest record of its partition a record may come without being late. Default 0. */
  readonly outOfOrderness?: Duration | undefined;
  /** How watermarks are made, partition by partition, as for a source. */
  readonly watermarks?: WatermarkStrategy<NoInfer<T>> | undefined;
}

/** Options of map, filter and flatMap when the name is not the first argument. */
export interface StatelessOptions extends OperatorOptions {
  /** Identity in metrics and errors. Default: derived, for example `map-1`. */
  readonly name?: string | undefined;
}

/** Options of `KeyedStream.reduce`. */
export interface ReduceOptions<T> extends OperatorOptions {
  /** How the combination is stored. Default: MessagePack for any plain data. */
  readonly codec?: Codec<T> | undefined;
}

export interface KeyByOptions<K> {
  /** Needed for keys that are not a string, number, boolean, bigint or null. */
  readonly keyCodec?: KeyCodec<K> | undefined;
}

export interface SinkOptions {
  /** Partitions, 1 to 256. Default: as many as the stream it reads, at most what the sink allows. */
  readonly parallelism?: number | undefined;
}

/** Options of {@link Job.plan}. */
export interface PlanOptions {
  /** Partitions of every stage that nothing else decides about, 1 to 256. */
  readonly parallelism: number;
}
