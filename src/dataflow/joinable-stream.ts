// JoinableStream — what a stream with a key can do together with another one: joins, groups, operators that read both.
import type { Change } from "../operators/change.ts";
import type { JoinKind } from "../operators/joins/interval-join.ts";
import type { AnyJoinFunction, JoinContext } from "../operators/joins/join-context.ts";
import type { TableJoinKind } from "../operators/joins/table-join-base.ts";
import { CoGroupedStreams } from "./co-group.ts";
import { BroadcastConnectedStream, broadcastNodeOf, ConnectedStreams } from "./connected-streams.ts";
import {
  type AppendJoinOptions,
  addIntervalJoin,
  addLatestJoin,
  addTableJoin,
  addTemporalJoin,
  type IntervalJoinOptions,
  type KeysForChanges,
  type LeftOf,
  type RightOf,
  type RowOf,
  type TableJoinOptions,
  type TableRightOf,
  type VersionJoinOptions,
} from "./joins.ts";
import type { KeyedStream } from "./keyed-stream.ts";
import type { LateStream } from "./late-stream.ts";
import type { BroadcastStream, OperatorStream } from "./stream.ts";
import type { OperatorOptions } from "./stream-options.ts";
import { type FirstInput, joinInputs, type KeyedInputs } from "./two-inputs.ts";

/** Records of type T under keys of type K. */
export abstract class JoinableStream<out K, out T> {
  readonly #first: FirstInput;

  constructor(first: FirstInput) {
    this.#first = first;
  }

  /**
   * This stream and another one for an operator of your own that reads both.
   *
   * @param other a keyed stream with keys of the same type, or what `broadcast()` gives
   */
  connect<B>(other: KeyedStream<K, B>): ConnectedStreams<K, T, B>;
  connect<B>(other: BroadcastStream<B>): BroadcastConnectedStream<K, T, B>;
  connect<B>(
    other: KeyedStream<K, B> | BroadcastStream<B>,
  ): ConnectedStreams<K, T, B> | BroadcastConnectedStream<K, T, B> {
    const broadcast = broadcastNodeOf(other);
    if (broadcast === undefined) return new ConnectedStreams(this.#with("connect", other));
    return new BroadcastConnectedStream({ ...this.#first, second: broadcast });
  }

  /**
   * Joins records whose event times are not too far apart: left and right are partners when
   * `left + lower <= right <= left + upper`. A pair is emitted as soon as both are there, with the later timestamp; a
   * record without a partner, where `kind` asks for it, when event time rules one out.
   *
   * @param name identity of the state
   */
  intervalJoin<R, O, Kind extends JoinKind = "inner">(
    name: string,
    right: KeyedStream<K, R>,
    interval: IntervalJoinOptions<Kind>,
    join: (left: LeftOf<T, Kind>, right: RightOf<R, Kind>, context: JoinContext<K>) => O,
    options?: OperatorOptions,
  ): LateStream<O, T | R> {
    return addIntervalJoin(this.#with("intervalJoin", right), name, interval, join, options);
  }

  /**
   * Joins each record with the version that was valid at the record's event time: the newest one at or before it.
   * Emitted with the record's timestamp, when event time has reached it.
   *
   * @param name identity of the state
   * @param versions rows, each valid from its event time until the next one's; or changes of such rows
   */
  temporalJoin<R, O, Kind extends "inner" | "left" = "inner">(
    name: string,
    versions: KeyedStream<K, R>,
    kind: VersionJoinOptions<Kind>,
    join: (record: T, version: RightOf<RowOf<R>, Kind>, context: JoinContext<K>) => O,
    options?: OperatorOptions,
  ): LateStream<O, T> {
    return addTemporalJoin(this.#with("temporalJoin", versions), name, kind, join, options);
  }

  /**
   * Joins each record with the row that came last for its key, at once. Which one that is follows the order of arrival;
   * {@link temporalJoin} goes by event time.
   *
   * @param name identity of the state
   * @param table rows, each replacing the one before; or changes, of which `-D` and `-U` remove the row
   */
  joinLatest<R, O, Kind extends "inner" | "left" = "inner">(
    name: string,
    table: KeyedStream<K, R>,
    kind: VersionJoinOptions<Kind>,
    join: (record: T, row: RightOf<RowOf<R>, Kind>, context: JoinContext<K>) => O,
    options?: OperatorOptions,
  ): OperatorStream<O> {
    return addLatestJoin(this.#with("joinLatest", table), name, kind, join, options);
  }

  /**
   * Joins all rows of both streams that have the same key, whenever they come. All rows are kept. When rows can be
   * replaced or removed, or a row is emitted because it has no partner yet, the results are changes.
   *
   * @param name identity of the state
   * @param join a pure function: it is called again to take a result back
   */
  join<R, O, Kind extends "inner" | "semi" = "inner">(
    name: string,
    right: KeyedStream<K, R>,
    kind: AppendJoinOptions<Kind> & KeysForChanges<T, R>,
    join: (left: T, right: TableRightOf<R, Kind>, context: JoinContext<K>) => O,
    options?: OperatorOptions,
  ): OperatorStream<O>;
  join<R, O, Kind extends TableJoinKind = "inner">(
    name: string,
    right: KeyedStream<K, R>,
    kind: TableJoinOptions<T, R, Kind> & KeysForChanges<T, R>,
    join: (left: LeftOf<RowOf<T>, Kind>, right: TableRightOf<RowOf<R>, Kind>, context: JoinContext<K>) => O,
    options?: OperatorOptions,
  ): OperatorStream<Change<O>>;
  join<R, O>(
    name: string,
    right: KeyedStream<K, R>,
    kind: object,
    join: AnyJoinFunction<O>,
    options?: OperatorOptions,
  ): OperatorStream<O | Change<O>> {
    return addTableJoin(this.#with("join", right), name, kind, join, options);
  }

  /**
   * This stream and another one for windows that both share: `coGroup(other).window(...)`, then `apply` or `join`.
   *
   * @param other a keyed stream with keys of the same type
   */
  coGroup<R>(other: KeyedStream<K, R>): CoGroupedStreams<K, T, R> {
    return new CoGroupedStreams(this.#with("coGroup", other));
  }

  /** @param what the method that takes `other` */
  #with(what: string, other: unknown): KeyedInputs {
    const second = other instanceof JoinableStream ? other.#first.node : undefined;
    return joinInputs(this.#first, what, second, other);
  }
}
