// State descriptors — what a keyed operator declares about its state: shape, codec, version, default, time to live.
//
// Plain data: part of the plan, read by the planner for the state layout and by KeyedState to make the handles.
import type { Aggregate } from "../core/aggregate.ts";
import { type Codec, msgpackCodec } from "../core/codec.ts";
import { checkOptions, InvalidOptionError } from "../core/options.ts";
import type { StateShape } from "../core/ports/state-backend.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import { expiringCodec } from "./expiring.ts";
import { checkMigrations, checkVersion, type Migrations, versionedCodec } from "./migrations.ts";

/** What prolongs the life of a value: writing it, or reading it too. */
export type TtlUpdate = "onWrite" | "onReadAndWrite";

export interface TtlOptions {
  /** How long a value lives after its last write (or read); for example `"1h"` or 60000. */
  readonly after: Duration;
  /**
   * The time that counts: that of the clock, or that of the records (a value written by a record of time t is gone for
   * records and timers of time t + after and later). `event` needs timestamps on every source. Default `processing`.
   */
  readonly time?: TtlTime;
  /** Default `onWrite`. With `onReadAndWrite` a read is stored like a write, a list is then rewritten as a whole. */
  readonly update?: TtlUpdate;
}

/** In which time a value grows old. */
export type TtlTime = "processing" | "event";

/** A time to live as descriptors hold it. */
export interface Ttl {
  readonly ttlMs: number;
  readonly time: TtlTime;
  readonly update: TtlUpdate;
}

export interface StateOptions<T> {
  /** How a value (an entry's value, an element) becomes bytes. Default: MessagePack for any plain data. */
  readonly codec?: Codec<T>;
  /**
   * Version of T: what is stored says which one wrote it. Raise it together with a step of `migrate` when the layout of T
   * changes. Default: the last version of `migrate`, else the codec's.
   */
  readonly version?: number;
  /**
   * Makes values of the current version of those that earlier ones wrote: `migrations<V1>().to((old) => ...)`. A value is
   * migrated when it is read, and stored in the new version with the next epoch. Default: only `version` is read.
   */
  readonly migrate?: Migrations<T>;
  /**
   * Forgets what is older. Counted per value, map entry or list element, in processing time unless `time` says otherwise.
   * An expired one is never read; it is removed from storage a little later, at most a sixteenth of the time to live.
   */
  readonly ttl?: Duration | TtlOptions;
}

export interface ValueOptions<T> extends StateOptions<T> {
  /** What `get` returns while nothing is stored. Objects are handed out as copies. */
  readonly default?: T;
}

interface DescriptorBase<T> {
  /** Has the version of the state, and reads the older ones. */
  readonly codec: Codec<T>;
  readonly ttl: Ttl | undefined;
}

/** One value per key. `D` is what an absent one reads as. */
export interface ValueDescriptor<T, D = T | undefined> extends DescriptorBase<T> {
  readonly kind: "value";
  readonly default: D;
}

/** One list per key; appending stores only what was appended. */
export interface ListDescriptor<T> extends DescriptorBase<T> {
  readonly kind: "list";
}

/** One map per key; writing stores only the changed entries. */
export interface MapDescriptor<K, V> extends DescriptorBase<V> {
  readonly kind: "map";
  /** Carries the type of the entry keys; never set. */
  readonly keyType?: K;
}

/** One value per key that is folded with what is added to it. */
export interface ReducingDescriptor<T> extends DescriptorBase<T> {
  readonly kind: "reducing";
  readonly reduce: (current: T, added: T) => T;
}

/** One accumulator per key, read through the result of its aggregate. */
export interface AggregatingDescriptor<T, A, R> extends DescriptorBase<A> {
  readonly kind: "aggregating";
  readonly aggregate: Aggregate<T, A, R>;
}

export type StateDescriptor =
  | ValueDescriptor<unknown, unknown>
  | ListDescriptor<unknown>
  | MapDescriptor<unknown, unknown>
  // biome-ignore lint/suspicious/noExplicitAny: a function's parameters do not widen as the other descriptors do
  | ReducingDescriptor<any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  | AggregatingDescriptor<any, any, any>;

/** States by name. */
export type StateDescriptors = Readonly<Record<string, StateDescriptor>>;

/** What an operator stores under one name, for the check of a resumed job. */
export interface StateLayout {
  readonly state: string;
  readonly shape: StateShape;
  readonly codec: string;
  readonly version: number;
  /** Codecs of the earlier versions that it reads, by version. */
  readonly older?: Readonly<Record<number, string>>;
  /** It has a time to live in event time: sources without timestamps would keep it for ever. */
  readonly expires?: "event";
}

/**
 * One value per key.
 *
 * `value({ default: 0 })` reads as 0 until it is written; `value<Flight>()` reads as undefined.
 *
 * @throws {UnknownOptionError | InvalidOptionError | InvalidDurationError}
 */
export function value<T>(options: ValueOptions<T> & { readonly default: T }): ValueDescriptor<T, T>;
export function value<T>(options?: StateOptions<T>): ValueDescriptor<T, undefined>;
export function value<T>(options: ValueOptions<T> = {}): ValueDescriptor<T, T | undefined> {
  checkOptions("value state", options, [...STATE_OPTIONS, "default"]);
  return Object.freeze({ kind: "value", default: options.default, ...base("value state", options) });
}

/**
 * One list per key.
 *
 * @throws {UnknownOptionError | InvalidOptionError | InvalidDurationError}
 */
export function list<T>(options: StateOptions<T> = {}): ListDescriptor<T> {
  checkOptions("list state", options, STATE_OPTIONS);
  return Object.freeze({ kind: "list", ...base("list state", options) });
}

/**
 * One map per key. Entry keys are strings, numbers, booleans, bigints or null.
 *
 * @throws {UnknownOptionError | InvalidOptionError | InvalidDurationError}
 */
export function map<K, V>(options: StateOptions<V> = {}): MapDescriptor<K, V> {
  checkOptions("map state", options, STATE_OPTIONS);
  return Object.freeze({ kind: "map", ...base("map state", options) });
}

/**
 * One value per key; `add` replaces it by `reduce(current, added)`.
 *
 * @throws {UnknownOptionError | InvalidOptionError | InvalidDurationError}
 */
export function reducing<T>(
  reduce: (current: T, added: T) => T,
  options: StateOptions<T> = {},
): ReducingDescriptor<T> {
  if (typeof reduce !== "function")
    throw new InvalidOptionError("reducing state", "reduce", reduce, "a function (current, added) => next");
  checkOptions("reducing state", options, STATE_OPTIONS);
  return Object.freeze({ kind: "reducing", reduce, ...base("reducing state", options) });
}

/**
 * One accumulator per key; `add` folds a record into it, `get` reads the aggregate's result off it.
 *
 * `aggregating(mean((bid: Bid) => bid.price))` stores sum and count and reads as their quotient. Versions and migrations
 * are those of the accumulator.
 *
 * @param options `codec`: how the accumulator is stored; default: the aggregate's, else MessagePack for any plain data
 * @throws {UnknownOptionError | InvalidOptionError | InvalidDurationError}
 */
export function aggregating<T, A, R>(
  aggregate: Aggregate<T, A, R>,
  options: StateOptions<A> = {},
): AggregatingDescriptor<T, A, R> {
  const owner = "aggregating state";
  const { create, add, result } = (aggregate ?? {}) as Partial<Aggregate<T, A, R>>;
  if (typeof create !== "function" || typeof add !== "function" || typeof result !== "function")
    throw new InvalidOptionError(
      owner,
      "aggregate",
      aggregate,
      "an aggregate: create, add, merge and result",
    );
  checkOptions(owner, options, STATE_OPTIONS);
  const { codec = aggregate.codec } = options;
  const stored = base(owner, codec === undefined ? options : { ...options, codec });
  return Object.freeze({ kind: "aggregating", aggregate, ...stored });
}

/** The layout of a record of descriptors, in the order of their names. */
export function stateLayout(states: StateDescriptors): StateLayout[] {
  return Object.keys(states)
    .sort()
    .map((state) => {
      const { kind, codec, ttl } = states[state] as StateDescriptor;
      // With a time to live the expiry stands in front of each value, so the bytes are laid out differently.
      const stored: Codec<unknown> =
        ttl === undefined ? codec : expiringCodec(codec as Codec<unknown>, ttl.time);
      return {
        state,
        shape: kind === "list" || kind === "map" ? kind : "scalar",
        codec: stored.name,
        version: stored.version,
        ...(stored.older && { older: stored.older.codecs }),
        ...(ttl?.time === "event" && { expires: "event" as const }),
      };
    });
}

const STATE_OPTIONS = ["codec", "version", "migrate", "ttl"] as const;

function base<T>(owner: string, options: StateOptions<T>): DescriptorBase<T> {
  return { codec: readCodec(owner, options), ttl: readTtl(owner, options.ttl) };
}

function readCodec<T>(
  owner: string,
  { codec = msgpackCodec as Codec<T>, version, migrate }: StateOptions<T>,
): Codec<T> {
  checkVersion(owner, "version", version ?? codec.version);
  // Another version or chain around it would hide the versions that the codec reads.
  if (codec.older !== undefined && (migrate !== undefined || (version ?? codec.version) !== codec.version))
    throw new InvalidOptionError(
      owner,
      "codec",
      codec.name,
      `a codec without migrations of its own, or leave version and migrate out: its migrations end at version ${codec.version}`,
    );
  if (migrate === undefined) return versionedCodec(codec, version ?? codec.version);
  checkMigrations(owner, migrate);
  if (version !== undefined && version !== migrate.version)
    throw new InvalidOptionError(
      owner,
      "version",
      version,
      `${migrate.version}, the version at which its migrations end, or migrations that end at ${version}`,
    );
  return migrate.applyTo(owner, codec);
}

function readTtl(owner: string, ttl: Duration | TtlOptions | undefined): Ttl | undefined {
  if (ttl === undefined) return undefined;
  const options = typeof ttl === "object" && ttl !== null ? ttl : { after: ttl };
  checkOptions(`${owner} ttl`, options, ["after", "time", "update"]);
  const update = options.update ?? "onWrite";
  if (update !== "onWrite" && update !== "onReadAndWrite")
    throw new InvalidOptionError(`${owner} ttl`, "update", update, '"onWrite" or "onReadAndWrite"');
  const time = options.time ?? "processing";
  if (time !== "processing" && time !== "event")
    throw new InvalidOptionError(`${owner} ttl`, "time", time, '"processing" or "event"');
  return { ttlMs: parseDuration(options.after, `${owner} ttl`, "positive"), time, update };
}
