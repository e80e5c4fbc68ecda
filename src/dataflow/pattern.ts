// pattern — describes a sequence of records to look for: stages in their order, how often each, and what may lie between.
//
// A pattern is a value that never changes: every call gives another one. What it says is plain data (`shape`), which the
// operator unrolls (src/operators/pattern/place.ts).
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
import { type Duration, parseDuration } from "../time/duration.ts";
import type {
  Captures,
  PatternCondition,
  PatternGuard,
  PatternOf,
  Possible,
  Repeated,
  SoFar,
  With,
} from "./pattern-types.ts";

/** Where a time limit begins to count. */
export interface WithinOptions {
  /** `"first"`: with the first record of the match. `"previous"`: with the record before this stage's. Default `"first"`. */
  readonly since?: "first" | "previous";
}

/** A pattern over records of type T, before its first stage: {@link pattern}. */
export class PatternStart<T> {
  /**
   * The first stage: a match begins with every record that it takes.
   *
   * @param name of its records in the match
   * @param condition which records it takes; default: any
   */
  begin<N extends string, U extends T>(
    name: N,
    condition: PatternGuard<T, U, SoFar<T, unknown, N>>,
  ): Pattern<T, With<unknown, N, U>, N>;
  begin<N extends string>(
    name: N,
    condition?: PatternCondition<T, SoFar<T, unknown, N>>,
  ): Pattern<T, With<unknown, N, T>, N>;
  /** The same with a pattern in the place of a stage. */
  begin<G extends Captures>(group: PatternOf<T, G>): Pattern<T, G, keyof G & string>;
  begin(what: unknown, condition?: unknown): unknown {
    return new Pattern(appended(NO_STAGES, "strict", what, condition));
  }
}

/**
 * Begins a pattern over records of type T:
 *
 *     pattern<Login>()
 *       .begin("failed", (login) => !login.ok).times(3)
 *       .next("ok", (login, { failed }) => login.ok && login.user === failed[0]?.user)
 *       .within("1m")
 */
export function pattern<T>(): PatternStart<T> {
  return new PatternStart<T>();
}

/**
 * @typeParam C captured records by stage
 * @typeParam Last the stages that a quantifier would be about
 */
export class Pattern<T, C extends Captures, Last extends string> implements PatternOf<T, C> {
  /** What the pattern says, for the operator. */
  readonly shape: PatternShape;
  declare readonly types?: (record: T) => C;

  constructor(shape: PatternShape) {
    this.shape = Object.freeze(shape);
  }

  // Stages

  /** The very next record must be this one. */
  next<N extends string, U extends T>(
    name: NewName<N, C>,
    condition: PatternGuard<T, U, SoFar<T, C, N>>,
  ): Pattern<T, With<C, N, U>, N>;
  next<N extends string>(
    name: NewName<N, C>,
    condition?: PatternCondition<T, SoFar<T, C, N>>,
  ): Pattern<T, With<C, N, T>, N>;
  next<G extends Captures>(group: PatternOf<T, G>): Pattern<T, C & G, keyof G & string>;
  next(what: unknown, condition?: unknown): unknown {
    return new Pattern(appended(this.shape, "strict", what, condition));
  }

  /** Records in between that are not this one are passed over; the first that is, is taken. */
  followedBy<N extends string, U extends T>(
    name: NewName<N, C>,
    condition: PatternGuard<T, U, SoFar<T, C, N>>,
  ): Pattern<T, With<C, N, U>, N>;
  followedBy<N extends string>(
    name: NewName<N, C>,
    condition?: PatternCondition<T, SoFar<T, C, N>>,
  ): Pattern<T, With<C, N, T>, N>;
  followedBy<G extends Captures>(group: PatternOf<T, G>): Pattern<T, C & G, keyof G & string>;
  followedBy(what: unknown, condition?: unknown): unknown {
    return new Pattern(appended(this.shape, "relaxed", what, condition));
  }

  /** Any later record that fits, each in a match of its own: records that fit may also be passed over. */
  followedByAny<N extends string, U extends T>(
    name: NewName<N, C>,
    condition: PatternGuard<T, U, SoFar<T, C, N>>,
  ): Pattern<T, With<C, N, U>, N>;
  followedByAny<N extends string>(
    name: NewName<N, C>,
    condition?: PatternCondition<T, SoFar<T, C, N>>,
  ): Pattern<T, With<C, N, T>, N>;
  followedByAny<G extends Captures>(group: PatternOf<T, G>): Pattern<T, C & G, keyof G & string>;
  followedByAny(what: unknown, condition?: unknown): unknown {
    return new Pattern(appended(this.shape, "any", what, condition));
  }

  /** The very next record must not be this one. As the last stage, the match is complete with a next record. */
  notNext(name: string, condition?: PatternCondition<T, C>): Pattern<T, C, never> {
    return this.#absence("strict", name, condition);
  }

  /**
   * No such record may come before the next stage takes one. As the last stage: none before the time of the match is
   * over, which needs {@link within}; the match is complete then.
   */
  notFollowedBy(name: string, condition?: PatternCondition<T, C>): Pattern<T, C, never> {
    return this.#absence("relaxed", name, condition);
  }

  // Conditions

  /** One more condition that the last stage's records must meet. */
  where(condition: PatternCondition<T, SoFar<T, C, Last>>): Pattern<T, C, Last> {
    return this.#withCondition(condition, (a, b) => (record, captures, context) => {
      return a(record, captures, context) && b(record, captures, context);
    });
  }

  /** Another condition that is enough for the last stage, in place of all those before. */
  or(condition: PatternCondition<T, SoFar<T, C, Last>>): Pattern<T, C, Last> {
    return this.#withCondition(condition, (a, b) => (record, captures, context) => {
      return a(record, captures, context) || b(record, captures, context);
    });
  }

  // Quantifiers of the last stage or group

  /** As often as said: `times(3)`, `times(2, 4)`; `times(0, 2)` is `times(1, 2).optional()`. */
  times(from: 0, to: number): Pattern<T, Possible<C, Last>, Last>;
  times(from: number, to?: number): Pattern<T, Repeated<C, Last>, Last>;
  times(from: number, to: number = from): unknown {
    checkCount(from, 0);
    checkCount(to, Math.max(1, from));
    const counted = this.#counted(Math.max(1, from), to);
    return from === 0 ? counted.optional() : counted;
  }

  oneOrMore(): Pattern<T, Repeated<C, Last>, Last> {
    return this.#counted(1, Number.POSITIVE_INFINITY);
  }

  timesOrMore(from: number): Pattern<T, Repeated<C, Last>, Last> {
    checkCount(from, 1);
    return this.#counted(from, Number.POSITIVE_INFINITY);
  }

  /** None is right as well. */
  optional(): Pattern<T, Possible<C, Last>, Last> {
    const { optional } = this.#quantified("optional").quantifier;
    if (optional) throw new InvalidPatternError("optional() stands twice on one stage; write it once");
    return this.#quantify({ optional: true });
  }

  /** Takes as many as it can: while it could take a record, the stages behind it do not get it. */
  greedy(): Pattern<T, C, Last> {
    const stage = this.#repeated("greedy");
    if (stage.kind === "group") throw new InvalidPatternError("greedy() is for stages, not for groups");
    if (stage.quantifier.inner === "any")
      throw new InvalidPatternError("greedy() and allowCombinations() contradict each other; choose one");
    return this.#quantify({ greedy: true });
  }

  /** Between the records of the stage, or the rounds of the group, nothing else may come. */
  consecutive(): Pattern<T, C, Last> {
    return this.#inner("consecutive", "strict");
  }

  /** Records that the stage could take may be passed over: every choice of them is a match. */
  allowCombinations(): Pattern<T, C, Last> {
    if (this.#repeated("allowCombinations").quantifier.greedy)
      throw new InvalidPatternError("greedy() and allowCombinations() contradict each other; choose one");
    return this.#inner("allowCombinations", "any");
  }

  /** Ends a loop with the first record for which the condition holds; the loop does not take that one. */
  until(condition: PatternCondition<T, SoFar<T, C, Last>>): Pattern<T, C, Last> {
    const { max, until } = this.#quantified("until").quantifier;
    if (max !== Number.POSITIVE_INFINITY)
      throw new InvalidPatternError("until() is for loops: put it behind oneOrMore() or timesOrMore()");
    if (until !== undefined)
      throw new InvalidPatternError("until() stands twice on one stage; write it once");
    return this.#quantify({ until: toCondition("until", condition) });
  }

  // The whole match

  /**
   * How long a match may take: strictly less from its first to its last record. With `since: "previous"` the limit is
   * the last stage's own, counted from the record before.
   *
   * Without a limit partial matches are kept as long as the pattern lets them wait.
   */
  within(duration: Duration, options: WithinOptions = {}): Pattern<T, C, Last> {
    const limitMs = parseDuration(duration, "pattern within", "positive");
    const { since = "first" } = options;
    if (since === "first") {
      const withinMs = Math.min(limitMs, this.shape.withinMs ?? limitMs);
      return new Pattern({ ...this.shape, withinMs });
    }
    if (since !== "previous")
      throw new InvalidPatternError(
        `within(..., { since: ${JSON.stringify(since)} }); give "first" or "previous"`,
      );
    const stage = this.#last("within");
    if (stage.kind === "group")
      throw new InvalidPatternError(
        'within(..., { since: "previous" }) is for stages; put it on those of the group',
      );
    if (this.shape.stages.length === 1 && stage.kind === "record" && stage.quantifier.max === 1)
      throw new InvalidPatternError(
        'within(..., { since: "previous" }) on the first stage, which has none before it',
      );
    return this.#replaceLast({ ...stage, gapMs: limitMs });
  }

  /** Which other matches a match rules out. Default {@link noSkip}: none. */
  afterMatch(skip: SkipStrategy<Extract<keyof C, string>>): Pattern<T, C, Last> {
    const { stages } = this.shape;
    if (skip.name !== undefined && !captureNames(stages).includes(skip.name))
      throw new InvalidPatternError(
        `${skip.kind} names the stage ${JSON.stringify(skip.name)}, which is not there yet`,
      );
    return new Pattern({ ...this.shape, skip });
  }

  // Building

  #absence(contiguity: "strict" | "relaxed", name: string, condition: unknown): Pattern<T, C, never> {
    const test = condition === undefined ? ANY : toCondition(`stage "${name}"`, condition);
    checkNewName(this.shape.stages, name);
    return new Pattern(
      withStage(this.shape, { kind: "absence", name, condition: test, contiguity, gapMs: undefined }),
    );
  }

  #withCondition(
    added: unknown,
    combine: (a: Condition["test"], b: Condition["test"]) => Condition["test"],
  ): Pattern<T, C, Last> {
    const stage = this.#last("a condition");
    if (stage.kind === "group")
      throw new InvalidPatternError("a group has no condition; put it on its stages");
    const condition = toCondition(`stage "${stage.name}"`, added);
    const known = stage.condition === ANY ? undefined : stage.condition;
    if (known === undefined) return this.#replaceLast({ ...stage, condition } as Stage);
    const iterative = known.iterative || condition.iterative;
    const combined: Condition = { test: combine(known.test, condition.test), iterative };
    return this.#replaceLast({ ...stage, condition: combined } as Stage);
  }

  #counted<D extends Captures>(min: number, max: number): Pattern<T, D, Last> {
    const stage = this.#quantified("a number of times");
    if (stage.quantifier.max !== 1 || stage.quantifier.min !== 1)
      throw new InvalidPatternError(
        "a stage has one number of times; write times, oneOrMore or timesOrMore once",
      );
    if (stage.kind === "group" && max > 1 && canBeEmpty(stage.stages))
      throw new InvalidPatternError("a repeated group needs a stage that is not optional");
    return this.#quantify({ min, max });
  }

  #inner(call: string, inner: Contiguity): Pattern<T, C, Last> {
    if (this.#repeated(call).quantifier.inner !== "relaxed")
      throw new InvalidPatternError("a stage has one of consecutive() and allowCombinations(), once");
    return this.#quantify({ inner });
  }

  #quantify<D extends Captures>(change: Partial<Quantifier>): Pattern<T, D, Last> {
    const stage = this.#quantified("a quantifier");
    return this.#replaceLast({ ...stage, quantifier: { ...stage.quantifier, ...change } });
  }

  #repeated(call: string): RecordStage | GroupStage {
    const stage = this.#quantified(`${call}()`);
    if (stage.quantifier.max === 1)
      throw new InvalidPatternError(
        `${call}() is for stages that repeat: put it behind times, oneOrMore or timesOrMore`,
      );
    return stage;
  }

  #quantified(call: string): RecordStage | GroupStage {
    const stage = this.#last(call);
    if (stage.kind === "absence")
      throw new InvalidPatternError(`${call} on "${stage.name}", of which there must be none; leave it out`);
    return stage;
  }

  #last(call: string): Stage {
    const stage = this.shape.stages.at(-1);
    if (stage === undefined)
      throw new InvalidPatternError(`${call} before the first stage; write begin first`);
    return stage;
  }

  #replaceLast<D extends Captures>(stage: Stage): Pattern<T, D, Last> {
    return new Pattern({ ...this.shape, stages: [...this.shape.stages.slice(0, -1), stage] });
  }
}

/** What the editor shows when a name stands twice. */
type NewName<N extends string, C> = N extends keyof C ? `a stage is already named ${N}` : N;

const NO_STAGES: PatternShape = { stages: [], withinMs: undefined, skip: noSkip() };

function withStage(shape: PatternShape, stage: Stage): PatternShape {
  return { ...shape, stages: [...shape.stages, stage] };
}

function appended(
  shape: PatternShape,
  contiguity: Contiguity,
  what: unknown,
  condition: unknown,
): PatternShape {
  const before = { contiguity, quantifier: ONCE };
  if (what instanceof Pattern) {
    checkGroup(shape, what.shape);
    return withStage(shape, { kind: "group", stages: what.shape.stages, ...before });
  }
  checkNewName(shape.stages, what);
  const test = condition === undefined ? undefined : toCondition(`stage "${what}"`, condition);
  return withStage(shape, { kind: "record", name: what, condition: test, gapMs: undefined, ...before });
}

function checkGroup(outer: PatternShape, { stages, withinMs, skip }: PatternShape): void {
  if (withinMs !== undefined || skip.kind !== "noSkip")
    throw new InvalidPatternError(
      "within and afterMatch are about whole matches; put them on the outer pattern",
    );
  const taken = allNames(outer.stages);
  const twice = allNames(stages).find((name) => taken.includes(name));
  if (twice !== undefined) throw takenName(twice);
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

function checkCount(count: unknown, smallest: number): void {
  if (!Number.isSafeInteger(count) || (count as number) < smallest)
    throw new InvalidPatternError(
      `a stage cannot come ${String(count)} times; give a whole number of at least ${smallest}`,
    );
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
