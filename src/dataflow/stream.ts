// Stream — records on their way. Every call describes one more node and returns the stream behind it.
//
// Owns:      the types that users meet: what may be called on what, and what comes out.
// Does not:  run, buffer or decide anything. A wrong argument becomes a problem that `defineJob` reports with all others.
import type { Sink } from "../connectors/contract.ts";
import type { PrimitiveKey } from "../core/key-group.ts";
import type { LookupKind } from "../operators/async/lookup.ts";
import { DEAD_LETTER_TAG, type DeadLetter } from "../operators/operator.ts";
import type { SideTag } from "../operators/side-tag.ts";
import type { RecordContext } from "../operators/stateless.ts";
import {
  type AnyLookupOptions,
  type AsyncFunction,
  type AsyncOptions,
  addAsyncMap,
  addLookup,
  type LookupKey,
  type LookupOptions,
} from "./async.ts";
import { rememberBroadcast } from "./connected-streams.ts";
import type { GraphRecorder } from "./graph-recorder.ts";
import type { KeyCodec } from "./key-codec.ts";
import { KeyedStream } from "./keyed-stream.ts";
import type { AsyncNode } from "./nodes/async-node.ts";
import { createKeyByNode } from "./nodes/key-by-node.ts";
import type { KeyedOperatorNode } from "./nodes/keyed-operator-node.ts";
import { quote, type StreamNode } from "./nodes/logical-node.ts";
import { createRoutingNode, type RoutingNode } from "./nodes/routing-node.ts";
import { createSideOutputNode, type SideOutputNode } from "./nodes/side-output-node.ts";
import { createSinkNode } from "./nodes/sink-node.ts";
import type { SourceNode } from "./nodes/source-node.ts";
import { createStatelessNode, type StatelessKind, type StatelessNode } from "./nodes/stateless-node.ts";
import { createTimestampsNode, type TimestampsNode } from "./nodes/timestamps-node.ts";
import { createUnionNode } from "./nodes/union-node.ts";
import type {
  KeyByOptions,
  OperatorOptions,
  SinkOptions,
  StatelessOptions,
  TimestampOptions,
} from "./stream-options.ts";

type UserFunction = (...args: never[]) => unknown;

/** What the editor shows when a key has no stable identity. */
type KeyMustBePrimitive =
  "a key must be a string, number, boolean, bigint or null (not undefined); for another key pass { keyCodec: { encode, decode } }";

/** Records of type T, unbounded unless the source ends. */
export class Stream<out T> {
  readonly #recorder: GraphRecorder;
  readonly #node: StreamNode;

  constructor(recorder: GraphRecorder, node: StreamNode) {
    this.#recorder = recorder;
    this.#node = node;
  }

  /** One record in, one out. `fn` must be synchronous. */
  map<U>(fn: (record: T, context: RecordContext) => U, options?: StatelessOptions): OperatorStream<U>;
  map<U>(
    name: string,
    fn: (record: T, context: RecordContext) => U,
    options?: OperatorOptions,
  ): OperatorStream<U>;
  map<U>(...args: unknown[]): OperatorStream<U> {
    return this.#stateless<U>("map", args);
  }

  /** Keeps the records for which `fn` says true. A type guard narrows the stream. */
  filter<U extends T>(
    fn: (record: T, context: RecordContext) => record is U,
    options?: StatelessOptions,
  ): OperatorStream<U>;
  filter(fn: (record: T, context: RecordContext) => boolean, options?: StatelessOptions): OperatorStream<T>;
  filter<U extends T>(
    name: string,
    fn: (record: T, context: RecordContext) => record is U,
    options?: OperatorOptions,
  ): OperatorStream<U>;
  filter(
    name: string,
    fn: (record: T, context: RecordContext) => boolean,
    options?: OperatorOptions,
  ): OperatorStream<T>;
  filter(...args: unknown[]): OperatorStream<T> {
    return this.#stateless<T>("filter", args);
  }

  /** One record in, as many out as the returned iterable has: an array, a generator, a Set. */
  flatMap<U>(
    fn: (record: T, context: RecordContext) => Iterable<U>,
    options?: StatelessOptions,
  ): OperatorStream<U>;
  flatMap<U>(
    name: string,
    fn: (record: T, context: RecordContext) => Iterable<U>,
    options?: OperatorOptions,
  ): OperatorStream<U>;
  flatMap<U>(...args: unknown[]): OperatorStream<U> {
    return this.#stateless<U>("flatMap", args);
  }

  /**
   * One record in, one out, with requests to the outside between: many under way at once, each with a time limit.
   * Every result leaves exactly once; a request may be made more than once, after a failure or a take-over.
   *
   * @param name identity of the records whose results are awaited, in stored state
   */
  asyncMap<U>(name: string, fn: AsyncFunction<T, U>, options?: AsyncOptions<NoInfer<T>>): AsyncStream<U> {
    return new AsyncStream<U>(
      this.#recorder,
      addAsyncMap(this.#recorder, this.#node, "asyncMap", name, fn, options as AsyncOptions<never>),
    );
  }

  /** As {@link asyncMap}, with as many records out as the result has: an array, a Set. */
  asyncFlatMap<U>(
    name: string,
    fn: AsyncFunction<T, Iterable<U>>,
    options?: AsyncOptions<NoInfer<T>>,
  ): AsyncStream<U> {
    return new AsyncStream<U>(
      this.#recorder,
      addAsyncMap(this.#recorder, this.#node, "asyncFlatMap", name, fn, options as AsyncOptions<never>),
    );
  }

  /**
   * Joins each record with a row of a table outside of the job, as the row is when it is looked up.
   *
   * @param name identity of the records whose rows are awaited, in stored state
   * @param options which key, how rows are loaded, and how long they are kept
   * @param join gets the record and its row; with `kind: "left"` undefined for none
   */
  lookup<Key extends LookupKey, Row, O, Kind extends LookupKind = "inner">(
    name: string,
    options: LookupOptions<T, Key, Row, Kind>,
    join: (record: T, row: Kind extends "left" ? Row | undefined : Row) => O,
  ): AsyncStream<O> {
    return new AsyncStream<O>(
      this.#recorder,
      addLookup(this.#recorder, this.#node, name, options as AnyLookupOptions, join),
    );
  }

  /**
   * Gives each record another event time, and makes watermarks that follow from it; those that came here end here.
   * For records whose time is known only behind a map or a request. Where the source knows it, its `timestamp` option is
   * better: its watermarks follow single splits, here they follow what of several splits a partition gets.
   *
   * @param name identity of the watermark that has been reached, in stored state
   */
  assignTimestamps(name: string, options: TimestampOptions<T>): OperatorStream<T> {
    const recorder = this.#recorder;
    return new OperatorStream<T>(
      recorder,
      recorder.add(createTimestampsNode(recorder.owner, name, this.#node, options)),
    );
  }

  /**
   * Says which records belong together: all operators on the result keep their state per key.
   *
   * @param key a pure function of the record; `1` and `"1"` are different keys
   */
  keyBy<K extends PrimitiveKey>(
    key: (record: T) => K,
    options?: { readonly keyCodec?: undefined },
  ): KeyedStream<K, T>;
  keyBy<K>(key: (record: T) => K, options: { readonly keyCodec: KeyCodec<NoInfer<K>> }): KeyedStream<K, T>;
  keyBy(key: (record: T) => KeyMustBePrimitive): KeyedStream<never, T>;
  keyBy<K>(key: (record: T) => K, options?: KeyByOptions<K>): KeyedStream<K, T> {
    const recorder = this.#recorder;
    const node = recorder.add(
      createKeyByNode(recorder.owner, this.#node, key, options as KeyByOptions<never> | undefined),
    );
    return new KeyedStream(
      recorder,
      node,
      (operator) => new OperatorStream(recorder, operator),
      (operator) => new AsyncStream(recorder, operator),
    );
  }

  /** This stream and the others as one. No order is promised between them. */
  union<Others extends readonly Stream<unknown>[]>(...others: Others): Stream<T | RecordOf<Others[number]>> {
    const recorder = this.#recorder;
    const inputs: StreamNode[] = [this.#node];
    for (const other of others) {
      if (other instanceof Stream) {
        inputs.push(other.#node);
        continue;
      }
      recorder.report({
        code: "INVALID_STREAM",
        subject: "union",
        message: `union takes streams, but got ${quote(other)}; for a keyed stream, union the streams before keyBy`,
      });
    }
    return new Stream<T | RecordOf<Others[number]>>(
      recorder,
      recorder.add(createUnionNode(recorder.owner, inputs)),
    );
  }

  /** Deals the records out over all partitions of the next operator, in turn, batch by batch. Breaks their order. */
  rebalance(): Stream<T> {
    const recorder = this.#recorder;
    return new Stream(recorder, recorder.add(createRoutingNode(recorder.owner, "rebalance", this.#node)));
  }

  /** Gives every record to every partition of the next operator. */
  broadcast(): BroadcastStream<T> {
    const recorder = this.#recorder;
    return new BroadcastStream(
      recorder,
      recorder.add(createRoutingNode(recorder.owner, "broadcast", this.#node)),
    );
  }

  /**
   * Where the records leave the job.
   *
   * @param name identity of what the sink has committed, in stored state
   */
  to(name: string, sink: Sink<T>, options?: SinkOptions): void {
    this.#recorder.add(createSinkNode(this.#recorder.owner, name, this.#node, sink, options));
  }

  /** Both forms of the call: (fn, options with a name) and (name, fn, options). */
  #stateless<U>(kind: StatelessKind, args: readonly unknown[]): OperatorStream<U> {
    const recorder = this.#recorder;
    const nameFirst = typeof args[0] === "string";
    const [fn, given] = nameFirst ? args.slice(1) : args;
    // What is no name, function or options object is kept: validation names it.
    const { name, options } = nameFirst ? { name: args[0], options: given } : takeName(given);
    const node = createStatelessNode(
      recorder.owner,
      kind,
      (name ?? recorder.deriveName(kind)) as string,
      this.#node,
      fn as UserFunction,
      options as OperatorOptions | undefined,
    );
    return new OperatorStream<U>(recorder, recorder.add(node));
  }
}

type RecordOf<S> = S extends Stream<infer T> ? T : never;

/** Splits the name off, so that the rest has the shape of every operator's options. */
function takeName(given: unknown): { name: unknown; options: unknown } {
  if (typeof given !== "object" || given === null) return { name: undefined, options: given };
  const { name, ...options } = given as { name?: unknown };
  return { name, options };
}

/** The records of a source. */
export class SourceStream<out T> extends Stream<T> {
  readonly #recorder: GraphRecorder;
  readonly #node: SourceNode;

  constructor(recorder: GraphRecorder, node: SourceNode) {
    super(recorder, node);
    this.#recorder = recorder;
    this.#node = node;
  }

  /** What the source could not decode, with the reason. Needs the option `onError: "deadLetter"`. */
  deadLetters(): Stream<DeadLetter> {
    return sideStream(this.#recorder, this.#node, DEAD_LETTER_TAG);
  }
}

/** Records that every partition of the next operator gets; `connect` makes state of them that all partitions share. */
export class BroadcastStream<out T> extends Stream<T> {
  /** Only for the compiler, which would take any stream for this one. */
  declare protected readonly routing: "broadcast";

  constructor(recorder: GraphRecorder, node: RoutingNode) {
    super(recorder, node);
    rememberBroadcast(this, node);
  }
}

/** The results of requests. */
export class AsyncStream<out T> extends Stream<T> {
  readonly #recorder: GraphRecorder;
  readonly #node: AsyncNode;

  constructor(recorder: GraphRecorder, node: AsyncNode) {
    super(recorder, node);
    this.#recorder = recorder;
    this.#node = node;
  }

  /** Records whose requests failed in the end, with the error. Needs the option `onError: "deadLetter"`. */
  deadLetters(): Stream<DeadLetter> {
    return sideStream(this.#recorder, this.#node, DEAD_LETTER_TAG);
  }
}

/** The records that an operator emits. */
export class OperatorStream<out T> extends Stream<T> {
  readonly #recorder: GraphRecorder;
  readonly #node: StatelessNode | KeyedOperatorNode | TimestampsNode;

  constructor(recorder: GraphRecorder, node: StatelessNode | KeyedOperatorNode | TimestampsNode) {
    super(recorder, node);
    this.#recorder = recorder;
    this.#node = node;
  }

  /** What the operator's function gives to `context.side(tag, ...)`. */
  sideOutput<U>(tag: SideTag<U>): Stream<U> {
    return sideStream(this.#recorder, this.#node, tag?.tag);
  }

  /** Records for which the function threw, with the error. Needs the option `onError: "deadLetter"`. */
  deadLetters(): Stream<DeadLetter> {
    return sideStream(this.#recorder, this.#node, DEAD_LETTER_TAG);
  }
}

function sideStream<U>(recorder: GraphRecorder, node: SideOutputNode["input"], tag: string): Stream<U> {
  return new Stream<U>(recorder, recorder.add(createSideOutputNode(recorder.owner, node, tag)));
}
