// explain — a plan for people and for programs: what runs together, how wide, and why each cut is there.
//
// The object is plain JSON; the text is made from it and from nothing else, so both always say the same.
import type { SinkGuarantee } from "../connectors/contract.ts";
import { DEAD_LETTER_TAG } from "../operators/operator.ts";
import type { EdgePlan, JobPlan, OperatorPlan, StagePlan } from "../plan/plan.ts";
import { durationText } from "../time/duration.ts";

export interface ExplainedState {
  readonly state: string;
  readonly shape: string;
  readonly codec: string;
  readonly version: number;
}

export interface ExplainedOperator {
  readonly name: string;
  readonly kind: string;
  readonly type: OperatorPlan["type"];
  /** The operator it reads inside its stage; null: the source or the channels of the stage. */
  readonly reads: string | null;
  /** The side output it reads; null: the main output. */
  readonly tag: string | null;
  readonly onError: string;
  readonly state: readonly ExplainedState[];
  readonly sink: { readonly description: string; readonly guarantee: SinkGuarantee } | null;
}

export interface ExplainedSource {
  readonly name: string;
  readonly description: string;
  readonly bounded: boolean;
  readonly replayable: boolean;
  readonly eventTime: boolean;
  /** How watermarks are made: `out of order by 5s`. */
  readonly watermarks: string;
  /** null: never declared idle. */
  readonly idleAfterMs: number | null;
  /** null: waits for no other source. */
  readonly alignment: { readonly group: string; readonly maxDriftMs: number } | null;
  readonly onError: string;
}

export interface ExplainedStage {
  readonly id: string;
  readonly partitions: number;
  readonly source: ExplainedSource | null;
  /** Ids of the edges into the stage. */
  readonly inputs: readonly string[];
  /** Chained: each call is a plain function call inside one partition. */
  readonly operators: readonly ExplainedOperator[];
}

export interface ExplainedEdge {
  readonly id: string;
  readonly from: string;
  readonly fromOperator: string;
  readonly fromTag: string | null;
  readonly to: string;
  /** Which input of the consuming operator it feeds: 1 for the second one of an operator with two, else 0. */
  readonly input: number;
  readonly partitioning: EdgePlan["partitioning"]["kind"];
  /** One per pair of partitions, or one per partition of a forward edge. */
  readonly channels: number;
  /** Why the graph is cut here. */
  readonly reason: string;
}

export interface Explanation {
  readonly job: string;
  readonly hash: string;
  /** Over all stages. */
  readonly partitions: number;
  /** Over all edges. */
  readonly channels: number;
  readonly stages: readonly ExplainedStage[];
  readonly edges: readonly ExplainedEdge[];
}

/** What a plan says, as plain JSON. */
export function explainPlan(plan: JobPlan): Explanation {
  const partitionsOf = new Map(plan.stages.map((stage) => [stage.id, stage.partitions]));
  const edges = plan.edges.map((edge) => explainEdge(edge, partitionsOf));
  return {
    job: plan.job,
    hash: plan.hash,
    partitions: plan.stages.reduce((total, stage) => total + stage.partitions, 0),
    channels: edges.reduce((total, edge) => total + edge.channels, 0),
    stages: plan.stages.map(explainStage),
    edges,
  };
}

function explainEdge(edge: EdgePlan, partitionsOf: ReadonlyMap<string, number>): ExplainedEdge {
  const producers = partitionsOf.get(edge.from) ?? 0;
  const consumers = partitionsOf.get(edge.to) ?? 0;
  return {
    id: edge.id,
    from: edge.from,
    fromOperator: edge.fromOperator,
    fromTag: edge.fromTag ?? null,
    to: edge.to,
    input: edge.input,
    partitioning: edge.partitioning.kind,
    channels: edge.partitioning.kind === "forward" ? producers : producers * consumers,
    reason: edge.reason,
  };
}

function explainStage(stage: StagePlan): ExplainedStage {
  const { source } = stage;
  return {
    id: stage.id,
    partitions: stage.partitions,
    source:
      source === undefined
        ? null
        : {
            name: stage.id,
            description: source.source.description,
            bounded: source.source.bounded,
            replayable: source.source.replayable,
            eventTime: source.timestamp !== undefined || source.source.timestamped === true,
            watermarks: source.watermarks.description,
            idleAfterMs: source.idleAfterMs ?? null,
            alignment: source.alignment ?? null,
            onError: source.onError,
          },
    inputs: stage.inputs,
    operators: stage.operators.map(explainOperator),
  };
}

function explainOperator(operator: OperatorPlan): ExplainedOperator {
  const { input } = operator;
  return {
    name: operator.name,
    kind: operator.kind,
    type: operator.type,
    reads: input.kind === "head" ? null : input.operator,
    tag: input.kind === "head" ? null : (input.tag ?? null),
    onError: operator.onError,
    state: "stateLayout" in operator ? operator.stateLayout.map((state) => ({ ...state })) : [],
    sink:
      operator.type === "sink"
        ? { description: operator.sink.description, guarantee: operator.sink.guarantee }
        : null,
  };
}

/** What a plan says, as text that ends with a line break. */
export function explain(plan: JobPlan): string {
  return formatExplanation(explainPlan(plan));
}

export function formatExplanation(explanation: Explanation): string {
  const { job, stages, partitions, channels, hash } = explanation;
  const lines = [
    `job ${job}: ${counted(stages.length, "stage")}, ${counted(partitions, "partition")}, ${counted(channels, "channel")}`,
    `plan ${hash.slice(0, 12)}`,
  ];
  const edges = new Map(explanation.edges.map((edge) => [edge.id, edge]));
  for (const stage of stages) {
    lines.push("", `stage ${stage.id} × ${stage.partitions}`);
    const inputs = stage.inputs.flatMap((id) => edges.get(id) ?? []);
    const hasTwoInputs = inputs.some((edge) => edge.input === 1);
    for (const edge of inputs) lines.push(...edgeLines(edge, hasTwoInputs));
    if (stage.source !== null) lines.push(`  ${stage.source.name}: source, ${sourceText(stage.source)}`);
    const roots = stage.operators.filter(
      (operator) => operator.reads === null || operator.reads === stage.source?.name,
    );
    for (const root of roots) lines.push(...operatorLines(root, stage, 1));
  }
  return `${lines.join("\n")}\n`;
}

function edgeLines(edge: ExplainedEdge, hasTwoInputs: boolean): readonly string[] {
  const from =
    edge.fromTag === null ? edge.fromOperator : `${outputText(edge.fromTag)} of ${edge.fromOperator}`;
  const input = hasTwoInputs ? `, ${edge.input === 0 ? "first" : "second"} input` : "";
  return [
    `  from ${from}${input}: ${edge.partitioning}, ${counted(edge.channels, "channel")}`,
    `    ${edge.reason}`,
  ];
}

function operatorLines(operator: ExplainedOperator, stage: ExplainedStage, depth: number): readonly string[] {
  const facts = [
    operator.tag === null ? operator.kind : `${operator.kind} of ${outputText(operator.tag)}`,
    ...(operator.sink === null ? [] : [operator.sink.description, operator.sink.guarantee]),
    ...operator.state.map(
      (entry) => `state ${entry.state} (${entry.shape}, ${entry.codec} ${entry.version})`,
    ),
    ...(operator.onError === "fail" ? [] : [`on error: ${operator.onError}`]),
  ];
  const readers = stage.operators.filter((other) => other.reads === operator.name);
  return [
    `${"  ".repeat(depth)}${operator.name}: ${facts.join(", ")}`,
    ...readers.flatMap((reader) => operatorLines(reader, stage, depth + 1)),
  ];
}

function outputText(tag: string): string {
  return tag === DEAD_LETTER_TAG ? "dead letters" : `side output "${tag}"`;
}

function sourceText(source: ExplainedSource): string {
  const facts = [source.description, source.bounded ? "bounded" : "unbounded"];
  if (!source.replayable) facts.push("not replayable");
  facts.push(source.eventTime ? `event time, ${source.watermarks}` : "no event time");
  if (source.idleAfterMs !== null) facts.push(`idle after ${durationText(source.idleAfterMs)}`);
  if (source.alignment !== null)
    facts.push(
      `at most ${durationText(source.alignment.maxDriftMs)} ahead of group ${source.alignment.group}`,
    );
  if (source.onError !== "fail") facts.push(`on error: ${source.onError}`);
  return facts.join(", ");
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
