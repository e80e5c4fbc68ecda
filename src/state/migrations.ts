// Migrations — how values that earlier versions of a state wrote become values of the current one, step by step.
//
// Every stored value says which version wrote it (versioned-bytes.ts), so nothing is rewritten when a job resumes with a
// new version: a value is migrated when it is read, and stored in the new version with the next epoch.
//
// Law S4 (docs/laws.md): any mix of versions in storage reads as if all of it had been migrated at once.
import { type Codec, msgpackCodec } from "../core/codec.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import { MigrationFailure } from "./version-errors.ts";

export interface MigrationsOptions<T> {
  /** The oldest version that is still read. Default 1. */
  readonly from?: number;
  /** How that version was stored. Default: the state's codec. */
  readonly codec?: Codec<T>;
}

/** One version that is no longer written. */
interface Step {
  readonly version: number;
  /** How it was stored; undefined: as the current one. */
  readonly codec: Codec<unknown> | undefined;
  readonly migrate: (old: never) => unknown;
}

/** A chain of versions, the last of which has values of type T. Made by {@link migrations}; never changed. */
export class Migrations<T> {
  /** The version at which the chain ends. */
  readonly version: number;
  readonly #steps: readonly Step[];
  /** How {@link version} was stored, when a later one has another codec. */
  readonly #codec: Codec<unknown> | undefined;

  /** Use {@link migrations}. */
  constructor(version: number, steps: readonly Step[], codec: Codec<unknown> | undefined) {
    this.version = version;
    this.#steps = steps;
    this.#codec = codec;
  }

  /**
   * Adds the next version.
   *
   * @param migrate makes a value of the next version of one of this version; a pure function, never undefined
   * @param options `codec`: how the next version was stored, when the current one has another codec
   * @throws {InvalidOptionError | UnknownOptionError}
   */
  to<N>(migrate: (old: T) => N, options: { readonly codec?: Codec<N> } = {}): Migrations<N> {
    if (typeof migrate !== "function")
      throw new InvalidOptionError(
        "migrations",
        `step to version ${this.version + 1}`,
        migrate,
        "a function (old) => next",
      );
    checkOptions("migrations", options, ["codec"]);
    const step: Step = { version: this.version, codec: this.#codec, migrate };
    return new Migrations<N>(this.version + 1, [...this.#steps, step], options.codec as Codec<unknown>);
  }

  /**
   * The codec of the current version, able to read all versions of the chain.
   *
   * @throws {InvalidOptionError} when the last version has a codec in the chain too
   */
  applyTo(owner: string, codec: Codec<T>): Codec<T> {
    if (this.#codec !== undefined)
      throw new InvalidOptionError(
        owner,
        "migrate",
        this.#codec,
        "no codec for the last version of the chain: that is the state's own",
      );
    return new VersionedCodec(codec, this.version, this.#steps) as Codec<unknown> as Codec<T>;
  }
}

/**
 * Begins a chain of migrations with the oldest version that may still be stored.
 *
 * `migrations<Total>().to((total) => ({ total, count: 0 })).to((old) => ({ ...old, since: 0 }))` reads versions 1 and 2;
 * the current one is 3. A step must stay for as long as anything of its version may be stored.
 *
 * @throws {InvalidOptionError | UnknownOptionError}
 */
export function migrations<T>(options: MigrationsOptions<T> = {}): Migrations<T> {
  checkOptions("migrations", options, ["from", "codec"]);
  checkVersion("migrations", "from", options.from);
  return new Migrations<T>(options.from ?? 1, [], options.codec as Codec<unknown> | undefined);
}

/**
 * A codec that also reads what earlier versions of it wrote: for accumulators of windows and aggregates, whose codec is
 * all they say about storage. Its version is the last one of the chain.
 *
 * @throws {InvalidOptionError}
 */
export function migratingCodec<T>(codec: Codec<T>, chain: Migrations<T>): Codec<T> {
  checkMigrations("migratingCodec", chain);
  return chain.applyTo("migratingCodec", codec);
}

/** The codec of a state, in the version that the state has. */
export function versionedCodec<T>(codec: Codec<T>, version: number): Codec<T> {
  return codec.version === version
    ? codec
    : (new VersionedCodec(codec as Codec<unknown>, version, []) as Codec<unknown> as Codec<T>);
}

/** @throws {InvalidOptionError} when it is no chain */
export function checkMigrations(owner: string, chain: unknown): void {
  if (!(chain instanceof Migrations))
    throw new InvalidOptionError(owner, "migrate", chain, "a chain made by migrations()");
}

/** Versions stand in front of every stored value, so they are small whole numbers. */
const LARGEST_VERSION = 2 ** 31 - 1;

/** @throws {InvalidOptionError} */
export function checkVersion(owner: string, option: string, version: unknown): void {
  checkWholeNumber(owner, option, version, 1);
  if (version !== undefined && (version as number) > LARGEST_VERSION)
    throw new InvalidOptionError(owner, option, version, `a whole number of at most ${LARGEST_VERSION}`);
}

/** The default codec writes it: what is no plain data can be refused before it is written. */
export function storesPlainData(codec: Codec<unknown>): boolean {
  return codec === msgpackCodec || (codec instanceof VersionedCodec && codec.inner === msgpackCodec);
}

class VersionedCodec implements Codec<unknown> {
  readonly inner: Codec<unknown>;
  readonly name: string;
  readonly version: number;
  readonly older: Codec<unknown>["older"];

  constructor(inner: Codec<unknown>, version: number, steps: readonly Step[]) {
    this.inner = inner;
    this.name = inner.name;
    this.version = version;
    if (steps.length === 0) return;
    const codecs: Record<number, string> = {};
    for (const step of steps) codecs[step.version] = (step.codec ?? inner).name;
    this.older = { codecs, decode: (from, bytes) => migrate(inner, steps, from, bytes) };
  }

  encode(value: unknown): Uint8Array {
    return this.inner.encode(value);
  }

  decode(bytes: Uint8Array): unknown {
    return this.inner.decode(bytes);
  }
}

function migrate(inner: Codec<unknown>, steps: readonly Step[], from: number, bytes: Uint8Array): unknown {
  const first = from - (steps[0] as Step).version;
  let value = ((steps[first] as Step).codec ?? inner).decode(bytes);
  for (let i = first; i < steps.length; i++) {
    const step = steps[i] as Step;
    try {
      value = step.migrate(value as never);
      if (value === undefined) throw new TypeError("it returned undefined");
    } catch (error) {
      throw new MigrationFailure(step.version, step.version + 1, error);
    }
  }
  return value;
}
