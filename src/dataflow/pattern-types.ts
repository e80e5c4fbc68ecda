// What a pattern's captures are to the compiler: an array per stage, as long as its quantifier says.
import type { ConditionContext, PatternShape } from "../operators/pattern/stage.ts";

/** A pattern over records of type T, as its readers see it; C are its captures. */
export interface PatternOf<in T, out C> {
  readonly shape: PatternShape;
  /** Only for the compiler; never set. */
  readonly types?: (record: T) => C;
}

/** Captured records by stage. */
export type Captures = Readonly<Record<string, readonly unknown[]>>;

/** The captures with those of one more stage. */
export type With<C, N extends string, R> = Flat<C & { readonly [Name in N]: readonly [R] }>;

/** The captures where the stages `L` have one record or more. */
export type Repeated<C, L> = {
  readonly [Name in keyof C]: Name extends L
    ? C[Name] extends readonly [infer R]
      ? readonly [R, ...R[]]
      : C[Name]
    : C[Name];
};

/** The captures where the stages `L` have any number of records. */
export type Possible<C, L> = {
  readonly [Name in keyof C]: Name extends L ? readonly ElementOf<C[Name]>[] : C[Name];
};

type ElementOf<A> = A extends readonly (infer R)[] ? R : never;
type Flat<C> = { readonly [Name in keyof C]: C[Name] };

/** What a partial match has: any number of records of every stage. */
export type Partially<C> = Possible<C, keyof C>;

/** The captures so far, as a condition of stage `N` sees them: those of its own stage may still be none. */
export type SoFar<T, C, N extends string> = Flat<C & { readonly [Name in N]: readonly T[] }>;

/** Says whether a stage takes the record. It must not change anything, and answer at once. */
export type PatternCondition<T, C> = (record: T, captures: C, context: ConditionContext) => boolean;

/** The same for a stage that takes records of one type only. */
export type PatternGuard<T, U extends T, C> = (
  record: T,
  captures: C,
  context: ConditionContext,
) => record is U;

/** What a pattern's function emits: the elements of what it returns, if that is an iterable; nothing for undefined. */
export type Selected<R> = R extends undefined
  ? never
  : R extends string
    ? R
    : R extends Iterable<infer E>
      ? E
      : R;
