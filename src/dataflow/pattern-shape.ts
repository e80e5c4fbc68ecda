// How a pattern grows, step by step: each makes another shape of plain data, or says why the step is none.
//
// The first argument is always the shape so far; quantifiers and conditions are about its last stage.
import { InvalidPatternError } from "../operators/pattern/errors.ts";
import { noSkip, type SkipStrategy } from "../operators/pattern/skip-strategy.ts";
import {
  type Condition,
  type Contiguity,
  captureNames,
  type GroupStage,
  ONCE,
  type PatternShape,
  type Quantifier,
  type RecordStage,
  type Stage,
} from "../operators/pattern/stage.ts";

type Test = Condition["test"];

export const NO_STAGES: PatternShape = { stages: [], withinMs: undefined, skip: noSkip() };

// Stages

export function withRecord(
  shape: PatternShape,
  contiguity: Contiguity,
  name: unknown,
  condition: unknown,
): PatternShape {
  checkNewName(shape.stages, name);
  const test = condition === undefined ? undefined : toCondition(`stage "${name}"`, condition);
  const stage = {
    kind: "record",
    name,
    condition: test,
    gapMs: undefined,
    contiguity,
    quantifier: ONCE,
  } as const;
  return withStage(shape, stage);
}

/** @param group the pattern that stands in the place of a stage */
export function withGroup(shape: PatternShape, contiguity: Contiguity, group: PatternShape): PatternShape {
  if (group.withinMs !== undefined || group.skip.kind !== "noSkip")
    throw new InvalidPatternError(
      "within and afterMatch are about whole matches; put them on the outer pattern",
    );
  const taken = allNames(shape.stages);
  const twice = allNames(group.stages).find((name) => taken.includes(name));
  if (twice !== undefined) throw takenName(twice);
  return withStage(shape, { kind: "group", stages: group.stages, contiguity, quantifier: ONCE });
}

export function withAbsence(
  shape: PatternShape,
  contiguity: "strict" | "relaxed",
  name: string,
  condition: unknown,
): PatternShape {
  const test = condition === undefined ? ANY : toCondition(`stage "${name}"`, condition);
  checkNewName(shape.stages, name);
  return withStage(shape, { kind: "absence", name, condition: test, contiguity, gapMs: undefined });
}

function withStage(shape: PatternShape, stage: Stage): PatternShape {
  return { ...shape, stages: [...shape.stages, stage] };
}

// Conditions

/** Another condition of the last stage, beside the one that it has. */
export function withCondition(
  shape: PatternShape,
  added: unknown,
  combine: (a: Test, b: Test) => Test,
): PatternShape {
  const stage = lastStage(shape, "a condition");
  if (stage.kind === "group") throw new InvalidPatternError("a group has no condition; put it on its stages");
  const condition = toCondition(`stage "${stage.name}"`, added);
  const known = stage.condition === ANY ? undefined : stage.condition;
  if (known === undefined) return replaceLast(shape, { ...stage, condition } as Stage);
  const iterative = known.iterative || condition.iterative;
  const combined: Condition = { test: combine(known.test, condition.test), iterative };
  return replaceLast(shape, { ...stage, condition: combined } as Stage);
}

// Quantifiers

export function withCount(shape: PatternShape, min: number, max: number): PatternShape {
  const stage = quantifiedStage(shape, "a number of times");
  if (stage.quantifier.max !== 1 || stage.quantifier.min !== 1)
    throw new InvalidPatternError(
      "a stage has one number of times; write times, oneOrMore or timesOrMore once",
    );
  if (stage.kind === "group" && max > 1 && canBeEmpty(stage.stages))
    throw new InvalidPatternError("a repeated group needs a stage that is not optional");
  return quantify(shape, { min, max });
}

export function withOptional(shape: PatternShape): PatternShape {
  if (quantifiedStage(shape, "optional").quantifier.optional)
    throw new InvalidPatternError("optional() stands twice on one stage; write it once");
  return quantify(shape, { optional: true });
}

export function withGreedy(shape: PatternShape): PatternShape {
  const stage = repeatedStage(shape, "greedy");
  if (stage.kind === "group") throw new InvalidPatternError("greedy() is for stages, not for groups");
  if (stage.quantifier.inner === "any") throw greedyCombinations();
  return quantify(shape, { greedy: true });
}

/** @param call the method that asks for it */
export function withInner(shape: PatternShape, call: string, inner: Contiguity): PatternShape {
  const { quantifier } = repeatedStage(shape, call);
  if (inner === "any" && quantifier.greedy) throw greedyCombinations();
  if (quantifier.inner !== "relaxed")
    throw new InvalidPatternError("a stage has one of consecutive() and allowCombinations(), once");
  return quantify(shape, { inner });
}

export function withUntil(shape: PatternShape, condition: unknown): PatternShape {
  const { max, until } = quantifiedStage(shape, "until").quantifier;
  if (max !== Number.POSITIVE_INFINITY)
    throw new InvalidPatternError("until() is for loops: put it behind oneOrMore() or timesOrMore()");
  if (until !== undefined) throw new InvalidPatternError("until() stands twice on one stage; write it once");
  return quantify(shape, { until: toCondition("until", condition) });
}

function quantify(shape: PatternShape, change: Partial<Quantifier>): PatternShape {
  const stage = quantifiedStage(shape, "a quantifier");
  return replaceLast(shape, { ...stage, quantifier: { ...stage.quantifier, ...change } });
}

// The whole match

/** @param limitMs longest time since the record before the last stage's, exclusive */
export function withGap(shape: PatternShape, limitMs: number): PatternShape {
  const stage = lastStage(shape, "within");
  if (stage.kind === "group")
    throw new InvalidPatternError(
      'within(..., { since: "previous" }) is for stages; put it on those of the group',
    );
  if (shape.stages.length === 1 && stage.kind === "record" && stage.quantifier.max === 1)
    throw new InvalidPatternError(
      'within(..., { since: "previous" }) on the first stage, which has none before it',
    );
  return replaceLast(shape, { ...stage, gapMs: limitMs });
}

export function withSkip(shape: PatternShape, skip: SkipStrategy): PatternShape {
  if (skip.name !== undefined && !captureNames(shape.stages).includes(skip.name))
    throw new InvalidPatternError(
      `${skip.kind} names the stage ${JSON.stringify(skip.name)}, which is not there yet`,
    );
  return { ...shape, skip };
}

// Checks

/** @throws {InvalidPatternError} */
export function checkCount(count: unknown, smallest: number): void {
  if (!Number.isSafeInteger(count) || (count as number) < smallest)
    throw new InvalidPatternError(
      `a stage cannot come ${String(count)} times; give a whole number of at least ${smallest}`,
    );
}

function checkNewName(stages: readonly Stage[], name: unknown): asserts name is string {
  if (typeof name !== "string" || name === "")
    throw new InvalidPatternError(
      `a stage is named ${JSON.stringify(name)}; give a text, or a pattern for a group`,
    );
  if (allNames(stages).includes(name)) throw takenName(name);
}

const ANY: Condition = { test: () => true, iterative: false };

function toCondition(what: string, condition: unknown): Condition {
  if (typeof condition !== "function" || condition.constructor.name !== "Function")
    throw new InvalidPatternError(
      `the condition of ${what} is no plain function; give (record, captures) => boolean`,
    );
  // A function with rest parameters has length 0; only one that names the record alone is sure to need nothing else.
  return { test: condition as Condition["test"], iterative: condition.length !== 1 };
}

/** @param call the method that is about a stage */
function lastStage({ stages }: PatternShape, call: string): Stage {
  const stage = stages.at(-1);
  if (stage === undefined) throw new InvalidPatternError(`${call} before the first stage; write begin first`);
  return stage;
}

function quantifiedStage(shape: PatternShape, call: string): RecordStage | GroupStage {
  const stage = lastStage(shape, call);
  if (stage.kind === "absence")
    throw new InvalidPatternError(`${call} on "${stage.name}", of which there must be none; leave it out`);
  return stage;
}

function repeatedStage(shape: PatternShape, call: string): RecordStage | GroupStage {
  const stage = quantifiedStage(shape, `${call}()`);
  if (stage.quantifier.max === 1)
    throw new InvalidPatternError(
      `${call}() is for stages that repeat: put it behind times, oneOrMore or timesOrMore`,
    );
  return stage;
}

function replaceLast(shape: PatternShape, stage: Stage): PatternShape {
  return { ...shape, stages: [...shape.stages.slice(0, -1), stage] };
}

function greedyCombinations(): InvalidPatternError {
  return new InvalidPatternError("greedy() and allowCombinations() contradict each other; choose one");
}

function takenName(name: string): InvalidPatternError {
  return new InvalidPatternError(`two stages are named ${JSON.stringify(name)}; give each its own name`);
}

function allNames(stages: readonly Stage[]): string[] {
  return stages.flatMap((stage) => (stage.kind === "group" ? allNames(stage.stages) : [stage.name]));
}

function canBeEmpty(stages: readonly Stage[]): boolean {
  return stages.every((stage) => {
    if (stage.kind === "absence" || stage.quantifier.optional) return true;
    return stage.kind === "group" && canBeEmpty(stage.stages);
  });
}
