// KeyedStream — records with a key. Only operators that keep state per key may follow.
//
// All operators of one KeyedStream share one shuffle: call keyBy once and use its result for each of them.
import type { Codec } from "../core/codec.ts";
import type { KeyedValue } from "../operators/aggregate.ts";
import type { Aggregate } from "../operators/aggregates.ts";
import type { ProcessDefinition } from "../operators/keyed-process.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import type { WindowAssigner } from "../time/windows.ts";
import type { GraphRecorder } from "./graph-recorder.ts";
import type { KeyedOperatorSpec } from "./keyed-operator-spec.ts";
import type { KeyByNode } from "./nodes/key-by-node.ts";
import { createKeyedOperatorNode, type KeyedOperatorNode } from "./nodes/keyed-operator-node.ts";
import type { OperatorStream } from "./stream.ts";
import type { OperatorOptions, ReduceOptions } from "./stream-options.ts";
import { WindowedStream } from "./windowed-stream.ts";

/** Makes the stream behind an operator; handed in, so that this file need not import the one that imports it. */
export type ToStream = <U>(node: KeyedOperatorNode) => OperatorStream<U>;

/** What the editor shows when a process operator emits without having said what. */
type DeclareWithEmits = "declare what is emitted: add emits: emits<TheType>() to the definition";

/** Records of type T under keys of type K. */
export class KeyedStream<out K, out T> {
  readonly #recorder: GraphRecorder;
  readonly #node: KeyByNode;
  readonly #toStream: ToStream;

  constructor(recorder: GraphRecorder, node: KeyByNode, toStream: ToStream) {
    this.#recorder = recorder;
    this.#node = node;
    this.#toStream = toStream;
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

  /** Cuts the records of each key into windows of time. */
  window(assigner: WindowAssigner): WindowedStream<K, T> {
    return new WindowedStream(this.#recorder, this.#node, assigner, this.#toStream);
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
