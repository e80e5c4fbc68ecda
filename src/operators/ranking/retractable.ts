// Retractable — an aggregate over rows that come and go, as keyed state.
//
// Where the aggregate can take a record back, its accumulator is all there is. An extreme cannot: the next best value must
// be known, so its values are kept in order, equal ones counted. A combination is kept part by part.
//
// Does not:  know how many rows there are: of no rows no result is read.
import { isDeepStrictEqual } from "node:util";
import { type Aggregate, NoAccumulatorError, type Ordered } from "../../core/aggregate.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { map, type StateDescriptors, value } from "../../state/descriptors.ts";
import type { KeyedState } from "../../state/keyed-state.ts";
import type { ValueCells } from "../../state/value-state.ts";
import { RowNotFoundError } from "./row-errors.ts";
import { RowOrder } from "./row-order.ts";
import { SortedRows } from "./sorted-rows.ts";

// biome-ignore lint/suspicious/noExplicitAny: the types of records and results met where the user called
type AnyAggregate = Aggregate<any, any, any>;

export interface Retractable {
  add(record: unknown): void;
  retract(record: unknown): void;
  /** There was at least one record. Never changed in place later. */
  result(): unknown;
  /** There are no rows left. */
  clear(): void;
}

/** The first part that cannot take records back: its name, `""` for the aggregate itself; undefined when all can. */
export function findUnretractable(aggregate: AnyAggregate): string | undefined {
  const { parts, retract, extreme } = aggregate;
  if (parts === undefined) return typeof retract === "function" || extreme !== undefined ? undefined : "";
  for (const [name, part] of Object.entries(parts)) {
    const inside = findUnretractable(part);
    if (inside !== undefined) return inside === "" ? name : `${name}.${inside}`;
  }
  return undefined;
}

/** What {@link createRetractable} stores. */
export function retractableStates(aggregate: AnyAggregate): StateDescriptors {
  const states: Record<string, StateDescriptors[string]> = {};
  for (const [i, leaf] of leavesOf(aggregate).entries()) {
    if (leaf.extreme !== undefined) states[extremeState(i)] = map();
    else states[accumulatorState(i)] = value(leaf.codec && { codec: leaf.codec });
  }
  return states;
}

export function createRetractable(state: KeyedState, operator: string, aggregate: AnyAggregate): Retractable {
  const numbers = { next: 0 };
  const create = (each: AnyAggregate): Retractable => {
    if (each.parts !== undefined)
      return new RetractableParts(Object.entries(each.parts).map(([name, part]) => [name, create(part)]));
    const number = numbers.next++;
    return each.extreme === undefined
      ? new RetractableFold(state, operator, each, number)
      : new RetractableExtreme(state, operator, each.extreme, number);
  };
  return create(aggregate);
}

function leavesOf(aggregate: AnyAggregate): readonly AnyAggregate[] {
  return aggregate.parts === undefined ? [aggregate] : Object.values(aggregate.parts).flatMap(leavesOf);
}

function accumulatorState(number: number): string {
  return `accumulator-${number}`;
}

function extremeState(number: number): string {
  return `extreme-${number}`;
}

class RetractableParts implements Retractable {
  readonly #parts: readonly (readonly [name: string, part: Retractable])[];

  constructor(parts: readonly (readonly [string, Retractable])[]) {
    this.#parts = parts;
  }

  add(record: unknown): void {
    for (const [, part] of this.#parts) part.add(record);
  }

  retract(record: unknown): void {
    for (const [, part] of this.#parts) part.retract(record);
  }

  result(): unknown {
    const results: Record<string, unknown> = {};
    for (const [name, part] of this.#parts) results[name] = part.result();
    return results;
  }

  clear(): void {
    for (const [, part] of this.#parts) part.clear();
  }
}

class RetractableFold implements Retractable {
  readonly #operator: string;
  readonly #aggregate: AnyAggregate;
  readonly #codec: Codec<unknown>;
  readonly #accumulator: ValueCells<unknown>;

  constructor(state: KeyedState, operator: string, aggregate: AnyAggregate, number: number) {
    this.#operator = operator;
    this.#aggregate = aggregate;
    this.#codec = aggregate.codec ?? msgpackCodec;
    this.#accumulator = state.addCells(accumulatorState(number), this.#codec);
  }

  add(record: unknown): void {
    this.#set(this.#aggregate.add(this.#get(), record), "the aggregate's add");
  }

  retract(record: unknown): void {
    const { retract } = this.#aggregate;
    this.#set(retract?.call(this.#aggregate, this.#get(), record), "the aggregate's retract");
  }

  #get(): unknown {
    const cells = this.#accumulator;
    return (this.#aggregate.immutable === true ? cells.peek() : cells.get()) ?? this.#aggregate.create();
  }

  #set(accumulator: unknown, what: string): void {
    if (accumulator === undefined) throw new NoAccumulatorError(this.#operator, what);
    this.#accumulator.set(accumulator);
  }

  /** What was read must not change with the next record, which may be added in place: then a copy is read. */
  result(): unknown {
    const aggregate = this.#aggregate;
    const accumulator = this.#accumulator.peek();
    const result: unknown = aggregate.result(accumulator);
    if (aggregate.immutable === true || typeof result !== "object" || result === null) return result;
    return aggregate.result(this.#codec.decode(this.#codec.encode(accumulator)));
  }

  clear(): void {
    this.#accumulator.clear();
  }
}

/** Values with their number, or records of their own. */
interface Item {
  readonly by: Ordered;
  readonly count?: number;
  readonly record?: unknown;
}

class RetractableExtreme implements Retractable {
  readonly #operator: string;
  readonly #ofRecord: boolean;
  readonly #order: RowOrder;
  readonly #items: SortedRows<Item>;

  constructor(
    state: KeyedState,
    operator: string,
    { by, order, ofRecord }: NonNullable<AnyAggregate["extreme"]>,
    number: number,
  ) {
    this.#operator = operator;
    this.#ofRecord = ofRecord;
    const rowOrder = new RowOrder(operator, by, [order]);
    this.#order = rowOrder;
    const codec = msgpackCodec as Codec<readonly unknown[]>;
    this.#items = new SortedRows(state.addMapCells(extremeState(number), codec), (a, b) =>
      rowOrder.compare(a.by, b.by),
    );
  }

  add(record: unknown): void {
    const items = this.#items;
    const by = this.#order.of(record) as Ordered;
    if (this.#ofRecord) {
      const item: Item = { by, record };
      items.insert(items.upper(item), item);
      return;
    }
    const place = items.lower({ by });
    const known = this.#known(by, place);
    if (known === undefined) items.insert(place, { by, count: 1 });
    else items.replace(place, { by, count: (known.count as number) + 1 });
  }

  retract(record: unknown): void {
    const items = this.#items;
    const by = this.#order.of(record) as Ordered;
    const lower = items.lower({ by });
    if (this.#ofRecord) {
      let place = items.upper({ by }) - 1;
      while (place >= lower && !isDeepStrictEqual(items.at(place).record, record)) place--;
      if (place < lower) throw new RowNotFoundError(this.#operator, record);
      items.remove(place);
      return;
    }
    const known = this.#known(by, lower);
    if (known === undefined) throw new RowNotFoundError(this.#operator, record);
    const count = (known.count as number) - 1;
    if (count === 0) items.remove(lower);
    else items.replace(lower, { by, count });
  }

  #known(by: Ordered, place: number): Item | undefined {
    if (place >= this.#items.size) return undefined;
    const item = this.#items.at(place);
    return this.#order.compare(item.by, by) === 0 ? item : undefined;
  }

  result(): unknown {
    const first = this.#items.at(0);
    return this.#ofRecord ? first.record : first.by;
  }

  clear(): void {
    this.#items.clear();
  }
}
