// asyncMap, asyncFlatMap and lookup: what was asked for, what is wrong with it, and the node that does it.
import type { Codec } from "../core/codec.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import {
  type AnyAsyncFunction,
  type AsyncContext,
  type AsyncStart,
  asyncMapOperator,
  type KeyedAsyncContext,
} from "../operators/async/async-map.ts";
import type { KeyedAsyncOrder } from "../operators/async/exit-by-key.ts";
import type { AsyncOrder } from "../operators/async/exit-order.ts";
import { heldCodec } from "../operators/async/held-record.ts";
import { HELD_STATE } from "../operators/async/holding-operator.ts";
import {
  type LoadContext,
  type LookupDefinition,
  type LookupKind,
  lookupOperator,
} from "../operators/async/lookup.ts";
import type { CacheLimits } from "../operators/async/lookup-cache.ts";
import { map, type StateLayout, stateLayout } from "../state/descriptors.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import {
  CALL_OPTIONS,
  type CallOptions,
  checkAsyncFunction,
  checkOneOf,
  REFUSED_CALL,
  readCallOptions,
} from "./call-options.ts";
import type { GraphRecorder } from "./graph-recorder.ts";
import { type AsyncNode, type AsyncSpec, createAsyncNode } from "./nodes/async-node.ts";
import type { KeyByNode } from "./nodes/key-by-node.ts";
import { quote, type StreamNode } from "./nodes/logical-node.ts";
import type { OperatorOptions } from "./stream-options.ts";
import { checked, checkFunction, keyDecoderOf } from "./two-inputs.ts";

interface RequestOptions<T> extends CallOptions {
  /** How a record is stored while its result is awaited. Default: MessagePack for any plain data. */
  readonly codec?: Codec<T> | undefined;
  /** Requests under way at once, per partition. While there are so many, no input is taken. Default 100. */
  readonly concurrency?: number | undefined;
  /**
   * `committed`: a request is made only when its record is durable, so that all requests for one record have one id.
   * It costs a commit before each request. Default `immediately`.
   */
  readonly start?: AsyncStart | undefined;
}

/** Options of `asyncMap` and `asyncFlatMap`. */
export interface AsyncOptions<T> extends RequestOptions<T>, OrderOption {}

interface OrderOption {
  /**
   * `ordered`: results leave in the order of their records. `unordered`: as they come, but never past a watermark.
   * Default `ordered`.
   */
  readonly order?: AsyncOrder | undefined;
}

/** Options of `asyncMap` and `asyncFlatMap` behind a `keyBy`. */
export interface KeyedAsyncOptions<T> extends RequestOptions<T> {
  /**
   * `ordered`: the results of a key leave in the order of its records, whose requests are made at once. `sequential`: also
   * the requests are made one after the other, key by key. `unordered`: results leave as they come. Default `ordered`.
   */
  readonly order?: KeyedAsyncOrder | undefined;
  /**
   * Records held at most, per partition, before no input is taken: results that wait for an earlier one of their key, and
   * records that wait for their turn. A batch more may be. Default ten times `concurrency`.
   */
  readonly capacity?: number | undefined;
}

export interface LookupCacheOptions {
  /** How long a row is used before it is loaded again. */
  readonly ttl: Duration;
  /** Rows per partition; the least recently used goes first. Default 10,000. */
  readonly maxEntries?: number | undefined;
  /** Whether it is remembered that a key has no row. Default true. */
  readonly cacheMissing?: boolean | undefined;
}

/** A key of a table; undefined and null are in no table. */
export type LookupKey = string | number | boolean | bigint | null | undefined;

/** What `load` answers: rows by key, or one per key in the order of the keys; without a row: absent, undefined or null. */
export type LookupAnswer<Key, Row> = ReadonlyMap<Key, Row> | readonly (Row | undefined | null)[];

/** The arguments of `lookup`. */
export interface LookupOptions<T, Key extends LookupKey, Row, Kind extends LookupKind>
  extends CallOptions,
    OrderOption {
  readonly key: (record: T) => Key;
  /** Loads the rows of several keys, none of them twice, with one call. */
  readonly load: (
    keys: readonly NonNullable<Key>[],
    context: LoadContext,
  ) => Promise<LookupAnswer<NonNullable<Key>, Row>> | LookupAnswer<NonNullable<Key>, Row>;
  /** `left` also joins records without a row; `inner` drops them. Default `inner`. */
  readonly kind?: Kind | undefined;
  /** Default: none; every batch asks for all of its keys. */
  readonly cache?: LookupCacheOptions | undefined;
  /** Calls under way at once, per partition. Default 10. */
  readonly concurrency?: number | undefined;
  /** Keys of one call, at most. Default 1,000. */
  readonly maxKeys?: number | undefined;
  /** Records held at most, per partition, before no input is taken; a batch more may be. Default 10,000. */
  readonly capacity?: number | undefined;
  /** How a record is stored while its row is awaited. Default: MessagePack for any plain data. */
  readonly codec?: Codec<unknown> | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: the types of record, key and row met where the user called
export type AnyLookupOptions = LookupOptions<any, any, any, LookupKind>;

export type AsyncFunction<T, U> = (record: T, context: AsyncContext) => Promise<U> | U;
export type KeyedAsyncFunction<K, T, U> = (record: T, context: KeyedAsyncContext<K>) => Promise<U> | U;

const ORDERS = ["ordered", "unordered"] as const;
const KEYED_ORDERS = ["ordered", "sequential", "unordered"] as const;

/** @param input with a keyBy, order is kept per key and what is held is filed under its key */
export function addAsyncMap(
  recorder: GraphRecorder,
  input: StreamNode | KeyByNode,
  what: "asyncMap" | "asyncFlatMap",
  name: string,
  fn: unknown,
  options: AsyncOptions<never> | KeyedAsyncOptions<never> | undefined,
): AsyncNode {
  const owner = `${what} ${quote(name)}`;
  const keyBy = input.type === "keyBy" ? input : undefined;
  checkAsyncFunction(recorder, owner, "its function", fn, "async (record) => fetchPrice(record.id)");
  const refused = { ...REFUSED_CALL, start: "immediately", order: "ordered", capacity: 1 } as const;
  const settings = checked(recorder, owner, refused, () => {
    const known = keyBy === undefined ? (["start"] as const) : (["start", "capacity"] as const);
    checkOptions<KeyedAsyncOptions<never>>(owner, options, [...CALL_OPTIONS, ...known]);
    const given: KeyedAsyncOptions<never> = options ?? {};
    const { start = "immediately", order = "ordered", concurrency = 100, ...shared } = given;
    checkOneOf(owner, "start", start, ["immediately", "committed"]);
    checkOneOf(owner, "order", order, keyBy === undefined ? ORDERS : KEYED_ORDERS);
    const call = readCallOptions(owner, shared, concurrency);
    const capacity = given.capacity ?? (keyBy === undefined ? concurrency : 10 * concurrency);
    checkWholeNumber(owner, "capacity", capacity, 1);
    return { ...call, start, order, capacity };
  });
  const flat = what === "asyncFlatMap";
  const keys = keyBy && { decodeKey: keyDecoderOf(keyBy) };
  const create = asyncMapOperator({ ...settings, fn: fn as AnyAsyncFunction, flat, keys });
  const layout = layoutOf(settings.codec, keyBy !== undefined);
  const spec = { what: keyBy === undefined ? what : (`keyed ${what}` as const), create, layout };
  return addNode(recorder, input, name, spec, options);
}

export function addLookup(
  recorder: GraphRecorder,
  input: StreamNode,
  name: string,
  options: AnyLookupOptions,
  join: LookupDefinition["join"],
): AsyncNode {
  const owner = `lookup ${quote(name)}`;
  const refused = {
    ...{ ...REFUSED_CALL, order: "ordered" as const, kind: "inner" as const },
    ...{ cache: undefined, maxKeys: 1, capacity: 1 },
  };
  const settings = checked(recorder, owner, refused, () => {
    const known = [...CALL_OPTIONS, "key", "load", "kind", "cache", "maxKeys", "capacity"] as const;
    checkOptions<AnyLookupOptions>(owner, options ?? null, known);
    const {
      kind = "inner",
      order = "ordered",
      cache,
      maxKeys = 1_000,
      capacity = 10_000,
      concurrency = 10,
      ...shared
    } = options;
    checkOneOf(owner, "kind", kind, ["inner", "left"]);
    checkOneOf(owner, "order", order, ORDERS);
    checkWholeNumber(owner, "maxKeys", maxKeys, 1);
    checkWholeNumber(owner, "capacity", capacity, 1);
    return {
      ...readCallOptions(owner, shared, concurrency),
      order,
      kind,
      cache: readCache(owner, cache),
      maxKeys,
      capacity,
    };
  });
  const { key, load } = options ?? {};
  checkFunction(recorder, owner, 'option "key"', key, "(record) => record.productId");
  checkAsyncFunction(recorder, owner, 'option "load"', load, "async (ids) => selectProducts(ids)");
  checkFunction(recorder, owner, "its function", join, "(order, product) => ({ ...order, product })");
  const create = lookupOperator({ ...settings, key, load, join });
  return addNode(
    recorder,
    input,
    name,
    { what: "lookup", create, layout: layoutOf(settings.codec, false) },
    options,
  );
}

/** @param options with those that every operator has */
function addNode(
  recorder: GraphRecorder,
  input: StreamNode | KeyByNode,
  name: string,
  spec: AsyncSpec,
  options: OperatorOptions | undefined,
): AsyncNode {
  const { parallelism, onError } = options ?? {};
  return recorder.add(createAsyncNode(recorder.owner, name, input, spec, { parallelism, onError }));
}

function readCache(owner: string, options: LookupCacheOptions | undefined): CacheLimits | undefined {
  if (options === undefined) return undefined;
  const cache = `${owner}, cache`;
  checkOptions(cache, options, ["ttl", "maxEntries", "cacheMissing"]);
  const { ttl, maxEntries = 10_000, cacheMissing = true } = options;
  checkWholeNumber(cache, "maxEntries", maxEntries, 1);
  if (typeof cacheMissing !== "boolean")
    throw new InvalidOptionError(cache, "cacheMissing", cacheMissing, "true or false");
  return { ttlMs: parseDuration(ttl, `${cache}: option "ttl"`, "positive"), maxEntries, cacheMissing };
}

function layoutOf(codec: Codec<unknown>, keyed: boolean): readonly StateLayout[] {
  return stateLayout({ [HELD_STATE]: map({ codec: heldCodec(codec, keyed) }) });
}
