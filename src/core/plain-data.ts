// Plain data — what may be stored or sent: numbers, strings, booleans, bigints, null, undefined, Date, Map, Set,
// Uint8Array, arrays and plain objects of these.
//
// MessagePack as we use it would silently turn -0 into 0, replace lone surrogates, rename a property `__proto__` and
// stumble over a property `toJSON` or `constructor`. So every value is looked at first: what it would change goes
// another, exact way, and what no way can carry is refused with the path to it.
import { EngineError } from "./errors.ts";

/** A value cannot be turned into bytes and back without loss. */
export class NotSerialisableError extends EngineError<"NOT_SERIALISABLE"> {
  readonly #path: string;
  readonly #what: string;

  constructor(where: string, path: string, what: string) {
    super(
      "NOT_SERIALISABLE",
      `${where}: ${path || "the value"} is ${what} and cannot be stored; ` +
        "store plain data (numbers, strings, booleans, bigints, Date, Map, Set, arrays, plain objects, Uint8Array) or give the state a codec",
      { details: { where, path, what } },
    );
    this.#path = path;
    this.#what = what;
  }

  /** The same, told by somebody who knows better where the value belongs. */
  foundIn(where: string): NotSerialisableError {
    return new NotSerialisableError(where, this.#path, this.#what);
  }
}

/** Own properties that msgpackr takes for more than data. */
const oddNames: ReadonlySet<string> = new Set(["__proto__", "constructor", "toJSON"]);

/** A string method of every Node we run on, newer than the library types we compile against. */
interface WellFormedText {
  isWellFormed(): boolean;
}

/**
 * Whether MessagePack keeps every one of the values exactly. Walks them whole.
 *
 * @param where names the channel or the state in the error
 * @throws {NotSerialisableError} for what cannot be stored or sent at all: functions, symbols, class instances, cycles
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
