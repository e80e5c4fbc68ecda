// Arguments: what the calls were given is what they need. The compiler says the same to those who use it.
import { NAME_PATTERN } from "../../core/ids.ts";
import type { JobProblem, JobProblemCode } from "../job-problem.ts";
import type { LogicalGraph } from "../logical-graph.ts";
import type { KeyByNode } from "../nodes/key-by-node.ts";
import type { KeyedOperatorNode } from "../nodes/keyed-operator-node.ts";
import { describeNode, type LogicalNode, quote } from "../nodes/logical-node.ts";
import type { StatelessKind } from "../nodes/stateless-node.ts";
import { judgeFunction } from "./user-function.ts";

export function findArgumentProblems(graph: LogicalGraph): readonly JobProblem[] {
  return graph.nodes.flatMap(problemsOf);
}

function problemsOf(node: LogicalNode): readonly JobProblem[] {
  const owner = describeNode(node);
  switch (node.type) {
    case "source":
      return hasMethods(node.source, ["splits", "open"])
        ? []
        : [
            problem(
              "INVALID_SOURCE",
              owner,
              `is given ${quote(node.source)}; give a source, for example collection([...])`,
            ),
          ];
    case "sink":
      return hasMethods(node.sink, ["open"])
        ? []
        : [
            problem(
              "INVALID_SINK",
              owner,
              `is given ${quote(node.sink)}; give a sink, for example console()`,
            ),
          ];
    case "stateless":
      return listOf(
        judgeFunction(owner, "its function", node.fn, STATELESS_EXAMPLES[node.kind], node.kind === "flatMap"),
      );
    case "sideOutput":
      return typeof node.tag === "string" && node.tag !== ""
        ? []
        : [
            problem(
              "INVALID_SIDE_TAG",
              owner,
              `is read with ${quote(node.tag)} for a tag; give one made by sideTag("name")`,
            ),
          ];
    case "keyBy":
      return keyByProblems(node, owner);
    case "keyed":
      return keyedProblems(node, owner);
    default:
      return [];
  }
}

const STATELESS_EXAMPLES: Readonly<Record<StatelessKind, string>> = {
  map: "(record) => record.amount * 2",
  filter: "(record) => record.amount > 0",
  flatMap: "(record) => record.lines",
};

function keyByProblems(node: KeyByNode, owner: string): readonly JobProblem[] {
  const problems = [...listOf(judgeFunction(owner, "the key", node.key, "(record) => record.id"))];
  const codec: unknown = node.options?.keyCodec;
  if (codec !== undefined && !hasMethods(codec, ["encode", "decode"])) {
    problems.push(
      problem(
        "INVALID_KEY_CODEC",
        owner,
        `has ${quote(codec)} for a keyCodec; give { encode: (key) => text, decode: (text) => key }`,
      ),
    );
  }
  return problems;
}

function keyedProblems(node: KeyedOperatorNode, owner: string): readonly JobProblem[] {
  const { spec } = node;
  switch (spec.kind) {
    case "reduce":
      return listOf(
        judgeFunction(owner, "its function", spec.reduce, "(accumulated, record) => accumulated + record"),
        spec.codec === undefined || hasMethods(spec.codec, ["encode", "decode"])
          ? undefined
          : problem(
              "INVALID_OPTION",
              owner,
              `has ${quote(spec.codec)} for a codec; give a Codec, or leave the option out`,
            ),
      );
    case "aggregate":
      return aggregateProblems(spec.aggregate, owner);
    case "window":
      return [
        ...aggregateProblems(spec.aggregate, owner),
        ...listOf(
          isWindow(spec.assigner)
            ? undefined
            : problem(
                "INVALID_WINDOW",
                owner,
                `is given ${quote(spec.assigner)} for its windows; give tumbling("1m") or sliding("1m", "10s")`,
              ),
        ),
      ];
    case "process":
      return definitionProblems(spec.definition, owner);
  }
}

function aggregateProblems(aggregate: unknown, owner: string): readonly JobProblem[] {
  if (hasMethods(aggregate, ["create", "add", "merge", "result"])) return [];
  return [
    problem(
      "INVALID_AGGREGATE",
      owner,
      `is given ${quote(aggregate)}; give an aggregate such as count() or sum((record) => record.amount), ` +
        "or an object with create, add, merge and result",
    ),
  ];
}

function isWindow(assigner: unknown): boolean {
  const { kind, time, sizeMs } = (assigner ?? {}) as Record<string, unknown>;
  return (
    typeof kind === "string" && (time === "event" || time === "processing") && typeof sizeMs === "number"
  );
}

const DEFINITION_PARTS: readonly string[] = ["state", "emits", "onRecord", "onTimer"];

function definitionProblems(definition: unknown, owner: string): readonly JobProblem[] {
  if (typeof definition !== "object" || definition === null) {
    return [
      problem(
        "INVALID_DEFINITION",
        owner,
        `is given ${quote(definition)}; give { onRecord(record, context) { ... } }`,
      ),
    ];
  }
  const { state, onRecord, onTimer } = definition as Record<string, unknown>;
  const unknownParts = Object.keys(definition).filter((part) => !DEFINITION_PARTS.includes(part));
  return [
    ...unknownParts.map((part) =>
      problem(
        "INVALID_DEFINITION",
        owner,
        `has no use for "${part}" in its definition; the parts are ${DEFINITION_PARTS.join(", ")}`,
      ),
    ),
    ...listOf(
      judgeFunction(owner, "onRecord", onRecord, "onRecord(record, context) { context.emit(record) }"),
      onTimer === undefined
        ? undefined
        : judgeFunction(owner, "onTimer", onTimer, "onTimer(timer, context) { context.emit(timer.time) }"),
    ),
    ...stateProblems(state, owner),
  ];
}

const STATE_KINDS: readonly unknown[] = ["value", "list", "map", "reducing"];

function stateProblems(state: unknown, owner: string): readonly JobProblem[] {
  if (state === undefined) return [];
  if (typeof state !== "object" || state === null || Array.isArray(state))
    return [
      problem("INVALID_STATE", owner, `has ${quote(state)} for its state; give { name: value(), ... }`),
    ];
  const problems: JobProblem[] = [];
  for (const [name, descriptor] of Object.entries(state)) {
    if (!NAME_PATTERN.test(name)) {
      problems.push(
        problem(
          "INVALID_STATE",
          owner,
          `has a state named ${quote(name)}; use 1 to 100 letters, digits, _ and -, starting with a letter or a digit`,
        ),
      );
    }
    if (STATE_KINDS.includes((descriptor as { kind?: unknown } | undefined)?.kind)) continue;
    problems.push(
      problem(
        "INVALID_STATE",
        owner,
        `declares state "${name}" as ${quote(descriptor)}; give value(), list(), map() or reducing(...)`,
      ),
    );
  }
  return problems;
}

function hasMethods(candidate: unknown, methods: readonly string[]): boolean {
  if (typeof candidate !== "object" || candidate === null) return false;
  return methods.every((method) => typeof (candidate as Record<string, unknown>)[method] === "function");
}

function problem(code: JobProblemCode, owner: string, sentence: string): JobProblem {
  return { code, subject: owner, message: `${owner} ${sentence}` };
}

function listOf(...found: readonly (JobProblem | undefined)[]): readonly JobProblem[] {
  return found.filter((each) => each !== undefined);
}
