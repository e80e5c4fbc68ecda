// HarnessPlan — the stages of a job that is nothing but the operator under test: placeholders for its inputs and its output.
//
// Dead letters need no reader here: a harness keeps all that operators send to the side.
import type { Source } from "../connectors/contract.ts";
import type { PrimitiveKey } from "../core/key-group.ts";
import { GraphRecorder } from "../dataflow/graph-recorder.ts";
import { InvalidJobError } from "../dataflow/job-problem.ts";
import type { KeyedStream } from "../dataflow/keyed-stream.ts";
import { createSourceNode } from "../dataflow/nodes/source-node.ts";
import { planGraph } from "../dataflow/planner.ts";
import { SourceStream, Stream } from "../dataflow/stream.ts";
import { findProblems } from "../dataflow/validate.ts";
import {
  fanOut,
  type KeyedOperatorContext,
  type OperatorContext,
  type Receiver,
  type UnkeyedOperatorContext,
} from "../operators/operator.ts";
import type { EdgePlan, OperatorPlan, StagePlan } from "../plan/plan.ts";
import { HarnessBuildError } from "./errors.ts";

/** What describes the operator under test, with or without a key in front. */
export type HarnessBuild = (
  stream: Stream<unknown> | KeyedStream<PrimitiveKey, unknown>,
  second: Stream<unknown> | undefined,
) => Stream<unknown>;

export interface HarnessPlan {
  /** The stage of each input: operators without keys stand here. */
  readonly inputs: readonly StagePlan[];
  /** The stage behind the key, if there is one. */
  readonly keyed: StagePlan | undefined;
  /** All lead into {@link keyed}. */
  readonly edges: readonly EdgePlan[];
}

const INPUTS = ["harness-first", "harness-second"] as const;
/** Where the results leave. */
export const OUTPUT = "harness-output";

/**
 * @throws {HarnessBuildError}
 * @throws {InvalidJobError} with everything that is wrong with what `build` describes
 */
export function planHarness(
  key: ((record: unknown) => PrimitiveKey) | undefined,
  build: HarnessBuild,
): HarnessPlan {
  const recorder = new GraphRecorder("harness");
  const addInput = (name: string): Stream<unknown> =>
    new SourceStream(recorder, recorder.add(createSourceNode(recorder.owner, name, placeholder, {})));
  const first = addInput(INPUTS[0]);
  const keyed = key === undefined ? first : first.keyBy(key);
  const output: unknown = build(keyed, build.length > 1 ? addInput(INPUTS[1]) : undefined);
  if (!(output instanceof Stream))
    throw new HarnessBuildError("build returned no stream", "return the stream of results, without .to(...)");
  output.to(OUTPUT, { description: "output of the harness", guarantee: "transactional", open: neverOpened });
  const graph = recorder.close();
  const problems = [...recorder.problems, ...findProblems(graph)].filter(
    (problem) => problem.code !== "DEAD_LETTERS_UNREAD",
  );
  if (problems.length > 0) throw new InvalidJobError("harness", problems);
  const { stages, edges } = planGraph(graph, 1);
  const behind = stages.filter((stage) => stage.source === undefined);
  if (behind.length > 1)
    throw new HarnessBuildError(
      `build makes ${behind.length} stages (${behind.map(operatorsOf).join(", then ")})`,
      "give one harness one of them, or run the whole with runTestJob",
    );
  for (const { operators } of stages)
    for (const { type, name, kind } of operators)
      if (type === "async")
        throw new HarnessBuildError(
          `"${name}" (${kind}) waits for requests and a harness never waits`,
          "run it with runTestJob",
        );
  return {
    inputs: stages.filter((stage) => stage.source !== undefined),
    keyed: behind[0],
    edges,
  };
}

/** @param onOutput receives the results; @param onSide receives what goes to the side, by tag */
export function withReceivers(
  stage: StagePlan,
  onOutput: Receiver,
  onSide: (tag: string) => Receiver,
): StagePlan {
  return { ...stage, operators: stage.operators.map((plan) => withReceiver(plan, onOutput, onSide)) };
}

function withReceiver(
  plan: OperatorPlan,
  onOutput: Receiver,
  onSide: (tag: string) => Receiver,
): OperatorPlan {
  const { name, kind, input, onError } = plan;
  switch (plan.type) {
    case "sink":
      return { type: "stateless", name, kind, input, onError, create: () => onOutput };
    case "stateless":
      return { ...plan, create: (context: OperatorContext) => plan.create(withSides(context, onSide)) };
    case "keyed":
      return { ...plan, create: (context: KeyedOperatorContext) => plan.create(withSides(context, onSide)) };
    case "unkeyed":
      return {
        ...plan,
        create: (context: UnkeyedOperatorContext) => plan.create(withSides(context, onSide)),
      };
    case "async":
      return plan;
  }
}

/** The harness keeps what goes to the side; who reads it in the chain gets it, too. */
function withSides<C extends OperatorContext>(context: C, onSide: (tag: string) => Receiver): C {
  return {
    ...context,
    side(tag) {
      const reader = context.side(tag);
      return reader === undefined ? onSide(tag) : fanOut([onSide(tag), reader]);
    },
  };
}

function operatorsOf({ operators }: StagePlan): string {
  const names = operators.filter((plan) => plan.name !== OUTPUT).map((plan) => `"${plan.name}"`);
  return names.length === 0 ? "a union" : names.join(", ");
}

const placeholder: Source<unknown> = {
  description: "input of the harness",
  bounded: false,
  replayable: true,
  timestamped: true,
  splits: () => [],
  open: neverOpened,
};

/** The harness speaks with the operators itself. */
function neverOpened(): never {
  throw new HarnessBuildError("a placeholder was opened", "run the job with runTestJob");
}
