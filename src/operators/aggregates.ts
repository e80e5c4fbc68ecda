// Aggregates — how records are folded into an accumulator, accumulators are merged, and a result is read off.
//
// Windows fold each record once, into the accumulator of its pane, and merge panes when a window closes.
//
// Law G1 (docs/laws.md): for any split of the records into parts, merging the parts' accumulators in order gives the
// result of folding all records in order (floating-point sums up to rounding).
import { isDeepStrictEqual } from "node:util";
import type { Aggregate, Extreme, Ordered } from "../core/aggregate.ts";
import { type Codec, msgpackCodec } from "../core/codec.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";

export type { Aggregate, Ordered };

/** The number of records. */
export function count(): Aggregate<unknown, number, number> {
  return Object.freeze({
    create: () => 0,
    add: (accumulator: number) => accumulator + 1,
    retract: (accumulator: number) => accumulator - 1,
    merge: (a: number, b: number) => a + b,
    result: (accumulator: number) => accumulator,
    immutable: true,
  });
}

/** The sum of `of(record)`. */
export function sum<T>(of: (record: T) => number): Aggregate<T, number, number> {
  return Object.freeze({
    create: () => 0,
    add: (accumulator: number, record: T) => accumulator + of(record),
    retract: (accumulator: number, record: T) => accumulator - of(record),
    merge: (a: number, b: number) => a + b,
    result: (accumulator: number) => accumulator,
    immutable: true,
  });
}

export interface MeanAccumulator {
  readonly sum: number;
  readonly count: number;
}

/** The arithmetic mean of `of(record)`. */
export function mean<T>(of: (record: T) => number): Aggregate<T, MeanAccumulator, number> {
  return Object.freeze({
    create: () => ({ sum: 0, count: 0 }),
    add: (accumulator: MeanAccumulator, record: T) => ({
      sum: accumulator.sum + of(record),
      count: accumulator.count + 1,
    }),
    retract: (accumulator: MeanAccumulator, record: T) => ({
      sum: accumulator.sum - of(record),
      count: accumulator.count - 1,
    }),
    merge: (a: MeanAccumulator, b: MeanAccumulator) => ({ sum: a.sum + b.sum, count: a.count + b.count }),
    result: (accumulator: MeanAccumulator) => accumulator.sum / accumulator.count,
    immutable: true,
  });
}

/** The smallest `of(record)`. */
export function min<T, V extends Ordered = number>(of: (record: T) => V): Aggregate<T, V | null, V> {
  return extreme(of, "asc", (candidate, best) => candidate < best);
}

/** The largest `of(record)`. */
export function max<T, V extends Ordered = number>(of: (record: T) => V): Aggregate<T, V | null, V> {
  return extreme(of, "desc", (candidate, best) => candidate > best);
}

/** The record with the smallest `of(record)`; the first of several. */
export function minBy<T>(of: (record: T) => Ordered): Aggregate<T, Best<T> | null, T> {
  return extremeBy(of, "asc", (candidate, best) => candidate < best);
}

/** The record with the largest `of(record)`; the first of several. */
export function maxBy<T>(of: (record: T) => Ordered): Aggregate<T, Best<T> | null, T> {
  return extremeBy(of, "desc", (candidate, best) => candidate > best);
}

/** The record that stands first so far, with what it is compared by. */
export interface Best<T> {
  readonly by: Ordered;
  readonly record: T;
}

function extreme<T, V extends Ordered>(
  of: (record: T) => V,
  order: Extreme<T>["order"],
  beats: (candidate: V, best: V) => boolean,
): Aggregate<T, V | null, V> {
  const better = (best: V | null, candidate: V | null): V | null => {
    if (candidate === null || best === null) return best ?? candidate;
    return beats(candidate, best) ? candidate : best;
  };
  return Object.freeze({
    create: () => null,
    add: (accumulator: V | null, record: T) => better(accumulator, of(record)),
    merge: better,
    // Asked for only where there was a record.
    result: (accumulator: V | null) => accumulator as V,
    extreme: { by: of, order, ofRecord: false },
    immutable: true,
  });
}

function extremeBy<T>(
  of: (record: T) => Ordered,
  order: Extreme<T>["order"],
  beats: (candidate: Ordered, best: Ordered) => boolean,
): Aggregate<T, Best<T> | null, T> {
  const better = (best: Best<T> | null, candidate: Best<T> | null): Best<T> | null => {
    if (candidate === null || best === null) return best ?? candidate;
    return beats(candidate.by, best.by) ? candidate : best;
  };
  return Object.freeze({
    create: () => null,
    add: (accumulator: Best<T> | null, record: T) => better(accumulator, { by: of(record), record }),
    merge: better,
    result: (accumulator: Best<T> | null) => (accumulator as Best<T>).record,
    extreme: { by: of, order, ofRecord: true },
    immutable: true,
  });
}

/** All records, in the order of arrival within each pane. State grows with every record: prefer a fold where there is one. */
export function collectList<T>(): Aggregate<T, T[], T[]> {
  return Object.freeze({
    create: () => [],
    add(accumulator: T[], record: T) {
      accumulator.push(record);
      return accumulator;
    },
    merge(a: T[], b: T[]) {
      for (const record of b) a.push(record);
      return a;
    },
    retract(accumulator: T[], record: T) {
      const at = accumulator.findLastIndex((each) => isDeepStrictEqual(each, record));
      if (at >= 0) accumulator.splice(at, 1);
      return accumulator;
    },
    result: (accumulator: T[]) => [...accumulator],
  });
}

/** Options of the aggregate {@link topN}. */
export interface TopNAggregateOptions {
  /** Whether the largest `by(record)` stands first, or the smallest. Default `"desc"`. */
  readonly order?: "desc" | "asc" | undefined;
}

/** The `n` records with the largest `by(record)`, the largest first; of equal ones the first to arrive stands first. */
export function topN<T>(
  n: number,
  by: (record: T) => Ordered,
  options: TopNAggregateOptions = {},
): Aggregate<T, readonly Best<T>[], T[]> {
  const owner = "aggregate topN";
  checkWholeNumber(owner, "n", n, 1);
  if (typeof by !== "function")
    throw new InvalidOptionError(owner, "by", by, "a function such as (record) => record.amount");
  checkOptions(owner, options, ["order"]);
  const { order = "desc" } = options;
  if (order !== "desc" && order !== "asc")
    throw new InvalidOptionError(owner, "order", order, '"desc" or "asc"');
  const ascending = order === "asc";
  /** `a` stands before `b`, which came later. */
  const holds = (a: Ordered, b: Ordered): boolean => (ascending ? a <= b : a >= b);
  return Object.freeze({
    create: () => [],
    add(best: readonly Best<T>[], record: T) {
      const value = by(record);
      let place = best.length;
      while (place > 0 && !holds((best[place - 1] as Best<T>).by, value)) place--;
      if (place >= n) return best;
      return [...best.slice(0, place), { by: value, record }, ...best.slice(place, n - 1)];
    },
    merge(a: readonly Best<T>[], b: readonly Best<T>[]) {
      const merged: Best<T>[] = [];
      for (let i = 0, j = 0; merged.length < n && (i < a.length || j < b.length); ) {
        const left = a[i];
        const right = b[j];
        const takesLeft = right === undefined || (left !== undefined && holds(left.by, right.by));
        merged.push((takesLeft ? left : right) as Best<T>);
        if (takesLeft) i++;
        else j++;
      }
      return merged;
    },
    result: (best: readonly Best<T>[]) => best.map(({ record }) => record),
    immutable: true,
  });
}

// biome-ignore lint/suspicious/noExplicitAny: accumulators of the parts differ, only `combine` touches them
type AnyPart = Aggregate<any, any, any>;

/** The record type that all parts accept. */
type CombinedRecord<P> = {
  [Name in keyof P]: P[Name] extends Aggregate<infer T, infer _A, infer _R> ? (record: T) => void : never;
}[keyof P] extends (record: infer T) => void
  ? T
  : never;

type CombinedAccumulator<P> = {
  [Name in keyof P]: P[Name] extends Aggregate<infer _T, infer A, infer _R> ? A : never;
};

type CombinedResult<P> = {
  [Name in keyof P]: P[Name] extends Aggregate<infer _T, infer _A, infer R> ? R : never;
};

/**
 * Several aggregates over the same records: `combine({ flights: count(), delay: mean((f: Flight) => f.delay) })` gives
 * `{ flights: number, delay: number }`.
 */
export function combine<P extends Readonly<Record<string, AnyPart>>>(
  parts: P,
): Aggregate<CombinedRecord<P>, CombinedAccumulator<P>, CombinedResult<P>> {
  const names = Object.keys(parts);
  const aggregates = names.map((name) => parts[name] as AnyPart);
  type Values = Record<string, unknown>;
  const build = (partOf: (aggregate: AnyPart, name: string) => unknown): Values => {
    const values: Values = {};
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      values[name] = partOf(aggregates[i] as AnyPart, name);
    }
    return values;
  };
  const combined: Aggregate<unknown, Values, Values> = {
    create: () => build((aggregate) => aggregate.create()),
    add: (accumulator, record) => build((aggregate, name) => aggregate.add(accumulator[name], record)),
    merge: (a, b) => build((aggregate, name) => aggregate.merge(a[name], b[name])),
    result: (accumulator) => build((aggregate, name) => aggregate.result(accumulator[name])),
    immutable: aggregates.every((aggregate) => aggregate.immutable === true),
    parts,
    codec: aggregates.some((aggregate) => aggregate.codec !== undefined) ? combinedCodec(parts) : undefined,
  };
  return Object.freeze(combined) as unknown as Aggregate<
    CombinedRecord<P>,
    CombinedAccumulator<P>,
    CombinedResult<P>
  >;
}

/** Parts with a codec of their own stand as bytes inside the MessagePack map of all parts. */
function combinedCodec(parts: Readonly<Record<string, AnyPart>>): Codec<Record<string, unknown>> {
  const codecOf = (name: string): Codec<unknown> | undefined => parts[name]?.codec;
  return {
    name: `combined(${Object.keys(parts)
      .map((name) => `${name}:${codecOf(name)?.name ?? msgpackCodec.name}@${codecOf(name)?.version ?? 1}`)
      .join(",")})`,
    version: 1,
    encode(accumulator) {
      const encoded: Record<string, unknown> = {};
      for (const name of Object.keys(parts))
        encoded[name] = codecOf(name)?.encode(accumulator[name]) ?? accumulator[name];
      return msgpackCodec.encode(encoded);
    },
    decode(bytes) {
      const encoded = msgpackCodec.decode(bytes) as Record<string, unknown>;
      const accumulator: Record<string, unknown> = {};
      for (const name of Object.keys(parts)) {
        const codec = codecOf(name);
        accumulator[name] = codec === undefined ? encoded[name] : codec.decode(encoded[name] as Uint8Array);
      }
      return accumulator;
    },
  };
}
