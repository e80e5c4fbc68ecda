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
    case "ready":
    case "window":
      return spec.problems.map(({ code, text }) => problem(code, owner, text));
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
      return listOf(judgeAggregate(spec.aggregate, owner));
    case "process":
      return definitionProblems(spec.definition, owner, PROCESS_SHAPE);
  }
}

/** What is wrong with an aggregate, if it is none. */
export function judgeAggregate(aggregate: unknown, owner: string): JobProblem | undefined {
  if (hasMethods(aggregate, ["create", "add", "merge", "result"])) return undefined;
  return problem(
    "INVALID_AGGREGATE",
    owner,
    `is given ${quote(aggregate)}; give an aggregate such as count() or sum((record) => record.amount), ` +
      "or an object with create, add, merge and result",
  );
}

/** What a definition may hold: the functions of user code, and data. */
export interface DefinitionShape {
  readonly data: readonly string[];
  readonly functions: readonly {
    readonly name: string;
    readonly example: string;
    readonly optional?: true;
  }[];
}

const ON_TIMER = {
  name: "onTimer",
  example: "onTimer(timer, context) { context.emit(timer.time) }",
  optional: true,
} as const;

const PROCESS_SHAPE: DefinitionShape = {
  data: ["state", "emits"],
  functions: [{ name: "onRecord", example: "onRecord(record, context) { context.emit(record) }" }, ON_TIMER],
};

export const CONNECTED_SHAPE: DefinitionShape = {
  data: ["state", "emits"],
  functions: [
    { name: "onFirst", example: "onFirst(record, context) { context.emit(record) }" },
    { name: "onSecond", example: "onSecond(record, context) { context.emit(record) }" },
    ON_TIMER,
  ],
};

export const BROADCAST_SHAPE: DefinitionShape = {
  data: ["state", "broadcast", "emits"],
  functions: [
    { name: "onRecord", example: "onRecord(record, context) { context.emit(record) }" },
    {
      name: "onBroadcast",
      example: "onBroadcast(rule, context) { context.broadcast.rules.set(rule.id, rule) }",
    },
    ON_TIMER,
  ],
};

/** What is wrong with the definition of a process operator. */
export function definitionProblems(
  definition: unknown,
  owner: string,
  shape: DefinitionShape,
): readonly JobProblem[] {
  const [first] = shape.functions;
  if (typeof definition !== "object" || definition === null) {
    return [
      problem(
        "INVALID_DEFINITION",
        owner,
        `is given ${quote(definition)}; give { ${first?.name}(record, context) { ... } }`,
      ),
    ];
  }
  const given = definition as Record<string, unknown>;
  const parts = [...shape.data, ...shape.functions.map(({ name }) => name)];
  return [
    ...Object.keys(given)
      .filter((part) => !parts.includes(part))
      .map((part) =>
        problem(
          "INVALID_DEFINITION",
          owner,
          `has no use for "${part}" in its definition; the parts are ${parts.join(", ")}`,
        ),
      ),
    ...listOf(
      ...shape.functions.map(({ name, example, optional }) =>
        optional === true && given[name] === undefined
          ? undefined
          : judgeFunction(owner, name, given[name], example),
      ),
    ),
    ...stateProblems(given["state"], owner),
  ];
}

const STATE_KINDS: readonly unknown[] = ["value", "list", "map", "reducing", "aggregating"];

/** What is wrong with a record of state descriptors. */
export function stateProblems(state: unknown, owner: string): readonly JobProblem[] {
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
        `declares state "${name}" as ${quote(descriptor)}; give value(), list(), map(), reducing(...) or aggregating(...)`,
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
