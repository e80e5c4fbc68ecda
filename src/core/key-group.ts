// Key groups — key -> hash -> one of 256 groups -> partition. The group is the unit in which state moves.
//
// Laws (docs/laws.md)
//   K1  A key belongs to exactly one key group, on every worker, version and partition count.
//   K2  The ranges of all partitions of a stage cover every key group exactly once.
//   K3  partitionOfKeyGroup agrees with keyGroupRange.
import { EngineError } from "./errors.ts";
import { shortJson } from "./short-json.ts";

/** Fixed for the life of a job: state is filed under these. */
export const KEY_GROUPS = 256;

/** What may be a key without a codec. `1` and `"1"` are different keys. */
export type PrimitiveKey = string | number | boolean | bigint | null;

/** A keyBy returned something that has no stable identity. */
export class UnsupportedKeyError extends EngineError<"UNSUPPORTED_KEY"> {
  constructor(operator: string, key: unknown) {
    const shown = typeof key === "object" ? shortJson(key) : String(key);
    super(
      "UNSUPPORTED_KEY",
      `operator "${operator}": the key ${shown} is ${key === undefined ? "undefined" : `of type ${typeof key}`}; ` +
        "return a string, number, boolean, bigint or null, or pass keyBy a keyCodec that turns it into a string",
      { details: { operator, key: shown, type: typeof key } },
    );
  }
}

const NUMBER_SCRATCH = new DataView(new ArrayBuffer(8));

/** 32-bit finalizer of MurmurHash3 (Appleby, public domain): every input bit reaches every output bit. */
function mix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function hashString(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h ^ text.length);
}

/**
 * Stable 32-bit hash of a primitive key. Never changes: stored state depends on it (law K1).
 *
 * @throws {UnsupportedKeyError} for objects, functions, symbols, undefined and NaN
 */
export function hashKey(key: unknown, operator = "keyBy"): number {
  switch (typeof key) {
    case "number": {
      if ((key | 0) === key) return mix(key ^ 0x9e3779b9);
      if (Number.isNaN(key)) throw new UnsupportedKeyError(operator, key);
      NUMBER_SCRATCH.setFloat64(0, key);
      return mix(NUMBER_SCRATCH.getInt32(0) ^ mix(NUMBER_SCRATCH.getInt32(4)));
    }
    case "string":
      return hashString(key, 0x811c9dc5);
    case "boolean":
      return key ? 0x2545f491 : 0x61c88647;
    case "bigint":
      return hashString(key.toString(36), 0x1b873593);
    default:
      if (key === null) return 0x3c6ef372;
      throw new UnsupportedKeyError(operator, key);
  }
}

/** 0 <= result < KEY_GROUPS. */
export function keyGroupOf(key: unknown, operator?: string): number {
  return hashKey(key, operator) & (KEY_GROUPS - 1);
}

/** The partition that owns a key group. */
export function partitionOfKeyGroup(keyGroup: number, partitions: number): number {
  return Math.floor((keyGroup * partitions) / KEY_GROUPS);
}

/** The groups `first <= group < end` that a partition owns. */
export interface KeyGroupRange {
  readonly first: number;
  readonly end: number;
}

export function keyGroupRange(partition: number, partitions: number): KeyGroupRange {
  return {
    first: Math.ceil((partition * KEY_GROUPS) / partitions),
    end: Math.ceil(((partition + 1) * KEY_GROUPS) / partitions),
  };
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * A key as text, for storage fields: one letter for its type, then its value. The inverse is {@link decodeKey}.
 */
export function encodeKey(key: unknown, operator = "keyBy"): string {
  switch (typeof key) {
    case "string":
      // Storage is UTF-8, where every lone surrogate would become the same character.
      return LONE_SURROGATE.test(key) ? `u${JSON.stringify(key)}` : `s${key}`;
    case "number":
      if (Number.isNaN(key)) throw new UnsupportedKeyError(operator, key);
      return Object.is(key, -0) ? "n0" : `n${key}`;
    case "boolean":
      return key ? "t" : "f";
    case "bigint":
      return `i${key}`;
    default:
      if (key === null) return "0";
      throw new UnsupportedKeyError(operator, key);
  }
}

export function decodeKey(text: string): PrimitiveKey {
  switch (text[0]) {
    case "s":
      return text.slice(1);
    case "u":
      return JSON.parse(text.slice(1)) as string;
    case "n":
      return Number(text.slice(1));
    case "i":
      return BigInt(text.slice(1));
    case "t":
      return true;
    case "f":
      return false;
    default:
      return null;
  }
}
