// What a match is, by definition: every way to choose records from the whole input is tried, and each gap between two
// chosen records is checked against what may stand in it. Knows neither runs nor places nor buffers.

export interface Input {
  readonly id: number;
  readonly letter: string;
  readonly timestamp: number;
}

export type Contiguity = "strict" | "relaxed" | "any";

export interface RecordElement {
  readonly kind: "record";
  readonly name: string;
  readonly letters: string;
  /** Takes a record only after an even number of records, all stages together. */
  readonly even: boolean;
  readonly contiguity: Contiguity;
  readonly min: number;
  readonly max: number;
  readonly inner: Contiguity;
  readonly optional: boolean;
  readonly greedy: boolean;
  readonly until: string;
  readonly gapMs: number | undefined;
}

export interface GroupElement {
  readonly kind: "group";
  readonly elements: readonly Element[];
  readonly contiguity: Contiguity;
  readonly min: number;
  readonly max: number;
  readonly inner: Contiguity;
  readonly optional: boolean;
  readonly until: string;
}

export interface NotElement {
  readonly kind: "not";
  readonly name: string;
  readonly letters: string;
  readonly next: boolean;
}

export type Element = RecordElement | GroupElement | NotElement;

export interface Definition {
  readonly elements: readonly Element[];
  readonly withinMs: number | undefined;
  readonly skip: { readonly kind: string; readonly name: string | undefined };
}

export interface Match {
  /** `name:id`, in order. */
  readonly taken: readonly string[];
  readonly start: number;
  readonly completed: number;
  readonly atMs: number;
}

interface Choice {
  readonly index: number;
  readonly name: string;
}

/** What binds between the last choice and the next. */
interface Way {
  readonly nots: string;
  readonly notNext: string;
  readonly guards: readonly RecordElement[];
  readonly trailing: boolean;
}

const PLAIN: Way = { nots: "", notNext: "", guards: [], trailing: false };
type Next = (chosen: readonly Choice[], way: Way) => void;

export function matchesByDefinition(definition: Definition, input: readonly Input[]): Match[] {
  const found = new Map<string, Match>();
  const names: string[] = [];
  const collectNames = (elements: readonly Element[]): void => {
    for (const element of elements) {
      if (element.kind === "record") names.push(element.name);
      if (element.kind === "group") collectNames(element.elements);
    }
  };
  collectNames(definition.elements);
  const at = (i: number): Input => input[i] as Input;
  const limit = definition.withinMs ?? Number.POSITIVE_INFINITY;

  const fits = (element: RecordElement, i: number, chosen: readonly Choice[]): boolean =>
    element.letters.includes(at(i).letter) && (!element.even || chosen.length % 2 === 0);

  /** No greedy loop that was left would have taken a record from `from` to `to`. */
  function guardsAllow(way: Way, from: number, to: number, chosen: readonly Choice[]): boolean {
    return way.guards.every((guard) => {
      for (let i = from; i <= to; i++) {
        if (guard.until.includes(at(i).letter)) return true;
        if (fits(guard, i, chosen)) return false;
      }
      return true;
    });
  }

  function chooseRecord(
    element: RecordElement,
    round: number,
    contiguity: Contiguity,
    loops: string,
    chosen: readonly Choice[],
    way: Way,
    next: Next,
  ): void {
    const last = chosen.at(-1)?.index;
    const first = last === undefined ? 0 : last + 1;
    const ends = round > 1 ? loops + element.until : loops;
    for (let i = first; i < input.length; i++) {
      const { letter, timestamp } = at(i);
      const takes = fits(element, i, chosen) && !ends.includes(letter) && !element.until.includes(letter);
      if (last === undefined) {
        if (takes && guardsAllow(way, i, i, chosen)) next([{ index: i, name: element.name }], PLAIN);
        continue;
      }
      if (timestamp - at(chosen[0]?.index as number).timestamp >= limit) return;
      if (timestamp - at(last).timestamp >= (element.gapMs ?? Number.POSITIVE_INFINITY)) return;
      if (way.nots.includes(letter) || ends.includes(letter)) return;
      if (i === first && way.notNext.includes(letter)) return;
      if (!guardsAllow(way, first, i, chosen)) return;
      if (takes) next([...chosen, { index: i, name: element.name }], PLAIN);
      if (contiguity === "strict" || (contiguity === "relaxed" && fits(element, i, chosen))) return;
    }
  }

  function sequence(
    elements: readonly Element[],
    index: number,
    head: Contiguity | undefined,
    loops: string,
    chosen: readonly Choice[],
    way: Way,
    next: Next,
  ): void {
    const element = elements[index];
    if (element === undefined) {
      next(chosen, way);
      return;
    }
    if (element.kind === "not") {
      const bound = element.next
        ? { ...way, notNext: way.notNext + element.letters, trailing: true }
        : { ...way, nots: way.nots + element.letters, trailing: true };
      sequence(elements, index + 1, head, loops, chosen, bound, next);
      return;
    }
    const leave = (left: readonly Choice[], binding: Way, done: number): void => {
      const greedy = element.kind === "record" && element.greedy && done < element.max;
      const guards = greedy ? [...binding.guards, element] : binding.guards;
      const trailing = done > 0 && binding.trailing;
      sequence(elements, index + 1, undefined, loops, left, { ...binding, guards, trailing }, next);
    };
    const round = (done: number, contiguity: Contiguity, from: readonly Choice[], binding: Way): void => {
      const after: Next = (now, left) => {
        if (done >= element.min) leave(now, left, done);
        if (done >= element.max) return;
        let again = left;
        for (let i = index + 1; elements[i]?.kind === "not"; i++) {
          const not = elements[i] as NotElement;
          if (!not.next) again = { ...again, nots: again.nots + not.letters };
          else if (done >= element.min) again = { ...again, notNext: again.notNext + not.letters };
        }
        round(done + 1, element.inner, now, again);
      };
      if (element.kind === "record") chooseRecord(element, done, contiguity, loops, from, binding, after);
      else sequence(element.elements, 0, contiguity, loops + element.until, from, binding, after);
    };
    round(1, head ?? element.contiguity, chosen, way);
    if (element.optional) leave(chosen, way, 0);
  }

  function report(chosen: readonly Choice[], completed: number, atMs: number): void {
    const taken = chosen.map(({ index, name }) => `${name}:${at(index).id}`);
    const key = taken.join(" ");
    const known = found.get(key);
    if (known === undefined || completed < known.completed)
      found.set(key, { taken, start: chosen[0]?.index as number, completed, atMs });
  }

  function end(chosen: readonly Choice[], way: Way): void {
    const last = chosen.at(-1)?.index;
    if (last === undefined) return;
    if (!way.trailing) {
      report(chosen, last, at(last).timestamp);
      return;
    }
    const overMs = at(chosen[0]?.index as number).timestamp + limit;
    let i = last + 1;
    for (; i < input.length && at(i).timestamp < overMs; i++) {
      const { letter } = at(i);
      if (way.nots.includes(letter) || (i === last + 1 && way.notNext.includes(letter))) return;
      if (!guardsAllow(way, last + 1, i, chosen)) return;
      if (way.nots === "") {
        report(chosen, i, at(i).timestamp);
        return;
      }
    }
    if (way.nots !== "" && overMs < Number.POSITIVE_INFINITY) report(chosen, i - 0.5, overMs);
  }

  sequence(definition.elements, 0, undefined, "", [], PLAIN, end);
  const nameOf = (taken: string): number => names.indexOf(taken.slice(0, taken.indexOf(":")));
  const place = new Map(input.map(({ id }, i) => [id, i]));
  const positionOf = (taken: string): number =>
    place.get(Number(taken.slice(taken.indexOf(":") + 1))) as number;
  const all = [...found.values()].sort((a, b) => {
    if (a.start !== b.start) return a.start - b.start;
    if (a.completed !== b.completed) return a.completed - b.completed;
    if (a.atMs !== b.atMs) return a.atMs - b.atMs;
    for (let i = 0; i < Math.min(a.taken.length, b.taken.length); i++) {
      const [one, other] = [a.taken[i] as string, b.taken[i] as string];
      if (positionOf(one) !== positionOf(other)) return positionOf(one) - positionOf(other);
      if (nameOf(one) !== nameOf(other)) return nameOf(one) - nameOf(other);
    }
    return a.taken.length - b.taken.length;
  });
  return withoutRuledOut(definition, all, positionOf);
}

/** `all` by beginning: a match rules out those behind it that began before what it skips to. */
function withoutRuledOut(
  { skip }: Definition,
  all: readonly Match[],
  positionOf: (taken: string) => number,
): Match[] {
  if (skip.kind === "noSkip") return [...all];
  const told: Match[] = [];
  let bound = -1;
  for (const match of all) {
    if (match.start < bound) continue;
    told.push(match);
    const named = match.taken.filter((taken) => taken.startsWith(`${skip.name}:`)).map(positionOf);
    const target = {
      skipToNext: match.start + 1,
      skipPastLastEvent: positionOf(match.taken.at(-1) as string) + 1,
      skipToFirst: named[0],
      skipToLast: named.at(-1),
    }[skip.kind];
    bound = Math.max(bound, target ?? -1);
  }
  return told;
}
