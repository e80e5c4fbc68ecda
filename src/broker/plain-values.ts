// Plain values — the body of last resort: any plain data, without columns.
//
//   msgpack    := length:varint bytes       a MessagePack array with record structures inside, by msgpackr
//   structured := length:varint bytes       V8's structured serialisation of an array
//
// MessagePack as we use it would silently turn -0 into 0, replace lone surrogates, rename a property `__proto__` and
// stumble over a property `toJSON` or `constructor`. So every value is looked at first: what it would change goes the slower, exact way, and what no way
// can carry (functions, class instances, cycles) is refused with the path to it.
import { deserialize, serialize } from "node:v8";
import { Packr } from "msgpackr";
import { NotSerialisableError } from "../core/codec.ts";
import type { ByteReader } from "./byte-reader.ts";
import { MalformedBytes } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

// No shared structures: every frame can be decoded alone. Buffers are copied so that no record keeps its frame alive.
const packr = new Packr({ useRecords: true, moreTypes: true, copyBuffers: true });

/** Own properties that msgpackr takes for more than data. */
const oddNames: ReadonlySet<string> = new Set(["__proto__", "constructor", "toJSON"]);

/** A string method of every Node we run on, newer than the library types we compile against. */
interface WellFormedText {
  isWellFormed(): boolean;
}

/**
 * Whether msgpackr keeps every one of the values exactly.
 *
 * @param where names the channel in the error
 * @throws {NotSerialisableError} for what cannot be sent at all
 */
export function fitsMessagePack(values: readonly unknown[], where: string): boolean {
  const inspection = new Inspection(where);
  for (let i = 0; i < values.length; i++) inspection.visit(values[i]);
  return inspection.exact;
}

class Inspection {
  exact = true;
  readonly #where: string;
  /** Objects that contain the one visited, with the name of the member that leads on. */
  readonly #above: object[] = [];
  readonly #path: string[] = [];

  constructor(where: string) {
    this.#where = where;
  }

  visit(value: unknown): void {
    switch (typeof value) {
      case "number":
        if (value === 0 && 1 / value < 0) this.exact = false;
        return;
      case "string":
        if (!(value as unknown as WellFormedText).isWellFormed()) this.exact = false;
        return;
      case "object":
        if (value !== null) this.#visitObject(value);
        return;
      case "function":
      case "symbol":
        this.#refuse(`a ${typeof value}`);
        break;
      default:
        return;
    }
  }

  #visitObject(value: object): void {
    if (value instanceof Date) return;
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      if (!(value instanceof Uint8Array)) this.exact = false;
      return;
    }
    if (this.#above.includes(value)) this.#refuse("a reference to one of its own parents");
    this.#above.push(value);
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) this.#visitMember(String(i), value[i]);
    } else if (value instanceof Map) {
      for (const [key, item] of value) {
        this.#visitMember("(key)", key);
        this.#visitMember(typeof key === "string" ? key : "(entry)", item);
      }
    } else if (value instanceof Set) {
      for (const item of value) this.#visitMember("(element)", item);
    } else {
      this.#visitProperties(value);
    }
    this.#above.pop();
  }

  #visitProperties(value: object): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null)
      this.#refuse(`an instance of class ${value.constructor?.name ?? "?"}`);
    for (const name of Object.keys(value)) {
      if (oddNames.has(name) || !(name as unknown as WellFormedText).isWellFormed()) this.exact = false;
      this.#visitMember(name, (value as Readonly<Record<string, unknown>>)[name]);
    }
  }

  #visitMember(name: string, value: unknown): void {
    if (typeof value === "number" || value === null) {
      if (value === 0 && 1 / value < 0) this.exact = false;
      return;
    }
    this.#path.push(name);
    this.visit(value);
    this.#path.pop();
  }

  #refuse(what: string): never {
    throw new NotSerialisableError(this.#where, this.#path.join("."), what);
  }
}

export function writeMessagePack(writer: ByteWriter, values: readonly unknown[]): void {
  writeSized(writer, packr.pack(values));
}

export function writeStructured(writer: ByteWriter, values: readonly unknown[]): void {
  writeSized(writer, serialize(values));
}

function writeSized(writer: ByteWriter, bytes: Uint8Array): void {
  writer.writeVarint(bytes.length);
  writer.writeBytes(bytes);
}

export function readMessagePack(reader: ByteReader, rows: number): unknown[] {
  return checked(packr.unpack(readSized(reader)), rows);
}

export function readStructured(reader: ByteReader, rows: number): unknown[] {
  // A copy: V8 makes typed arrays as views into the bytes they were read from.
  return checked(deserialize(Buffer.from(readSized(reader))), rows);
}

function readSized(reader: ByteReader): Buffer {
  const length = reader.readVarint();
  const start = reader.take(length);
  return reader.bytes.subarray(start, start + length);
}

function checked(values: unknown, rows: number): unknown[] {
  if (!Array.isArray(values) || values.length !== rows) throw new MalformedBytes(`${rows} values expected`);
  return values;
}
