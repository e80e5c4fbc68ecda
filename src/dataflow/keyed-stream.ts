// KeyedStream — records with a key. Only operators that keep state per key may follow.
//
// All operators of one KeyedStream share one shuffle: call keyBy once and use its result for each of them. Those that read
// a second stream are in joinable-stream.ts.
import type { Codec } from "../core/codec.ts";
import type { KeyedValue } from "../operators/aggregate.ts";
import type { Aggregate } from "../operators/aggregates.ts";
import type { Change } from "../operators/change.ts";
import type { ProcessDefinition } from "../operators/keyed-process.ts";
import type { OverResult } from "../operators/over/over.ts";
import type { MatchContext } from "../operators/pattern/match-context.ts";
import type { Ranked } from "../operators/ranking/top-n.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import type { WindowAssigner } from "../time/windows.ts";
import { addAsyncMap, type KeyedAsyncFunction, type KeyedAsyncOptions } from "./async.ts";
import type { GraphRecorder } from "./graph-recorder.ts";
import { JoinableStream } from "./joinable-stream.ts";
import type { RowOf } from "./joins.ts";
import type { KeyedOperatorSpec } from "./keyed-operator-spec.ts";
import { type LateStream, withLate } from "./late-stream.ts";
import type { AsyncNode } from "./nodes/async-node.ts";
import type { KeyByNode } from "./nodes/key-by-node.ts";
import { createKeyedOperatorNode, type KeyedOperatorNode } from "./nodes/keyed-operator-node.ts";
import { type OverFrame, overSpec } from "./over.ts";
import { type PatternOptions, patternSpec } from "./pattern-spec.ts";
import { type PatternStream, patternStream } from "./pattern-stream.ts";
import type { Captures, PatternOf, Selected } from "./pattern-types.ts";
import {
  aggregateChangesSpec,
  type DeduplicateOptions,
  type DeduplicateUpdatesOptions,
  deduplicateSpec,
  type FirstOf,
  type FirstRecordOptions,
  type LastRecordOptions,
  type MaterializeOptions,
  materializeSpec,
  type TopNOptions,
  topNSpec,
} from "./ranking.ts";
import type { AsyncStream, OperatorStream } from "./stream.ts";
import type { OperatorOptions, ReduceOptions } from "./stream-options.ts";
import { WindowedStream } from "./windowed-stream.ts";

/** Makes the stream behind an operator; handed in, so that this file need not import the one that imports it. */
export type ToStream = <U>(node: KeyedOperatorNode) => OperatorStream<U>;
export type ToAsyncStream = <U>(node: AsyncNode) => AsyncStream<U>;

/** What the editor shows when a process operator emits without having said what. */
export type DeclareWithEmits = "declare what is emitted: add emits: emits<TheType>() to the definition";

/** Records of type T under keys of type K. */
export class KeyedStream<out K, out T> extends JoinableStream<K, T> {
  readonly #recorder: GraphRecorder;
  readonly #node: KeyByNode;
  readonly #toStream: ToStream;
  readonly #toAsyncStream: ToAsyncStream;

  constructor(recorder: GraphRecorder, node: KeyByNode, toStream: ToStream, toAsyncStream: ToAsyncStream) {
    super({ recorder, node, toStream });
    this.#recorder = recorder;
    this.#node = node;
    this.#toStream = toStream;
    this.#toAsyncStream = toAsyncStream;
  }

  /**
   * Combines all records of a key into one; emits the combination so far after every record.
   *
   * @param name identity of the state
   * @param reduce gets the combination so far and the next record; the first record of a key is its first combination
   */
  reduce(
    name: string,
    reduce: (accumulated: T, record: T) => NoInfer<T>,
    options?: ReduceOptions<NoInfer<T>>,
  ): OperatorStream<T> {
    const { codec, rest } = takeCodec(options);
    return this.#add(name, { kind: "reduce", label: "reduce", reduce, codec }, rest);
  }

  /**
   * Folds all records of a key; emits `{ key, value }` with the result so far after every record.
   *
   * @param name identity of the state
   */
  aggregate<A, R>(
    name: string,
    aggregate: Aggregate<T, A, R>,
    options?: OperatorOptions,
  ): OperatorStream<KeyedValue<K, R>> {
    return this.#add(name, { kind: "aggregate", label: "aggregate", aggregate }, options);
  }

  /**
   * Your own code per record and per timer, with state of your own.
   *
   * @param name identity of the state
   */
  process<O = DeclareWithEmits, S extends StateDescriptors = Record<never, never>>(
    name: string,
    definition: ProcessDefinition<K, T, O, S>,
    options?: OperatorOptions,
  ): OperatorStream<O> {
    return this.#add(name, { kind: "process", label: "process", definition }, options);
  }

  /**
   * As `Stream.asyncMap`, with the order of each key: a slow request holds back later records of its key, and of no other
   * one. The records whose results are awaited are filed under their keys.
   *
   * @param name identity of the records whose results are awaited, in stored state
   * @param fn `context.key` is the key of the record
   */
  asyncMap<U>(
    name: string,
    fn: KeyedAsyncFunction<K, T, U>,
    options?: KeyedAsyncOptions<NoInfer<T>>,
  ): AsyncStream<U> {
    return this.#addAsync("asyncMap", name, fn, options);
  }

  /** As {@link asyncMap}, with as many records out as the result has: an array, a Set. */
  asyncFlatMap<U>(
    name: string,
    fn: KeyedAsyncFunction<K, T, Iterable<U>>,
    options?: KeyedAsyncOptions<NoInfer<T>>,
  ): AsyncStream<U> {
    return this.#addAsync("asyncFlatMap", name, fn, options);
  }

  #addAsync<U>(
    what: "asyncMap" | "asyncFlatMap",
    name: string,
    fn: unknown,
    options: KeyedAsyncOptions<T> | undefined,
  ): AsyncStream<U> {
    const given = options as KeyedAsyncOptions<never> | undefined;
    return this.#toAsyncStream<U>(addAsyncMap(this.#recorder, this.#node, what, name, fn, given));
  }

  /** Cuts the records of each key into windows: of time, of sessions, of a number of records, or one for all of them. */
  window(assigner: WindowAssigner<T>): WindowedStream<K, T> {
    return new WindowedStream(this.#recorder, this.#node, { assigner }, this.#toStream);
  }

  /**
   * One record of each key: the first or the last one. A first record that the watermark has passed is emitted for good;
   * what comes late and would have been before it goes to `late()`.
   *
   * @param name identity of the state
   */
  deduplicate<Row = FirstOf<T>>(
    name: string,
    keep: FirstRecordOptions,
    options?: OperatorOptions,
  ): LateStream<Row, T>;
  deduplicate<Row = RowOf<T>>(
    name: string,
    keep: LastRecordOptions,
    options?: OperatorOptions,
  ): OperatorStream<Row>;
  deduplicate<Row = RowOf<T>>(
    name: string,
    keep: DeduplicateUpdatesOptions,
    options?: OperatorOptions,
  ): OperatorStream<Change<Row>>;
  deduplicate<Row>(
    name: string,
    keep: DeduplicateOptions,
    options?: OperatorOptions,
  ): LateStream<Row, T> | OperatorStream<Row> {
    return withLate(this.#add(name, deduplicateSpec(keep), options));
  }

  /**
   * The first `n` records of each key in an order, kept up to date: emits the changes of `{ rank, record }`. Of records
   * that are only added no more than those are kept; of changes, which may take a row away, all rows are.
   *
   * @param name identity of the state
   */
  topN<Row = RowOf<T>>(
    name: string,
    n: number,
    ranking: TopNOptions<NoInfer<Row>> & { readonly rankColumn: false },
    options?: OperatorOptions,
  ): OperatorStream<Change<Row>>;
  topN<Row = RowOf<T>>(
    name: string,
    n: number,
    ranking: TopNOptions<NoInfer<Row>> & { readonly rankColumn?: true | undefined },
    options?: OperatorOptions,
  ): OperatorStream<Change<Ranked<Row>>>;
  topN(
    name: string,
    n: number,
    ranking: TopNOptions<never>,
    options?: OperatorOptions,
  ): OperatorStream<Change<unknown>> {
    return this.#add(name, topNSpec(n, ranking), options);
  }

  /**
   * Folds the rows of each key while rows come and go: emits the changes of `{ key, value }`. Records that are no changes
   * are rows that stay.
   *
   * @param name identity of the state
   * @param aggregate one that can take records back: all ready ones except `topN` can
   */
  aggregateChanges<A, R>(
    name: string,
    aggregate: Aggregate<RowOf<T>, A, R>,
    options?: OperatorOptions,
  ): OperatorStream<Change<KeyedValue<K, R>>> {
    return this.#add(name, aggregateChangesSpec(aggregate, this.#node), options);
  }

  /**
   * From changes back to rows: the row that is left of each key when the input ends. The key must be what identifies a
   * row; a later row replaces an earlier one.
   *
   * @param name identity of the state
   */
  materialize<Row = RowOf<T>>(
    name: string,
    intervals?: MaterializeOptions,
    options?: OperatorOptions,
  ): OperatorStream<Row> {
    return this.#add(name, materializeSpec(intervals), options);
  }

  /**
   * An aggregate for each record, over the records of its key before it: emits `{ record, value }`, with the record's
   * timestamp. Records that come late are in no result; see `late()`.
   *
   * @param name identity of the state
   * @param frame `{ rows: 9 }`: the record and the nine before it; `{ range: "1h" }`: those of the hour up to it
   */
  over<A, R>(
    name: string,
    frame: OverFrame,
    aggregate: Aggregate<T, A, R>,
    options?: OperatorOptions,
  ): LateStream<OverResult<T, R>, T> {
    return withLate(this.#add(name, overSpec(frame, aggregate), options));
  }

  /**
   * Looks for a sequence of records of each key, and emits what the function makes of each match.
   *
   * @param name identity of the state
   * @param pattern made by `pattern<T>().begin(...)`
   * @param select gets the records of a match by stage; an iterable is several results, undefined is none
   */
  pattern<C extends Captures, R>(
    name: string,
    pattern: PatternOf<T, C>,
    select: (match: C, context: MatchContext<K>) => R,
    options?: PatternOptions<T>,
  ): PatternStream<Selected<R>, T, C> {
    const { spec, rest } = patternSpec(pattern, select, options, this.#node.options?.keyCodec);
    return patternStream(this.#add(name, spec, rest));
  }

  #add<U>(name: string, spec: KeyedOperatorSpec, options: OperatorOptions | undefined): OperatorStream<U> {
    const { owner } = this.#recorder;
    return this.#toStream<U>(
      this.#recorder.add(createKeyedOperatorNode(owner, name, this.#node, spec, options)),
    );
  }
}

/** Splits the codec off, so that the rest has the shape of every operator's options. */
function takeCodec<T>(options: ReduceOptions<T> | undefined): {
  codec: Codec<unknown> | undefined;
  rest: OperatorOptions | undefined;
} {
  // What is no object is kept: validation names it.
  if (typeof options !== "object" || options === null) return { codec: undefined, rest: options };
  const { codec, ...rest } = options;
  return { codec: codec as Codec<unknown> | undefined, rest };
}
