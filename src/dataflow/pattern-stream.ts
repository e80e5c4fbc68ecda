// PatternStream — what the matches of a pattern became, and what became no match: late records, and partial matches whose time was over.
import { TIMED_OUT_TAG, type TimedOutMatch } from "../operators/pattern/pattern-definition.ts";
import { type SideTag, sideTag } from "../operators/side-tag.ts";
import { type LateStream, withLate } from "./late-stream.ts";
import type { Partially } from "./pattern-types.ts";
import type { OperatorStream, Stream } from "./stream.ts";

/** Results of type R from a pattern over records of type T with the captures C. */
export type PatternStream<R, T, C> = LateStream<R, T> & {
  /** Partial matches that were not complete within the pattern's limit of time. */
  timedOut(): Stream<TimedOutMatch<Partially<C>>>;
};

const TIMED_OUT = sideTag<unknown>(TIMED_OUT_TAG);

export function patternStream<R, T, C>(results: OperatorStream<R>): PatternStream<R, T, C> {
  return Object.assign(withLate<R, T>(results), {
    timedOut: () => results.sideOutput(TIMED_OUT as SideTag<TimedOutMatch<Partially<C>>>),
  });
}
