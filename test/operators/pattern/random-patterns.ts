// Random patterns: as elements for the definition, and the same through the calls that users make.
import fc from "fast-check";
import { pattern } from "../../../src/dataflow/pattern.ts";
import * as skips from "../../../src/operators/pattern/skip-strategy.ts";
import type { PatternShape } from "../../../src/operators/pattern/stage.ts";
import type { Contiguity, Definition, Element, GroupElement, Input, RecordElement } from "./definition.ts";

const letters = fc.constantFrom("a", "b", "c", "d", "ab", "bc", "cd", "abcd");
const contiguity = fc.constantFrom<Contiguity>("strict", "relaxed", "any");
const times = fc.constantFrom(
  [1, 1],
  [1, 1],
  [1, 1],
  [2, 2],
  [1, 2],
  [2, 3],
  [1, Number.POSITIVE_INFINITY],
  [2, Number.POSITIVE_INFINITY],
);

const record: fc.Arbitrary<Omit<RecordElement, "name">> = fc
  .record({
    kind: fc.constant("record" as const),
    letters,
    even: fc.boolean(),
    contiguity,
    times,
    inner: contiguity,
    optional: fc.boolean(),
    greedy: fc.boolean(),
    until: fc.constantFrom("", "", "c", "d"),
    gapMs: fc.constantFrom(undefined, undefined, undefined, 3),
  })
  .map(({ times: [min, max], inner, greedy, until, ...rest }) => ({
    ...rest,
    min: min as number,
    max: max as number,
    inner: max === 1 ? "relaxed" : inner,
    greedy: greedy && max !== 1 && inner !== "any",
    until: max === Number.POSITIVE_INFINITY ? until : "",
  }));

const not = fc.record({ kind: fc.constant("not" as const), letters, next: fc.boolean() });

const group = fc
  .record({
    kind: fc.constant("group" as const),
    elements: fc
      .tuple(
        record,
        fc.array(fc.oneof({ weight: 3, arbitrary: record }, { weight: 1, arbitrary: not }), { maxLength: 2 }),
      )
      .map(([first, rest]) => [{ ...first, gapMs: undefined, optional: false }, ...rest]),
    contiguity,
    times,
    inner: contiguity,
    optional: fc.boolean(),
    until: fc.constantFrom("", "", "d"),
  })
  .map(({ times: [min, max], inner, until, ...rest }) => ({
    ...rest,
    min: min as number,
    max: max as number,
    inner: max === 1 ? ("relaxed" as const) : inner,
    until: max === Number.POSITIVE_INFINITY ? until : "",
  }));

function named(drawn: readonly unknown[], counter: { next: number }): Element[] {
  return (drawn as Element[]).map((element) => {
    if (element.kind === "group")
      return { ...element, elements: named(element.elements, counter) } as GroupElement;
    return { ...element, name: `s${counter.next++}` };
  });
}

const endsWithNot = (elements: readonly Element[]): boolean => {
  const last = elements.at(-1);
  return last?.kind === "not" || (last?.kind === "group" && endsWithNot(last.elements));
};

export const definitions: fc.Arbitrary<Definition> = fc
  .record({
    first: fc.oneof({ weight: 4, arbitrary: record }, { weight: 1, arbitrary: group }),
    rest: fc.array(
      fc.oneof(
        { weight: 6, arbitrary: record },
        { weight: 2, arbitrary: not },
        { weight: 2, arbitrary: group },
      ),
      { maxLength: 3 },
    ),
    withinMs: fc.constantFrom(undefined, 2, 4, 8),
    skip: fc.constantFrom("noSkip", "noSkip", "skipToNext", "skipPastLastEvent", "skipToFirst", "skipToLast"),
    skipTo: fc.nat(3),
  })
  .map(({ first, rest, withinMs, skip, skipTo }) => {
    const start = first.kind === "record" ? { ...first, gapMs: undefined } : first;
    const elements = named([start, ...rest], { next: 0 });
    const names = recordNames(elements);
    const name = skip === "skipToFirst" || skip === "skipToLast" ? names[skipTo % names.length] : undefined;
    return {
      elements,
      withinMs: endsWithNot(elements) ? (withinMs ?? 4) : withinMs,
      skip: { kind: skip, name },
    };
  });

function recordNames(elements: readonly Element[]): string[] {
  return elements.flatMap((element) => {
    if (element.kind === "not") return [];
    return element.kind === "group" ? recordNames(element.elements) : [element.name];
  });
}

// biome-ignore lint/suspicious/noExplicitAny: calls are made by name, so their types cannot be known
type AnyPattern = any;
const CALLS: Readonly<Record<Contiguity, string>> = {
  strict: "next",
  relaxed: "followedBy",
  any: "followedByAny",
};

function build(elements: readonly Element[]): AnyPattern {
  let built: AnyPattern = pattern<Input>();
  elements.forEach((element, i) => {
    if (element.kind === "not") {
      const test = ({ letter }: Input): boolean => element.letters.includes(letter);
      built = built[element.next ? "notNext" : "notFollowedBy"](element.name, test);
      return;
    }
    const call = i === 0 ? "begin" : CALLS[element.contiguity];
    built =
      element.kind === "group"
        ? built[call](build(element.elements))
        : built[call](element.name, testOf(element));
    built = quantified(built, element);
  });
  return built;
}

function testOf({ letters: wanted, even }: RecordElement): AnyPattern {
  if (!even) return ({ letter }: Input) => wanted.includes(letter);
  return ({ letter }: Input, taken: Readonly<Record<string, readonly Input[]>>) =>
    wanted.includes(letter) && Object.values(taken).flat().length % 2 === 0;
}

function quantified(before: AnyPattern, element: RecordElement | GroupElement): AnyPattern {
  let built = before;
  if (element.max === Number.POSITIVE_INFINITY)
    built = element.min === 1 ? built.oneOrMore() : built.timesOrMore(element.min);
  else if (element.max > 1) built = built.times(element.min, element.max);
  if (element.inner === "strict") built = built.consecutive();
  if (element.inner === "any") built = built.allowCombinations();
  if (element.optional) built = built.optional();
  if (element.until !== "") built = built.until(({ letter }: Input) => element.until.includes(letter));
  if (element.kind === "group") return built;
  if (element.greedy) built = built.greedy();
  return element.gapMs === undefined ? built : built.within(element.gapMs, { since: "previous" });
}

export function shapeOf({ elements, withinMs, skip }: Definition): PatternShape {
  let built = build(elements);
  if (withinMs !== undefined) built = built.within(withinMs);
  const strategies = skips as unknown as Readonly<
    Record<string, (name: string | undefined) => skips.SkipStrategy>
  >;
  return built.afterMatch(strategies[skip.kind]?.(skip.name)).shape;
}
