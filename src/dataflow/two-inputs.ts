// Two inputs — what all operators with a second input share: is it one that fits, and how the node is made.
import type { DecodeKey } from "../operators/joins/join-context.ts";
import type { GraphRecorder } from "./graph-recorder.ts";
import type { ReadyOperatorSpec } from "./keyed-operator-spec.ts";
import type { ToStream } from "./keyed-stream.ts";
import type { KeyByNode } from "./nodes/key-by-node.ts";
import { createKeyedOperatorNode } from "./nodes/keyed-operator-node.ts";
import { describeNode, quote } from "./nodes/logical-node.ts";
import type { RoutingNode } from "./nodes/routing-node.ts";
import { problemOf } from "./rules/option-rules.ts";
import { judgeFunction } from "./rules/user-function.ts";
import type { OperatorStream } from "./stream.ts";
import type { OperatorOptions } from "./stream-options.ts";

/** Where an operator with two inputs is added: the first input, and what the call needs to describe its node. */
export interface FirstInput {
  readonly recorder: GraphRecorder;
  readonly node: KeyByNode;
  readonly toStream: ToStream;
}

/** Both inputs, once they are known to fit. */
export interface TwoInputs extends FirstInput {
  readonly second: KeyByNode | RoutingNode;
}

/** Two inputs whose records meet under the same key. */
export interface KeyedInputs extends TwoInputs {
  readonly second: KeyByNode;
}

/**
 * Checks that records of both inputs meet under the same key.
 *
 * @param what the method that was called
 * @param second the node behind the argument, undefined when the argument is no keyed stream
 */
export function joinInputs(
  first: FirstInput,
  what: string,
  second: KeyByNode | undefined,
  given: unknown,
): KeyedInputs {
  const { recorder, node } = first;
  if (second === undefined) {
    const message = `${what} takes the other stream behind a keyBy of its own, but got ${quote(given)}; call keyBy on it first`;
    recorder.report({ code: "INVALID_STREAM", subject: what, message });
    // The job is refused; the graph is described to its end, so that all problems are reported together.
    return { ...first, second: node };
  }
  if (node.options?.keyCodec !== second.options?.keyCodec)
    recorder.report({
      code: "INVALID_KEY_CODEC",
      subject: what,
      message:
        `${what} joins ${describeNode(node)} and ${describeNode(second)}, but they do not have the same keyCodec, so equal keys might not meet; ` +
        "give both the same codec object, or neither of them one",
    });
  return { ...first, second };
}

/** The way back from the engine's key to the user's. */
export function keyDecoderOf({ options }: KeyByNode): DecodeKey {
  const codec = options.keyCodec;
  return codec === undefined ? undefined : (text) => codec.decode(text as string);
}

/** Describes the operator; `spec` without what every operator with two inputs has in common. */
export function addTwoInputOperator<U>(
  { recorder, node, toStream, second }: TwoInputs,
  name: string,
  spec: Omit<ReadyOperatorSpec, "kind" | "resultsHaveKey" | "problems">,
  options: OperatorOptions | undefined,
): OperatorStream<U> {
  const ready: ReadyOperatorSpec = { kind: "ready", ...spec, resultsHaveKey: false, problems: [] };
  return toStream<U>(
    recorder.add(createKeyedOperatorNode(recorder.owner, name, node, ready, options, second)),
  );
}

/** Reports a function that is none, or that does not answer at once. */
export function checkFunction(
  recorder: GraphRecorder,
  owner: string,
  what: string,
  fn: unknown,
  example: string,
  generators = false,
): void {
  const problem = judgeFunction(owner, what, fn, example, generators);
  if (problem !== undefined) recorder.report(problem);
}

/** Runs a check of options; what it throws becomes a problem. @returns what it gives, or `otherwise` */
export function checked<R>(recorder: GraphRecorder, owner: string, otherwise: R, check: () => R): R {
  let result = otherwise;
  const problem = problemOf(owner, () => {
    result = check();
  });
  if (problem !== undefined) recorder.report(problem);
  return result;
}
