// SkipStrategy — what a match rules out: partial and finished matches that began too early to be wanted beside it.
//
// Among matches that began with the same record the one that was complete first counts first, and a match that began
// later waits for those that began earlier: only then is it known whether they rule it out.

/** @typeParam Name the stages that the strategy speaks of */
export interface SkipStrategy<Name extends string = string> {
  readonly kind: "noSkip" | "skipToNext" | "skipPastLastEvent" | "skipToFirst" | "skipToLast";
  readonly name: Name | undefined;
  /** When the match has no record of that stage, or begins with it: rule nothing out, or fail. */
  readonly onMiss: "noSkip" | "fail";
}

export interface SkipToOptions {
  /** What happens when the match has no record of the stage, or begins with the one to skip to. Default `"noSkip"`. */
  readonly onMiss?: "noSkip" | "fail";
}

const strategy = <Name extends string = never>(
  kind: SkipStrategy["kind"],
  name?: Name,
  onMiss: "noSkip" | "fail" = "noSkip",
): SkipStrategy<Name> => Object.freeze({ kind, name, onMiss });

/** Every match counts. The default. */
export function noSkip(): SkipStrategy<never> {
  return strategy("noSkip");
}

/** Rules out other matches that began with the same record. */
export function skipToNext(): SkipStrategy<never> {
  return strategy("skipToNext");
}

/** Rules out every match that began before the match was over: no record is in two matches. */
export function skipPastLastEvent(): SkipStrategy<never> {
  return strategy("skipPastLastEvent");
}

/** Rules out every match that began before the first record of the stage. */
export function skipToFirst<Name extends string>(
  name: Name,
  options: SkipToOptions = {},
): SkipStrategy<Name> {
  return strategy("skipToFirst", name, options.onMiss);
}

/** Rules out every match that began before the last record of the stage. */
export function skipToLast<Name extends string>(name: Name, options: SkipToOptions = {}): SkipStrategy<Name> {
  return strategy("skipToLast", name, options.onMiss);
}

/** A record of a match: which one, and under which stage. */
export interface Taken {
  readonly event: number;
  readonly name: string;
}

/**
 * Matches that began with a record whose number is below this are ruled out.
 *
 * @param match its records, in order
 * @returns undefined when nothing is ruled out, `"missing"` when the strategy's stage has no record or begins the match
 */
export function skipBound(skip: SkipStrategy, match: readonly Taken[]): number | undefined | "missing" {
  const first = match[0]?.event ?? 0;
  switch (skip.kind) {
    case "noSkip":
      return undefined;
    case "skipToNext":
      return first + 1;
    case "skipPastLastEvent":
      return (match.at(-1)?.event ?? 0) + 1;
    default: {
      const named = match.filter(({ name }) => name === skip.name);
      const target = (skip.kind === "skipToFirst" ? named[0] : named.at(-1))?.event;
      if (skip.onMiss === "fail" && (target === undefined || target === first)) return "missing";
      return target;
    }
  }
}
