// WindowedStream — records with a key, cut into windows of time. A window must be folded: nothing else is possible here.
import type { Aggregate } from "../operators/aggregates.ts";
import type { WindowResult } from "../operators/window.ts";
import type { WindowAssigner } from "../time/windows.ts";
import type { GraphRecorder } from "./graph-recorder.ts";
import { type AnyAggregate, windowLabel } from "./keyed-operator-spec.ts";
import type { ToStream } from "./keyed-stream.ts";
import type { KeyByNode } from "./nodes/key-by-node.ts";
import { createKeyedOperatorNode } from "./nodes/keyed-operator-node.ts";
import { quote } from "./nodes/logical-node.ts";
import { reducingAggregate } from "./reducing-aggregate.ts";
import { judgeFunction } from "./rules/user-function.ts";
import type { OperatorStream } from "./stream.ts";
import type { OperatorOptions } from "./stream-options.ts";

/** Records of type T under keys of type K, in windows. */
export class WindowedStream<out K, out T> {
  readonly #recorder: GraphRecorder;
  readonly #node: KeyByNode;
  readonly #assigner: WindowAssigner;
  readonly #toStream: ToStream;

  constructor(recorder: GraphRecorder, node: KeyByNode, assigner: WindowAssigner, toStream: ToStream) {
    this.#recorder = recorder;
    this.#node = node;
    this.#assigner = assigner;
    this.#toStream = toStream;
  }

  /**
   * Folds the records of each key and window; emits `{ key, value, window }` once, when the window closes.
   * The result's timestamp is the last millisecond of the window.
   *
   * @param name identity of the state
   */
  aggregate<A, R>(
    name: string,
    aggregate: Aggregate<T, A, R>,
    options?: OperatorOptions,
  ): OperatorStream<WindowResult<K, R>> {
    return this.#add(name, aggregate, options);
  }

  /**
   * Combines the records of each key and window into one; emits `{ key, value, window }` once, when the window closes.
   *
   * @param name identity of the state
   * @param reduce gets the combination so far and the next record (or another combination); must not depend on the order
   */
  reduce(
    name: string,
    reduce: (accumulated: T, record: T) => NoInfer<T>,
    options?: OperatorOptions,
  ): OperatorStream<WindowResult<K, T>> {
    // The aggregate would hide a wrong function from the rules, so it is looked at here.
    const problem = judgeFunction(
      `window ${quote(name)}`,
      "its function",
      reduce,
      "(accumulated, record) => accumulated + record",
    );
    if (problem !== undefined) this.#recorder.report(problem);
    return this.#add(name, reducingAggregate(reduce), options);
  }

  #add<U>(name: string, aggregate: AnyAggregate, options: OperatorOptions | undefined): OperatorStream<U> {
    const { owner } = this.#recorder;
    const assigner = this.#assigner;
    const spec = { kind: "window", label: windowLabel(assigner), assigner, aggregate } as const;
    return this.#toStream<U>(
      this.#recorder.add(createKeyedOperatorNode(owner, name, this.#node, spec, options)),
    );
  }
}
