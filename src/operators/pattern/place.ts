// Place — where a partial match stands: which record it waits for, and what must not come before.
//
// A pattern is unrolled into places once, when an operator starts: each stage once per time that must be counted, and
// once per way that leads there, because the way decides which absences and which greedy loops still bind. There are no
// empty moves: a partial match that may go on in several ways is several runs from the moment it took its record.
//
// Owns:      the meaning of contiguity, quantifiers, groups, absences, greedy and until.
// Does not:  see records (Matcher).
//
// The numbers of places are stored with runs: they depend on the pattern only, which stands in the plan's hash.
import { InvalidPatternError } from "./errors.ts";
import type { AbsenceStage, Condition, Contiguity, GroupStage, RecordStage, Stage } from "./stage.ts";

/** A condition with its place among all of the pattern's conditions. */
export interface NumberedCondition extends Condition {
  readonly index: number;
}

/** A greedy loop that was left although it could take more: a record that it would take ends the run. */
export interface Guard {
  readonly condition: NumberedCondition;
  /** Ends the loop, and with it the guard. */
  readonly until: NumberedCondition | undefined;
}

export interface Place {
  readonly id: number;
  /**
   * `take` waits for a record. `absence` is a match unless its nots come before its time is over. `departure` is a match
   * with the next record, unless that is the wrong one.
   */
  readonly kind: "take" | "absence" | "departure";
  /** Of the stage that takes; empty for the others. */
  readonly name: string;
  /** Undefined takes any record. */
  readonly condition: NumberedCondition | undefined;
  readonly contiguity: Contiguity;
  /** Any of them ends the run. */
  readonly nots: readonly NumberedCondition[];
  /** The same, for the first record only. */
  readonly notNext: readonly NumberedCondition[];
  /** Loops that the run is in, and groups that it waits to enter: one that ends, ends the run. */
  readonly untils: readonly NumberedCondition[];
  /** The end of the loop that begins here: not taken, and not passed over either where the condition holds too. */
  readonly entersUntil: NumberedCondition | undefined;
  readonly guards: readonly Guard[];
  readonly gapMs: number | undefined;
  /** Where a run goes on after its record was taken. */
  readonly next: readonly Place[];
  /** The pattern is matched once the record was taken. */
  readonly accepts: boolean;
}

export interface Places {
  readonly all: readonly Place[];
  /** Where a match may begin. */
  readonly initial: readonly Place[];
  readonly conditions: number;
}

/** Repetitions are counted by places, so there must be an end. */
const MOST_PLACES = 10_000;

/** An element of a sequence, and the how-manieth of its repetitions is meant. */
interface Position {
  readonly sequence: readonly Stage[];
  readonly index: number;
  readonly round: number;
  readonly parent: Position | undefined;
}

/** What binds on the way to a place since the last record was taken. */
interface Way {
  readonly nots: readonly NumberedCondition[];
  readonly notNext: readonly NumberedCondition[];
  readonly guards: readonly Guard[];
  /** The last thing on the way is an absence. */
  readonly trailing: AbsenceStage | undefined;
}

const PLAIN_WAY: Way = { nots: [], notNext: [], guards: [], trailing: undefined };

interface Reached {
  readonly places: MutablePlace[];
  accepts: boolean;
}

type MutablePlace = { -readonly [Field in keyof Place]: Place[Field] };

/** @throws {InvalidPatternError} when repetitions multiply beyond reason */
export function unroll(stages: readonly Stage[]): Places {
  return new Unroller().unroll(stages);
}

class Unroller {
  readonly #places: MutablePlace[] = [];
  readonly #positions: (Position | undefined)[] = [];
  readonly #byKey = new Map<string, MutablePlace>();
  readonly #conditions = new Map<Condition, NumberedCondition>();

  unroll(stages: readonly Stage[]): Places {
    const start: Reached = { places: [], accepts: false };
    this.#walk(stages, 0, undefined, PLAIN_WAY, undefined, start);
    for (let i = 0; i < this.#places.length; i++) {
      if (i > MOST_PLACES)
        throw new InvalidPatternError(`its repetitions multiply to more than ${MOST_PLACES} places`);
      const place = this.#places[i] as MutablePlace;
      const position = this.#positions[i];
      if (position === undefined) continue;
      const reached: Reached = { places: [], accepts: false };
      this.#afterRound(position, PLAIN_WAY, reached);
      place.next = reached.places;
      place.accepts = reached.accepts;
    }
    const initial = start.places.filter(({ kind }) => kind === "take");
    return { all: this.#places, initial, conditions: this.#conditions.size };
  }

  /** Goes on with the element at `index` of a sequence. `head` replaces the contiguity of a group's first stage. */
  #walk(
    sequence: readonly Stage[],
    index: number,
    parent: Position | undefined,
    way: Way,
    head: Contiguity | undefined,
    into: Reached,
  ): void {
    const stage = sequence[index];
    if (stage === undefined) {
      if (parent === undefined) this.#atEnd(way, into);
      else this.#afterRound(parent, way, into);
      return;
    }
    if (stage.kind === "absence") {
      this.#walk(sequence, index + 1, parent, this.#withAbsence(way, stage, true), head, into);
      return;
    }
    const position = { sequence, index, round: 1, parent };
    this.#enter(position, stage, head ?? stage.contiguity, way, into);
    if (!stage.quantifier.optional) return;
    const past = { ...this.#withGuard(way, stage), trailing: undefined };
    this.#walk(sequence, index + 1, parent, past, undefined, into);
  }

  #enter(
    position: Position,
    stage: RecordStage | GroupStage,
    contiguity: Contiguity,
    way: Way,
    into: Reached,
  ): void {
    if (stage.kind === "record") {
      this.#reach(this.#placeOf(position, stage, contiguity, way), into);
      return;
    }
    this.#walk(stage.stages, 0, position, way, contiguity, into);
  }

  /** The element at the position has had `round` rounds. */
  #afterRound(position: Position, way: Way, into: Reached): void {
    const { sequence, index, round, parent } = position;
    const stage = sequence[index] as RecordStage | GroupStage;
    const { min, max, inner } = stage.quantifier;
    if (round < max) {
      // Beyond the smallest number all rounds of a loop are alike.
      const again = { ...position, round: max === Infinity ? Math.min(round, min) + 1 : round + 1 };
      let back = way;
      // What must not follow binds as soon as it could: a loop that goes on does not get around it.
      for (let i = index + 1; sequence[i]?.kind === "absence"; i++) {
        const absence = sequence[i] as AbsenceStage;
        if (absence.contiguity === "relaxed" || round >= min) back = this.#withAbsence(back, absence, false);
      }
      this.#enter(again, stage, inner, back, into);
    }
    if (round < min) return;
    this.#walk(sequence, index + 1, parent, round < max ? this.#withGuard(way, stage) : way, undefined, into);
  }

  #atEnd(way: Way, into: Reached): void {
    const { trailing, nots, notNext } = way;
    if (trailing === undefined) {
      into.accepts = true;
      return;
    }
    const kind = nots.length > 0 ? "absence" : "departure";
    const fields = { kind, name: "", condition: undefined, contiguity: "any", nots, notNext } as const;
    const rest = { untils: [], entersUntil: undefined, guards: way.guards, gapMs: trailing.gapMs };
    this.#reach(this.#intern(kind, undefined, { ...fields, ...rest }), into);
  }

  #reach(place: MutablePlace, into: Reached): void {
    if (!into.places.includes(place)) into.places.push(place);
  }

  #placeOf(position: Position, stage: RecordStage, contiguity: Contiguity, way: Way): MutablePlace {
    const untils: NumberedCondition[] = [];
    let entersUntil: NumberedCondition | undefined;
    let key = "";
    for (let at: Position | undefined = position; at !== undefined; at = at.parent) {
      key += `${at.index}.${at.round}/`;
      const { until } = (at.sequence[at.index] as RecordStage | GroupStage).quantifier;
      if (until === undefined) continue;
      if (at === position && at.round === 1) entersUntil = this.#number(until);
      else untils.push(this.#number(until));
    }
    return this.#intern(key, position, {
      kind: "take",
      name: stage.name,
      condition: stage.condition && this.#number(stage.condition),
      contiguity,
      nots: way.nots,
      notNext: way.notNext,
      untils,
      entersUntil,
      guards: way.guards,
      gapMs: stage.gapMs,
    });
  }

  #intern(
    where: string,
    position: Position | undefined,
    fields: Omit<Place, "id" | "next" | "accepts">,
  ): MutablePlace {
    const numbers = (list: readonly NumberedCondition[]): string => list.map(({ index }) => index).join(",");
    const guards = numbers(fields.guards.map(({ condition }) => condition));
    const bound = [fields.nots, fields.notNext, fields.untils].map(numbers);
    const key = [where, fields.contiguity, ...bound, guards, fields.gapMs].join("|");
    let place = this.#byKey.get(key);
    if (place === undefined) {
      place = { ...fields, id: this.#places.length, next: [], accepts: false };
      this.#byKey.set(key, place);
      this.#places.push(place);
      this.#positions.push(position);
    }
    return place;
  }

  #withAbsence(way: Way, stage: AbsenceStage, trails: boolean): Way {
    const condition = this.#number(stage.condition);
    const trailing = trails ? stage : way.trailing;
    return stage.contiguity === "strict"
      ? { ...way, notNext: [...way.notNext, condition], trailing }
      : { ...way, nots: [...way.nots, condition], trailing };
  }

  #withGuard(way: Way, stage: RecordStage | GroupStage): Way {
    if (stage.kind === "group" || !stage.quantifier.greedy) return way;
    const { until } = stage.quantifier;
    const condition = this.#number(stage.condition ?? ANY_RECORD);
    return { ...way, guards: [...way.guards, { condition, until: until && this.#number(until) }] };
  }

  #number(condition: Condition): NumberedCondition {
    let numbered = this.#conditions.get(condition);
    if (numbered === undefined) {
      numbered = { ...condition, index: this.#conditions.size };
      this.#conditions.set(condition, numbered);
    }
    return numbered;
  }
}

const ANY_RECORD: Condition = { test: () => true, iterative: false };
