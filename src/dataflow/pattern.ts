// pattern — describes a sequence of records to look for: stages in their order, how often each, and what may lie between.
//
// A pattern is a value that never changes: every call gives another one. What it says is plain data (`shape`), which grows
// in pattern-shape.ts and is unrolled by the operator (src/operators/pattern/place.ts).
import { InvalidPatternError } from "../operators/pattern/errors.ts";
import type { SkipStrategy } from "../operators/pattern/skip-strategy.ts";
import type { Condition, Contiguity, PatternShape } from "../operators/pattern/stage.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import {
  checkCount,
  NO_STAGES,
  withAbsence,
  withCondition,
  withCount,
  withGap,
  withGreedy,
  withGroup,
  withInner,
  withOptional,
  withRecord,
  withSkip,
  withUntil,
} from "./pattern-shape.ts";
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

type Test = Condition["test"];

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
    return new Pattern(withAbsence(this.shape, "strict", name, condition));
  }

  /**
   * No such record may come before the next stage takes one. As the last stage: none before the time of the match is
   * over, which needs {@link within}; the match is complete then.
   */
  notFollowedBy(name: string, condition?: PatternCondition<T, C>): Pattern<T, C, never> {
    return new Pattern(withAbsence(this.shape, "relaxed", name, condition));
  }

  // Conditions

  /** One more condition that the last stage's records must meet. */
  where(condition: PatternCondition<T, SoFar<T, C, Last>>): Pattern<T, C, Last> {
    const both =
      (a: Test, b: Test): Test =>
      (record, captures, context) =>
        a(record, captures, context) && b(record, captures, context);
    return new Pattern(withCondition(this.shape, condition, both));
  }

  /** Another condition that is enough for the last stage, in place of all those before. */
  or(condition: PatternCondition<T, SoFar<T, C, Last>>): Pattern<T, C, Last> {
    const either =
      (a: Test, b: Test): Test =>
      (record, captures, context) =>
        a(record, captures, context) || b(record, captures, context);
    return new Pattern(withCondition(this.shape, condition, either));
  }

  // Quantifiers of the last stage or group

  /** As often as said: `times(3)`, `times(2, 4)`; `times(0, 2)` is `times(1, 2).optional()`. */
  times(from: 0, to: number): Pattern<T, Possible<C, Last>, Last>;
  times(from: number, to?: number): Pattern<T, Repeated<C, Last>, Last>;
  times(from: number, to: number = from): unknown {
    checkCount(from, 0);
    checkCount(to, Math.max(1, from));
    const counted = withCount(this.shape, Math.max(1, from), to);
    return new Pattern(from === 0 ? withOptional(counted) : counted);
  }

  oneOrMore(): Pattern<T, Repeated<C, Last>, Last> {
    return new Pattern(withCount(this.shape, 1, Number.POSITIVE_INFINITY));
  }

  timesOrMore(from: number): Pattern<T, Repeated<C, Last>, Last> {
    checkCount(from, 1);
    return new Pattern(withCount(this.shape, from, Number.POSITIVE_INFINITY));
  }

  /** None is right as well. */
  optional(): Pattern<T, Possible<C, Last>, Last> {
    return new Pattern(withOptional(this.shape));
  }

  /** Takes as many as it can: while it could take a record, the stages behind it do not get it. */
  greedy(): Pattern<T, C, Last> {
    return new Pattern(withGreedy(this.shape));
  }

  /** Between the records of the stage, or the rounds of the group, nothing else may come. */
  consecutive(): Pattern<T, C, Last> {
    return new Pattern(withInner(this.shape, "consecutive", "strict"));
  }

  /** Records that the stage could take may be passed over: every choice of them is a match. */
  allowCombinations(): Pattern<T, C, Last> {
    return new Pattern(withInner(this.shape, "allowCombinations", "any"));
  }

  /** Ends a loop with the first record for which the condition holds; the loop does not take that one. */
  until(condition: PatternCondition<T, SoFar<T, C, Last>>): Pattern<T, C, Last> {
    return new Pattern(withUntil(this.shape, condition));
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
    return new Pattern(withGap(this.shape, limitMs));
  }

  /** Which other matches a match rules out. Default {@link noSkip}: none. */
  afterMatch(skip: SkipStrategy<Extract<keyof C, string>>): Pattern<T, C, Last> {
    return new Pattern(withSkip(this.shape, skip));
  }
}

/** What the editor shows when a name stands twice. */
type NewName<N extends string, C> = N extends keyof C ? `a stage is already named ${N}` : N;

function appended(
  shape: PatternShape,
  contiguity: Contiguity,
  what: unknown,
  condition: unknown,
): PatternShape {
  return what instanceof Pattern
    ? withGroup(shape, contiguity, what.shape)
    : withRecord(shape, contiguity, what, condition);
}
