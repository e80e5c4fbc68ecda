// State descriptors — what a keyed operator declares about its state: shape, codec, version, default, time to live.
//
// Plain data: part of the plan, read by the planner for the state layout and by KeyedState to make the handles.
import { type Codec, msgpackCodec } from "../core/codec.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import type { StateShape } from "../core/ports/state-backend.ts";
import { type Duration, parseDuration } from "../time/duration.ts";

/** What prolongs the life of a value: writing it, or reading it too. */
export type TtlUpdate = "onWrite" | "onReadAndWrite";

export interface TtlOptions {
  /** How long a value lives after its last write (or read), in processing time; for example `"1h"` or 60000. */
  readonly after: Duration;
  /** Default `onWrite`. With `onReadAndWrite` a read is stored like a write, a list is then rewritten as a whole. */
  readonly update?: TtlUpdate;
}

/** A time to live as descriptors hold it. */
export interface Ttl {
  readonly ttlMs: number;
  readonly update: TtlUpdate;
}

export interface StateOptions<T> {
  /** How a value (an entry's value, an element) becomes bytes. Default: MessagePack for any plain data. */
  readonly codec?: Codec<T>;
  /** Raise it when the layout of T changes: a job with another version does not resume silently. Default: the codec's. */
  readonly version?: number;
  /**
   * Forgets what is older. Counted in processing time, per value, map entry or list element. An expired one is never
   * read; it is removed from storage a little later, at most a sixteenth of the time to live.
   */
  readonly ttl?: Duration | TtlOptions;
}

export interface ValueOptions<T> extends StateOptions<T> {
  /** What `get` returns while nothing is stored. Objects are handed out as copies. */
  readonly default?: T;
}

interface DescriptorBase<T> {
  readonly codec: Codec<T>;
  readonly version: number;
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

export type StateDescriptor =
  | ValueDescriptor<unknown, unknown>
  | ListDescriptor<unknown>
  | MapDescriptor<unknown, unknown>
  // biome-ignore lint/suspicious/noExplicitAny: a function's parameters do not widen as the other descriptors do
  | ReducingDescriptor<any>;

/** States by name. */
export type StateDescriptors = Readonly<Record<string, StateDescriptor>>;

/** What an operator stores under one name, for the plan hash and the check of a resumed job. */
export interface StateLayout {
  readonly state: string;
  readonly shape: StateShape;
  readonly codec: string;
  readonly version: number;
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
  checkOptions("value state", options, ["codec", "version", "ttl", "default"]);
  return Object.freeze({ kind: "value", default: options.default, ...base("value state", options) });
}

/**
 * One list per key.
 *
 * @throws {UnknownOptionError | InvalidOptionError | InvalidDurationError}
 */
export function list<T>(options: StateOptions<T> = {}): ListDescriptor<T> {
  checkOptions("list state", options, ["codec", "version", "ttl"]);
  return Object.freeze({ kind: "list", ...base("list state", options) });
}

/**
 * One map per key. Entry keys are strings, numbers, booleans, bigints or null.
 *
 * @throws {UnknownOptionError | InvalidOptionError | InvalidDurationError}
 */
export function map<K, V>(options: StateOptions<V> = {}): MapDescriptor<K, V> {
  checkOptions("map state", options, ["codec", "version", "ttl"]);
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
  checkOptions("reducing state", options, ["codec", "version", "ttl"]);
  return Object.freeze({ kind: "reducing", reduce, ...base("reducing state", options) });
}

/** The layout of a record of descriptors, in the order of their names. */
export function stateLayout(states: StateDescriptors): StateLayout[] {
  return Object.keys(states)
    .sort()
    .map((state) => {
      const { kind, codec, version, ttl } = states[state] as StateDescriptor;
      return {
        state,
        shape: kind === "list" || kind === "map" ? kind : "scalar",
        // With a time to live the expiry stands in front of each value, so the bytes are laid out differently.
        codec: ttl === undefined ? codec.name : `expiring(${codec.name})`,
        version,
      };
    });
}

function base<T>(owner: string, options: StateOptions<T>): DescriptorBase<T> {
  checkWholeNumber(owner, "version", options.version, 1);
  const codec = options.codec ?? (msgpackCodec as Codec<T>);
  return { codec, version: options.version ?? codec.version, ttl: readTtl(owner, options.ttl) };
}

function readTtl(owner: string, ttl: Duration | TtlOptions | undefined): Ttl | undefined {
  if (ttl === undefined) return undefined;
  const options = typeof ttl === "object" && ttl !== null ? ttl : { after: ttl };
  checkOptions(`${owner} ttl`, options, ["after", "update"]);
  const update = options.update ?? "onWrite";
  if (update !== "onWrite" && update !== "onReadAndWrite")
    throw new InvalidOptionError(`${owner} ttl`, "update", update, '"onWrite" or "onReadAndWrite"');
  return { ttlMs: parseDuration(options.after, `${owner} ttl`, "positive"), update };
}
