// Calls of codecs — where user code turns state into bytes and back; what goes wrong there is told with operator, state
// and key.
//
// Hot: called once per value of a commit or a fetch. Names are put together only when something went wrong.
import { decodeAddress } from "../core/address.ts";
import type { Codec } from "../core/codec.ts";
import { EngineError, toError } from "../core/errors.ts";
import { decodeKey } from "../core/key-group.ts";
import { NotSerialisableError } from "../core/plain-data.ts";
import { shortJson } from "../core/short-json.ts";
import type { KeyScope } from "./key-scope.ts";
import {
  MigrationFailure,
  MigrationMissingError,
  StateMigrationError,
  StateNewerError,
} from "./version-errors.ts";
import { bodyOf, versionOf } from "./versioned-bytes.ts";

/** What a codec was asked to do. `copy` is both: what user code may change in place is copied through the codec. */
export type CodecStep = "encode" | "decode" | "copy";

const FAILED: Readonly<Record<CodecStep, readonly [what: string, remedy: string]>> = {
  encode: ["could not encode the value", "correct its encode, or store only values that it takes"],
  decode: [
    "could not decode what is stored",
    "correct its decode so that it reads all that it ever wrote, or start the job with fresh",
  ],
  copy: ["could not encode and decode the value", "correct it, or store only values that it takes"],
};

/** The codec of a state threw, or gave what cannot be stored. Repeating cannot help: the value stays the same. */
export class StateCodecError extends EngineError<"STATE_CODEC"> {
  /**
   * @param place key, with namespace and map entry where there are any, as shown to people
   * @param codec its name
   */
  constructor(
    operator: string,
    state: string,
    place: string,
    codec: string,
    step: CodecStep,
    cause: unknown,
  ) {
    const [what, remedy] = FAILED[step] ?? FAILED.copy;
    super(
      "STATE_CODEC",
      `operator "${operator}", state "${state}", ${place}: codec "${codec}" ${what} (${toError(cause).message}); ${remedy}`,
      { details: { operator, state, place, codec, step }, cause },
    );
  }
}

/**
 * @param field storage address of the value
 * @param entry encoded entry key, for a value of a map
 * @throws {StateCodecError}
 * @throws {NotSerialisableError} when the codec is the default one and the value is no plain data
 */
export function encodeValue(
  codec: Codec<unknown>,
  value: unknown,
  operator: string,
  state: string,
  field: string,
  entry?: string,
): Uint8Array {
  try {
    return bytesOf(codec, value);
  } catch (error) {
    throw failure(operator, state, placeOf(field, entry), codec, "encode", error);
  }
}

/**
 * A value of the version that the codec has; one that an earlier version wrote is migrated.
 *
 * @param stored version and value
 * @param field storage address of the value
 * @param entry encoded entry key, for a value of a map
 * @throws {StateCodecError | StateNewerError | StateMigrationError | MigrationMissingError}
 */
export function decodeValue(
  codec: Codec<unknown>,
  stored: Uint8Array,
  operator: string,
  state: string,
  field: string,
  entry?: string,
): unknown {
  try {
    if (versionOf(stored) === codec.version) return codec.decode(bodyOf(stored));
    return decodeOther(codec, stored, operator, state, field, entry);
  } catch (error) {
    throw failure(operator, state, placeOf(field, entry), codec, "decode", error);
  }
}

function decodeOther(
  codec: Codec<unknown>,
  stored: Uint8Array,
  operator: string,
  state: string,
  field: string,
  entry: string | undefined,
): unknown {
  const version = versionOf(stored);
  if (Number.isNaN(version)) throw new TypeError("no version stands in front of it");
  const { older } = codec;
  if (older?.codecs[version] !== undefined) return older.decode(version, bodyOf(stored));
  const where = `operator "${operator}", state "${state}", ${placeOf(field, entry)}`;
  throw version > codec.version
    ? new StateNewerError(where, version, codec.version)
    : new MigrationMissingError(where, version, codec.version);
}

/**
 * A copy of what user code may change in place although storage or a rollback needs the original.
 *
 * @throws {StateCodecError | NotSerialisableError}
 */
export function copyValue(codec: Codec<unknown>, value: unknown, scope: KeyScope, state: string): unknown {
  if (typeof value !== "object" || value === null) return value;
  try {
    return codec.decode(bytesOf(codec, value));
  } catch (error) {
    throw failure(scope.operator, state, `key ${shown(scope.key)}`, codec, "copy", error);
  }
}

/** Anything else than bytes would be stored as garbage, or break far from the codec that gave it. */
export function bytesOf(codec: Codec<unknown>, value: unknown): Uint8Array {
  const bytes: unknown = codec.encode(value);
  if (bytes instanceof Uint8Array) return bytes;
  throw new TypeError(`encode returned ${shortJson(bytes)} (${typeof bytes}) and no Uint8Array`);
}

function failure(
  operator: string,
  state: string,
  place: string,
  codec: Codec<unknown>,
  step: CodecStep,
  error: unknown,
): EngineError {
  const where = `operator "${operator}", state "${state}", ${place}`;
  if (error instanceof NotSerialisableError) return error.foundIn(where);
  if (error instanceof MigrationFailure) return new StateMigrationError(where, error);
  if (error instanceof StateNewerError || error instanceof MigrationMissingError) return error;
  return new StateCodecError(operator, state, place, codec.name, step, error);
}

function placeOf(field: string, entry: string | undefined): string {
  const { namespace, key } = decodeAddress(field);
  const inNamespace = namespace === undefined ? "" : `, namespace ${shown(namespace)}`;
  const atEntry = entry === undefined ? "" : `, entry ${shown(decodeKey(entry))}`;
  return `key ${shown(key)}${inNamespace}${atEntry}`;
}

function shown(key: unknown): string {
  return typeof key === "string" ? shortJson(key) : String(key);
}
