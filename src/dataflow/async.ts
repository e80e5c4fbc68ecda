// asyncMap, asyncFlatMap and lookup: what was asked for, what is wrong with it, and the node that does it.
import { type Codec, msgpackCodec } from "../core/codec.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import {
  type AnyAsyncFunction,
  type AsyncContext,
  type AsyncStart,
  asyncMapOperator,
} from "../operators/async/async-map.ts";
import type { CallLimits, RetryPolicy } from "../operators/async/call-pool.ts";
import { heldCodec } from "../operators/async/held-record.ts";
import { type AsyncOrder, HELD_STATE } from "../operators/async/holding-operator.ts";
import {
  type LoadContext,
  type LookupDefinition,
  type LookupKind,
  lookupOperator,
} from "../operators/async/lookup.ts";
import type { CacheLimits } from "../operators/async/lookup-cache.ts";
import { map, type StateLayout, stateLayout } from "../state/descriptors.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import type { GraphRecorder } from "./graph-recorder.ts";
import { type AsyncNode, type AsyncSpec, createAsyncNode } from "./nodes/async-node.ts";
import { quote, type StreamNode } from "./nodes/logical-node.ts";
import type { OperatorOptions } from "./stream-options.ts";
import { checked, checkFunction } from "./two-inputs.ts";

/** When and how often a request that failed, or took too long, is made again. */
export interface RetryOptions {
  /** Attempts in all, at least 1. */
  readonly attempts: number;
  /** Wait before the second attempt; doubles with each further one. Default 100 ms. */
  readonly backoff?: Duration | undefined;
  /** Upper bound of the wait. Default 10 s. */
  readonly maxBackoff?: Duration | undefined;
  /** Whether another attempt may help. Default: always. @param attempt number of the one that failed, from 1 */
  readonly when?: ((error: Error, attempt: number) => boolean) | undefined;
}

interface CallOptions extends OperatorOptions {
  /**
   * `ordered`: results leave in the order of their records. `unordered`: as they come, but never past a watermark.
   * Default `ordered`.
   */
  readonly order?: AsyncOrder | undefined;
  /** How long one attempt may take; then its signal is aborted. Default 30 s. */
  readonly timeout?: Duration | undefined;
  /** Default: none. What fails in the end is subject to `onError`. */
  readonly retry?: RetryOptions | undefined;
}

/** Options of `asyncMap` and `asyncFlatMap`. */
export interface AsyncOptions<T> extends CallOptions {
  /** How a record is stored while its result is awaited. Default: MessagePack for any plain data. */
  readonly codec?: Codec<T> | undefined;
  /** Requests under way at once, per partition. While so many records are held, no input is taken. Default 100. */
  readonly concurrency?: number | undefined;
  /**
   * `committed`: a request is made only when its record is durable, so that all requests for one record have one id.
   * It costs a commit before each request. Default `immediately`.
   */
  readonly start?: AsyncStart | undefined;
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
export interface LookupOptions<T, Key extends LookupKey, Row, Kind extends LookupKind> extends CallOptions {
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

/** What all of them share, read from the options. */
interface CallSettings {
  readonly order: AsyncOrder;
  readonly codec: Codec<unknown>;
  readonly limits: CallLimits;
}

const NO_RETRY: RetryPolicy = { attempts: 1, backoffMs: 0, maxBackoffMs: 0, when: undefined };
/** Stands in for the options of a call that is refused. */
const REFUSED: CallSettings = {
  order: "ordered",
  codec: msgpackCodec,
  limits: { concurrency: 1, timeoutMs: 1, retry: NO_RETRY },
};

const SHARED = ["order", "timeout", "retry", "codec", "concurrency", "parallelism", "onError"] as const;

export function addAsyncMap(
  recorder: GraphRecorder,
  input: StreamNode,
  what: "asyncMap" | "asyncFlatMap",
  name: string,
  fn: unknown,
  options: AsyncOptions<never> | undefined,
): AsyncNode {
  const owner = `${what} ${quote(name)}`;
  checkAsyncFunction(recorder, owner, "its function", fn, "async (record) => fetchPrice(record.id)");
  const settings = checked(recorder, owner, { ...REFUSED, start: "immediately" as const }, () => {
    checkOptions<AsyncOptions<never>>(owner, options, [...SHARED, "start"]);
    const { start = "immediately", concurrency = 100, ...shared } = options ?? {};
    checkOneOf(owner, "start", start, ["immediately", "committed"]);
    return { ...readCallOptions(owner, shared, concurrency), start };
  });
  const flat = what === "asyncFlatMap";
  const create = asyncMapOperator({ ...settings, fn: fn as AnyAsyncFunction, flat });
  return addNode(recorder, input, name, { what, create, layout: layoutOf(settings.codec) }, options);
}

export function addLookup(
  recorder: GraphRecorder,
  input: StreamNode,
  name: string,
  options: AnyLookupOptions,
  join: LookupDefinition["join"],
): AsyncNode {
  const owner = `lookup ${quote(name)}`;
  const refused = { ...REFUSED, kind: "inner" as const, cache: undefined, maxKeys: 1, capacity: 1 };
  const settings = checked(recorder, owner, refused, () => {
    const known = [...SHARED, "key", "load", "kind", "cache", "maxKeys", "capacity"] as const;
    checkOptions<AnyLookupOptions>(owner, options ?? null, known);
    const {
      kind = "inner",
      cache,
      maxKeys = 1_000,
      capacity = 10_000,
      concurrency = 10,
      ...shared
    } = options;
    checkOneOf(owner, "kind", kind, ["inner", "left"]);
    checkWholeNumber(owner, "maxKeys", maxKeys, 1);
    checkWholeNumber(owner, "capacity", capacity, 1);
    return {
      ...readCallOptions(owner, shared, concurrency),
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
    { what: "lookup", create, layout: layoutOf(settings.codec) },
    options,
  );
}

/** @param options with those that every operator has */
function addNode(
  recorder: GraphRecorder,
  input: StreamNode,
  name: string,
  spec: AsyncSpec,
  options: OperatorOptions | undefined,
): AsyncNode {
  const { parallelism, onError } = options ?? {};
  return recorder.add(createAsyncNode(recorder.owner, name, input, spec, { parallelism, onError }));
}

function readCallOptions(
  owner: string,
  options: CallOptions & { readonly codec?: Codec<unknown> | undefined },
  concurrency: number,
): CallSettings {
  const { order = "ordered", timeout = "30s", retry, codec = msgpackCodec } = options;
  checkOneOf(owner, "order", order, ["ordered", "unordered"]);
  checkWholeNumber(owner, "concurrency", concurrency, 1);
  const { encode, decode } = (codec ?? {}) as Partial<Codec<unknown>>;
  if (typeof encode !== "function" || typeof decode !== "function")
    throw new InvalidOptionError(owner, "codec", codec, "a Codec, or leave the option out");
  const timeoutMs = parseDuration(timeout, `${owner}: option "timeout"`, "positive");
  return {
    order,
    codec: codec as Codec<unknown>,
    limits: { concurrency, timeoutMs, retry: readRetry(`${owner}, retry`, retry) },
  };
}

function readRetry(owner: string, options: RetryOptions | undefined): RetryPolicy {
  if (options === undefined) return NO_RETRY;
  checkOptions(owner, options, ["attempts", "backoff", "maxBackoff", "when"]);
  const { attempts, backoff = 100, maxBackoff = "10s", when } = options;
  if (attempts === undefined)
    throw new InvalidOptionError(owner, "attempts", attempts, "a whole number of at least 1");
  checkWholeNumber(owner, "attempts", attempts, 1);
  if (when !== undefined && typeof when !== "function")
    throw new InvalidOptionError(owner, "when", when, "a function (error, attempt) => true or false");
  return {
    attempts,
    backoffMs: parseDuration(backoff, `${owner}: option "backoff"`),
    maxBackoffMs: parseDuration(maxBackoff, `${owner}: option "maxBackoff"`),
    when,
  };
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

function checkOneOf(owner: string, option: string, value: string, known: readonly string[]): void {
  if (!known.includes(value))
    throw new InvalidOptionError(owner, option, value, known.map((each) => `"${each}"`).join(" or "));
}

/** Async or not, but a generator function answers with something that nobody runs. */
function checkAsyncFunction(
  recorder: GraphRecorder,
  owner: string,
  what: string,
  fn: unknown,
  example: string,
): void {
  if (typeof fn === "function" && !fn.constructor.name.endsWith("GeneratorFunction")) return;
  const given = typeof fn === "function" ? "a generator" : quote(fn);
  recorder.report({
    code: "INVALID_FUNCTION",
    subject: owner,
    message: `${owner}: ${what} is ${given}; give a function that returns its result or a promise, for example ${example}`,
  });
}

function layoutOf(codec: Codec<unknown>): readonly StateLayout[] {
  return stateLayout({ [HELD_STATE]: map({ codec: heldCodec(codec) }) });
}
