// Codec — how a value of user state or of a position becomes bytes, and which version wrote them.
import { Packr } from "msgpackr";
import { EngineError } from "./errors.ts";

/** Turns values into bytes and back. `name` and `version` are stored beside the job's state layout. */
export interface Codec<T> {
  readonly name: string;
  /** Positive integer; raise it when the layout of T changes. */
  readonly version: number;
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** A value cannot be turned into bytes and back without loss. */
export class NotSerialisableError extends EngineError<"NOT_SERIALISABLE"> {
  constructor(where: string, path: string, what: string) {
    super(
      "NOT_SERIALISABLE",
      `${where}: ${path || "the value"} is ${what} and cannot be stored; ` +
        "store plain data (numbers, strings, booleans, bigints, Date, Map, Set, arrays, plain objects, Uint8Array) or give the state a codec",
      { details: { where, path, what } },
    );
  }
}

// Record structures stand in each value itself, so bytes can be decoded by any process and version.
const packr = new Packr({ useRecords: true, moreTypes: true, copyBuffers: true });

/** MessagePack for any plain data; keeps Map, Set, Date, bigint and Uint8Array. */
export const msgpackCodec: Codec<unknown> = {
  name: "msgpack",
  version: 1,
  encode: (value) => packr.pack(value),
  decode: (bytes) => packr.unpack(bytes),
};

/**
 * Refuses a value that {@link msgpackCodec} would silently change: functions, symbols, class instances, cycles.
 *
 * Walks the whole value, so callers check a sample, not every write.
 *
 * @param where names the state or position in the error, for example `operator "count", state "total"`
 * @throws {NotSerialisableError}
 */
export function assertSerialisable(value: unknown, where: string): void {
  check(value, where, "", new Set());
}

function check(value: unknown, where: string, path: string, above: Set<object>): void {
  if (typeof value === "function" || typeof value === "symbol")
    throw new NotSerialisableError(where, path, `a ${typeof value}`);
  if (typeof value !== "object" || value === null) return;
  if (above.has(value)) throw new NotSerialisableError(where, path, "a reference to one of its own parents");
  if (value instanceof Date || value instanceof Uint8Array) return;
  above.add(value);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) check(value[i], where, `${path}[${i}]`, above);
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      check(key, where, `${path} key`, above);
      check(item, where, `${path}.get(${String(key)})`, above);
    }
  } else if (value instanceof Set) {
    for (const item of value) check(item, where, `${path} element`, above);
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null)
      throw new NotSerialisableError(where, path, `an instance of class ${value.constructor?.name ?? "?"}`);
    for (const [name, item] of Object.entries(value))
      check(item, where, path === "" ? name : `${path}.${name}`, above);
  }
  above.delete(value);
}
