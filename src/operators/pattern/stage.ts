// Stage — a pattern as plain data: what stands in it, in which order, how often, and what may stand between.
import type { SkipStrategy } from "./skip-strategy.ts";

/**
 * What may lie between a record and the one taken before it: nothing (`strict`), records that the stage does not take
 * (`relaxed`), or anything, also records that it could take (`any`).
 */
export type Contiguity = "strict" | "relaxed" | "any";

/** What a condition may ask about the record beyond the record itself; one object, valid until the function returns. */
export interface ConditionContext {
  /** Event time of the record in epoch ms; undefined when it has none. */
  readonly timestamp: number | undefined;
  /** Wall clock in epoch ms. */
  readonly nowMs: number;
}

/** Captured records by the names of their stages, in the order in which they were taken. */
export type CapturesByName = Readonly<Record<string, readonly unknown[]>>;

export interface Condition {
  readonly test: (record: unknown, captures: CapturesByName, context: ConditionContext) => boolean;
  /** Asks for more than the record: evaluated for every partial match, else once per record. */
  readonly iterative: boolean;
}

/** How often a stage or group stands in a match. */
export interface Quantifier {
  /** At least 1; `optional` says that none is right as well. */
  readonly min: number;
  /** Infinity for a loop. */
  readonly max: number;
  /** Between the records of a stage, or the rounds of a group. */
  readonly inner: Contiguity;
  readonly optional: boolean;
  readonly greedy: boolean;
  /** A record for which it holds ends the loop and is not part of it. */
  readonly until: Condition | undefined;
}

export const ONCE: Quantifier = Object.freeze({
  min: 1,
  max: 1,
  inner: "relaxed",
  optional: false,
  greedy: false,
  until: undefined,
});

interface StageBase {
  /** To what was taken before it. For the first stage of a group, that of the group counts. */
  readonly contiguity: Contiguity;
  readonly quantifier: Quantifier;
}

/** Takes records. */
export interface RecordStage extends StageBase {
  readonly kind: "record";
  readonly name: string;
  /** Undefined takes any record. */
  readonly condition: Condition | undefined;
  /** The longest time since the record taken before, in ms, exclusive. */
  readonly gapMs: number | undefined;
}

/** A pattern in the place of a stage. */
export interface GroupStage extends StageBase {
  readonly kind: "group";
  readonly stages: readonly Stage[];
}

/** No such record may come: not next (`strict`), or not before the following stage takes one (`relaxed`). */
export interface AbsenceStage {
  readonly kind: "absence";
  readonly name: string;
  readonly condition: Condition;
  readonly contiguity: "strict" | "relaxed";
  /** As the last stage: how long after the record taken before, in ms. */
  readonly gapMs: number | undefined;
}

export type Stage = RecordStage | GroupStage | AbsenceStage;

export interface PatternShape {
  readonly stages: readonly Stage[];
  /** Time from first to last record of a match, in ms, exclusive. */
  readonly withinMs: number | undefined;
  readonly skip: SkipStrategy;
}

/** The names of the stages that take records, in their order. */
export function captureNames(stages: readonly Stage[]): string[] {
  return stages.flatMap((stage) => {
    if (stage.kind === "absence") return [];
    return stage.kind === "group" ? captureNames(stage.stages) : [stage.name];
  });
}

/** The pattern in one line, for explain and the plan's hash: `a · b{2,}? · !c`; conditions cannot be seen. */
export function describePattern({ stages, withinMs, skip }: PatternShape): string {
  const within = withinMs === undefined ? "" : ` within ${withinMs} ms`;
  const after =
    skip.kind === "noSkip" ? "" : `, ${skip.kind}${skip.name === undefined ? "" : `(${skip.name})`}`;
  return `${describeStages(stages)}${within}${after}`;
}

const SIGNS: Readonly<Record<Contiguity, string>> = { strict: ">", relaxed: "..", any: "..." };

function describeStages(stages: readonly Stage[]): string {
  return stages
    .map((stage, i) => `${i === 0 ? "" : ` ${SIGNS[stage.contiguity]} `}${describeStage(stage)}`)
    .join("");
}

function describeStage(stage: Stage): string {
  const gap = stage.kind === "group" || stage.gapMs === undefined ? "" : `[${stage.gapMs} ms]`;
  if (stage.kind === "absence") return `!${stage.name}${gap}`;
  const { min, max, inner, optional, greedy, until } = stage.quantifier;
  const times = max === 1 ? "" : `{${min},${max === Infinity ? "" : max} ${SIGNS[inner]}}`;
  const name = stage.kind === "group" ? `(${describeStages(stage.stages)})` : stage.name;
  return `${name}${times}${optional ? "?" : ""}${greedy ? "+" : ""}${until === undefined ? "" : " until"}${gap}`;
}
