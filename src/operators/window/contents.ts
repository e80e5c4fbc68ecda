// Contents — what the windows of a key hold: an accumulator each, or the records themselves.
//
// Accumulators stand in one map per key, by window. Records of windows that are the same for all keys stand in one list
// per window and key. Records of sessions stand in one list per key: sessions of a key never overlap, so time tells whose
// they are, and nothing moves when sessions become one.
import { type Aggregate, NoAccumulatorError } from "../../core/aggregate.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import type { KeyedState } from "../../state/keyed-state.ts";
import { ListCells } from "../../state/list-state.ts";
import { MapCells } from "../../state/map-state.ts";
import type { Window } from "../../time/window.ts";
import type { WindowRecord } from "../evictor.ts";

/** What the windows of the current key hold. `id` names a window of the key. */
export interface Contents {
  /** @param time of the record, in the time of the windows */
  add(id: number, record: unknown, time: number): void;
  /** The windows `others` become part of `into`. */
  merge(into: number, others: readonly number[]): void;
  purge(id: number, window: Window): void;
  /** Asks for what the window of this key holds, unless the heap knows it. */
  want(id: number, key: unknown): void;
  knows(id: number, key: unknown): boolean;
}

/** One accumulator per window. */
export class Accumulators<T, A, R> implements Contents {
  readonly #operator: string;
  readonly #aggregate: Aggregate<T, A, R>;
  readonly #codec: Codec<A>;
  readonly #cells: MapCells<number, A>;

  constructor(state: KeyedState, operator: string, aggregate: Aggregate<T, A, R>) {
    this.#operator = operator;
    this.#aggregate = aggregate;
    this.#codec = aggregate.codec ?? (msgpackCodec as Codec<A>);
    const codec = this.#codec as Codec<unknown>;
    this.#cells = state.addCellsOf(
      (scope, startsEmpty) => new MapCells(scope, "accumulators", codec, startsEmpty),
    );
  }

  add(id: number, record: unknown): void {
    const aggregate = this.#aggregate;
    const cells = this.#cells;
    const current = aggregate.immutable === true ? cells.peek(id) : cells.get(id);
    const next = aggregate.add(current === undefined ? aggregate.create() : current, record as T);
    if (next === undefined) throw new NoAccumulatorError(this.#operator, "the aggregate's add");
    cells.set(id, next);
  }

  merge(into: number, others: readonly number[]): void {
    const cells = this.#cells;
    const mutable = this.#aggregate.immutable !== true;
    let merged: A | undefined = mutable ? cells.get(into) : cells.peek(into);
    for (const other of others) {
      // The first one becomes the accumulator that is merged into, and may be changed in place from now on.
      const accumulator = merged === undefined && mutable ? cells.get(other) : cells.peek(other);
      if (accumulator === undefined) continue;
      merged = merged === undefined ? accumulator : this.#aggregate.merge(merged, accumulator);
      cells.delete(other);
    }
    if (merged !== undefined) cells.set(into, merged);
  }

  /**
   * The result of the window; undefined when it holds nothing.
   *
   * @param goesOn the accumulator is used further: a result that is the accumulator itself is copied
   */
  result(id: number, goesOn: boolean): { readonly value: R } | undefined {
    const aggregate = this.#aggregate;
    const mutable = aggregate.immutable !== true;
    const accumulator = mutable ? this.#cells.get(id) : this.#cells.peek(id);
    if (accumulator === undefined) return undefined;
    const value = aggregate.result(accumulator);
    const isShared = goesOn && mutable && typeof value === "object" && (value as unknown) === accumulator;
    return {
      value: isShared ? (this.#codec.decode(this.#codec.encode(accumulator)) as unknown as R) : value,
    };
  }

  purge(id: number): void {
    this.#cells.delete(id);
  }

  want(_id: number, key: unknown): void {
    this.#cells.want(key);
  }

  knows(_id: number, key: unknown): boolean {
    return this.#cells.knows(key);
  }
}

/** As stored: without field names. */
export const recordCodec: Codec<WindowRecord<unknown>> = {
  name: "window-record",
  version: 1,
  encode: ({ timestamp, record }) => msgpackCodec.encode([timestamp, record]),
  decode(bytes) {
    const [timestamp, record] = msgpackCodec.decode(bytes) as [number, unknown];
    return { record, timestamp };
  },
};

/** The records of each window, in the order of arrival. */
export class Records implements Contents {
  readonly #cells: ListCells<WindowRecord<unknown>>;
  readonly #inOneList: boolean;

  /** @param inOneList the windows of a key never overlap, and the record does not tell which one it will be in */
  constructor(state: KeyedState, inOneList: boolean) {
    this.#inOneList = inOneList;
    this.#cells = state.addCellsOf(
      (scope, startsEmpty) =>
        new ListCells<WindowRecord<unknown>>(
          scope,
          "records",
          recordCodec as Codec<unknown>,
          startsEmpty,
          true,
        ),
    );
  }

  #at(id: number): ListCells<WindowRecord<unknown>> {
    if (!this.#inOneList) this.#cells.useNamespace(id);
    return this.#cells;
  }

  add(id: number, record: unknown, time: number): void {
    this.#at(id).append({ record, timestamp: time });
  }

  merge(): void {}

  /** The records of the window; not to be changed. */
  of(id: number, window: Window): readonly WindowRecord<unknown>[] {
    const all = this.#at(id).peek();
    return this.#inOneList ? all.filter(({ timestamp }) => isIn(window, timestamp)) : all;
  }

  /** Keeps the records of the window for which `stays` is true, of those that {@link of} gives. */
  keep(id: number, window: Window, stays: (position: number) => boolean): void {
    const cells = this.#at(id);
    let position = 0;
    cells.update(
      cells
        .peek()
        .filter(({ timestamp }) => (this.#inOneList && !isIn(window, timestamp) ? true : stays(position++))),
    );
  }

  purge(id: number, window: Window): void {
    const cells = this.#at(id);
    const others = this.#inOneList ? cells.peek().filter(({ timestamp }) => !isIn(window, timestamp)) : [];
    if (others.length === 0) cells.clear();
    else if (others.length < cells.length) cells.update(others);
  }

  want(id: number, key: unknown): void {
    this.#at(id).want(key);
  }

  knows(id: number, key: unknown): boolean {
    return this.#at(id).knows(key);
  }
}

function isIn(window: Window, timestamp: number): boolean {
  return timestamp >= window.start && timestamp < window.end;
}
