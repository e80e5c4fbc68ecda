// What is wrong with patterns and their use.
import { EngineError } from "../../core/errors.ts";
import type { SkipStrategy } from "./skip-strategy.ts";

/** A pattern says something that has no meaning. */
export class InvalidPatternError extends EngineError<"INVALID_PATTERN"> {
  constructor(problem: string) {
    super("INVALID_PATTERN", `pattern: ${problem}`, { details: { problem } });
  }
}

/** A match has nothing to skip to, and the strategy says `onMiss: "fail"`. */
export class PatternSkipError extends EngineError<"PATTERN_SKIP"> {
  constructor(operator: string, { kind, name }: SkipStrategy) {
    super(
      "PATTERN_SKIP",
      `pattern "${operator}": ${kind}("${name}") found no record of "${name}" in a match, or the one that begins it; ` +
        'leave out onMiss: "fail", or skip to a stage that every match has',
      { details: { operator, kind, name } },
    );
  }
}
