// Frame — the sliding frame of an over-window under the current key: a queue that always knows the fold of what is in it.
//
// Rows enter at the back and leave at the front, so no aggregate has to take anything back. The queue is two stacks: the
// back is one accumulator of all its rows, beside the accumulator of each; the front keeps, for each row, the fold from
// there to the front's end. When the front runs empty the back becomes the front: each row is folded anew once, whatever
// the length of the frame. The value of the frame is one merge of the two.
//
//   front: fold(r3..r5), fold(r4..r5), fold(r5)    back: r6, r7, r8; fold(r6..r8)
//          ^ leaves first                                      ^ entered last
//
// What an aggregate could do with `retract` costs less than this by a constant only, and loses what floating-point sums
// lose when large numbers come and go.
//
// Invariant: entries first <= i < end are stored, those below `middle` as folds up to `middle`.
import type { Aggregate } from "../../core/aggregate.ts";
import { NoAccumulatorError } from "../../core/aggregate.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import type { KeyedState } from "../../state/keyed-state.ts";
import type { MapCells } from "../../state/map-state.ts";
import type { ValueCells } from "../../state/value-state.ts";

// biome-ignore lint/suspicious/noExplicitAny: the types of records and results met where the user called
export type AnyAggregate = Aggregate<any, any, any>;

/** A row, or several that enter and leave together, and its accumulator or that of all rows from here to `middle`. */
export interface FrameEntry {
  readonly at: number;
  readonly fold: unknown;
}

/** The two ends of the queue, and the fold of its back. */
export interface FrameBounds {
  readonly first: number;
  readonly middle: number;
  readonly end: number;
  /** When the last row entered, in epoch ms. */
  readonly newest: number;
  readonly back: unknown;
}

export class Frame {
  readonly #operator: string;
  readonly #aggregate: AnyAggregate;
  readonly #entries: MapCells<number, FrameEntry>;
  readonly #bounds: ValueCells<FrameBounds>;

  constructor(state: KeyedState, operator: string, aggregate: AnyAggregate) {
    this.#operator = operator;
    this.#aggregate = aggregate;
    this.#entries = state.addMapCells("frame", foldCodec<FrameEntry>("fold", aggregate.codec));
    this.#bounds = state.addCells("bounds", foldCodec<FrameBounds>("back", aggregate.codec));
  }

  /** Number of entries in the frame. */
  get size(): number {
    const bounds = this.#bounds.peek();
    return bounds === undefined ? 0 : bounds.end - bounds.first;
  }

  /** When the last row entered, in epoch ms; undefined when the frame is empty. */
  get newest(): number | undefined {
    return this.#bounds.peek()?.newest;
  }

  /** The accumulator of one record alone. */
  foldOf(record: unknown): unknown {
    return this.#given(this.#aggregate.add(this.#aggregate.create(), record), "add");
  }

  /** Adds a record to an accumulator that nothing else holds. */
  addTo(fold: unknown, record: unknown): unknown {
    return this.#given(this.#aggregate.add(fold, record), "add");
  }

  /** Takes the first rows out until at most `rows` are left. */
  keepLast(rows: number): void {
    const bounds = this.#bounds.peek();
    if (bounds !== undefined) this.#dropTo(bounds, bounds.end - rows);
  }

  /** Takes rows out that entered before `time`, in epoch ms. */
  keepSince(time: number): void {
    const bounds = this.#bounds.peek();
    if (bounds === undefined) return;
    let { first } = bounds;
    if (bounds.newest < time) first = bounds.end;
    else while ((this.#entries.peek(first) as FrameEntry).at < time) first++;
    this.#dropTo(bounds, first);
  }

  #dropTo(bounds: FrameBounds, to: number): void {
    const { first, middle, end } = bounds;
    if (to <= first) return;
    if (to >= end) {
      this.clear();
      return;
    }
    for (let i = first; i < to; i++) this.#entries.delete(i);
    if (to < middle) this.#bounds.set({ ...bounds, first: to });
    else this.#turn({ ...bounds, first: to });
  }

  /** All rows that are left become the front. */
  #turn({ first, end, newest }: FrameBounds): void {
    const aggregate = this.#aggregate;
    let behind: unknown;
    for (let i = end - 1; i >= first; i--) {
      const { at, fold } = this.#entries.peek(i) as FrameEntry;
      behind = behind === undefined ? fold : this.#merge(fold, behind);
      this.#entries.set(i, { at, fold: behind });
    }
    this.#bounds.set({ first, middle: end, end, newest, back: aggregate.create() });
  }

  /** @param fold of what enters; never changed from now on */
  push(at: number, fold: unknown): void {
    const bounds = this.#bounds.peek();
    if (bounds === undefined) {
      this.#entries.set(0, { at, fold });
      this.#bounds.set({ first: 0, middle: 0, end: 1, newest: at, back: fold });
      return;
    }
    const { first, middle, end, back } = bounds;
    this.#entries.set(end, { at, fold });
    this.#bounds.set({ first, middle, end: end + 1, newest: at, back: this.#merge(back, fold) });
  }

  /** The result over all that is in the frame, which is not empty. Nothing that is stored is part of it. */
  result(): unknown {
    const { first, middle, back } = this.#bounds.peek() as FrameBounds;
    const fold = first < middle ? this.#merge(this.#entries.peek(first)?.fold, back) : this.#copy(back);
    return this.#aggregate.result(fold);
  }

  clear(): void {
    this.#entries.clear();
    this.#bounds.clear();
  }

  /** What stands in state is read without a copy, so it is never the side that a merge may change. */
  #merge(a: unknown, b: unknown): unknown {
    return this.#given(this.#aggregate.merge(this.#copy(a), b), "merge");
  }

  #copy(fold: unknown): unknown {
    const aggregate = this.#aggregate;
    if (aggregate.immutable === true) return fold;
    return this.#given(aggregate.merge(aggregate.create(), fold), "merge");
  }

  #given(fold: unknown, method: string): unknown {
    if (fold === undefined) throw new NoAccumulatorError(this.#operator, `the aggregate's ${method}`);
    return fold;
  }
}

/** An object of which one property is an accumulator, which has a codec of its own or stands as it is. */
export function foldCodec<E extends object>(
  property: keyof E & string,
  codec: Codec<unknown> | undefined,
): Codec<E> {
  if (codec === undefined) return msgpackCodec as Codec<E>;
  return {
    name: `frame(${codec.name})`,
    version: codec.version,
    encode: (entry) => msgpackCodec.encode({ ...entry, [property]: codec.encode(entry[property]) }),
    decode(bytes) {
      const entry = msgpackCodec.decode(bytes) as Record<string, unknown>;
      return { ...entry, [property]: codec.decode(entry[property] as Uint8Array) } as E;
    },
  };
}
