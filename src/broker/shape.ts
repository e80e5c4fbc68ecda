// Shape — what is known about plain objects with the same property names in the same order.
//
// A column encoder that reads `rows[i][name]` for many names is slow: that one place sees every name and every
// hidden class. So a shape that is used often gets code of its own, made from source text, in which each property
// has its own place, and a factory that makes objects by a literal. Measured with bench/codec.ts: full bids encode
// 1.2 times and decode 1.7 times as fast as by the loops, records of three numbers 1.5 and 2.8 times. Where the process
// forbids making code (--disallow-code-generation-from-strings), the loops do it all.
//
// Only property names enter the source, as JSON texts.

/** What code is worth: making it takes about as long as handling this many rows without it. */
const ROWS_BEFORE_CODE = 1_000;

type Row = Readonly<Record<string, unknown>>;

/** The first `rows` rows that are of the kind, copied to `out`; returns how many. */
type CopyNumbers = (rows: readonly unknown[], count: number, out: Float64Array) => number;
type CopyTexts = (rows: readonly unknown[], count: number, out: string[]) => number;
type CopyAny = (rows: readonly unknown[], count: number, out: unknown[]) => number;

/** One property of all rows, as a column. */
export interface Property {
  readonly of: (row: unknown) => unknown;
  readonly numbers: CopyNumbers;
  readonly texts: CopyTexts;
  readonly any: CopyAny;
}

export type DecodedColumn = Int32Array | Float64Array | readonly unknown[];

export class Shape {
  readonly names: readonly string[];
  /** JSON array of the names in UTF-8: how the shape stands in a frame. */
  readonly jsonBytes: Uint8Array;
  #rowsSeen = 0;
  #code: boolean;
  #matches: ((rows: readonly unknown[], from: number, count: number) => number) | undefined;
  #properties: Property[];
  #build: ((columns: readonly DecodedColumn[], count: number) => unknown[]) | undefined;

  constructor(names: readonly string[], json: string, allowCode: boolean) {
    this.names = names;
    this.jsonBytes = Buffer.from(json);
    this.#code = allowCode;
    this.#properties = names.map(propertyByLoop);
  }

  /** @returns the first row at or after `from` that is not of this shape, or `count` */
  firstMismatch(rows: readonly unknown[], from: number, count: number): number {
    if (this.#matches !== undefined) return this.#matches(rows, from, count);
    return mismatchByLoop(this.names, rows, from, count);
  }

  property(index: number): Property {
    return this.#properties[index]!;
  }

  /** Objects from columns, in the order of the names. */
  build(columns: readonly DecodedColumn[], count: number): unknown[] {
    if (this.#build !== undefined) return this.#build(columns, count);
    return buildByLoop(this.names, columns, count);
  }

  /** Tells that `count` rows are about to be encoded or decoded. */
  noteRows(count: number): void {
    if (!this.#code) return;
    this.#rowsSeen += count;
    if (this.#rowsSeen < ROWS_BEFORE_CODE) return;
    this.#code = false;
    this.#makeCode();
  }

  #makeCode(): void {
    try {
      const matches = makeMatches(this.names);
      const properties = this.names.map(makeProperty);
      this.#build = makeBuild(this.names);
      this.#matches = matches;
      this.#properties = properties;
    } catch (error) {
      // Code generation is forbidden: EvalError. The loops go on.
      if (!(error instanceof EvalError)) throw error;
    }
  }
}

const MAX_SHAPES = 1_000;
const MAX_PROPERTIES = 256;

/** All shapes this thread has met; forgotten at once when they are too many, for they only cost time to meet again. */
export class ShapeRegistry {
  readonly #shapes = new Map<string, Shape>();
  readonly #allowCode: boolean;

  /** @param allowCode false: never make code from source text, as if the process forbade it */
  constructor(allowCode = true) {
    this.#allowCode = allowCode;
  }

  /** The shape of `row`; undefined when the row is not a plain object or has a name that a literal cannot carry. */
  ofRow(row: unknown): Shape | undefined {
    if (!isPlainObject(row)) return undefined;
    const names = Object.keys(row);
    if (names.length > MAX_PROPERTIES) return undefined;
    return this.ofJson(JSON.stringify(names), names);
  }

  /**
   * @param json array of names; `names` are the same, when the caller has them
   * @returns undefined for names that no shape has
   */
  ofJson(json: string, names?: readonly string[]): Shape | undefined {
    const known = this.#shapes.get(json);
    if (known !== undefined) return known;
    const parsed = names ?? (JSON.parse(json) as readonly string[]);
    if (!Array.isArray(parsed) || parsed.includes("__proto__")) return undefined;
    if (this.#shapes.size >= MAX_SHAPES) this.#shapes.clear();
    const shape = new Shape(parsed, json, this.#allowCode);
    this.#shapes.set(json, shape);
    return shape;
  }
}

/** Its prototype is Object.prototype, as far as one cheap load can tell; an own `constructor` makes the answer no. */
export function isPlainObject(value: unknown): value is Row {
  return typeof value === "object" && value !== null && value.constructor === Object;
}

// Without code ------------------------------------------------------------------------------------------------------

function mismatchByLoop(
  names: readonly string[],
  rows: readonly unknown[],
  from: number,
  count: number,
): number {
  for (let r = from; r < count; r++) {
    const row = rows[r];
    if (!isPlainObject(row)) return r;
    let position = 0;
    for (const name in row) if (name !== names[position++]) return r;
    if (position !== names.length) return r;
  }
  return count;
}

function propertyByLoop(name: string | number): Property {
  return {
    of: (row) => (row as Row)[name],
    numbers: (rows, count, out) => {
      for (let i = 0; i < count; i++) {
        const value = (rows[i] as Row)[name];
        if (typeof value !== "number") return i;
        out[i] = value;
      }
      return count;
    },
    texts: (rows, count, out) => {
      for (let i = 0; i < count; i++) {
        const value = (rows[i] as Row)[name];
        if (typeof value !== "string") return i;
        out[i] = value;
      }
      return count;
    },
    any: (rows, count, out) => {
      for (let i = 0; i < count; i++) out[i] = (rows[i] as Row)[name];
      return count;
    },
  };
}

/** An element of arrays, as a column. */
export function elementProperty(index: number): Property {
  return propertyByLoop(index);
}

function buildByLoop(names: readonly string[], columns: readonly DecodedColumn[], count: number): unknown[] {
  const template: Record<string, unknown> = {};
  for (const name of names) template[name] = undefined;
  const rows = new Array<Record<string, unknown>>(count);
  // Copies of one template share its hidden class; adding the names one by one would walk there for every row.
  for (let i = 0; i < count; i++) rows[i] = { ...template };
  for (let c = 0; c < names.length; c++) {
    const name = names[c]!;
    const column = columns[c]!;
    for (let i = 0; i < count; i++) rows[i]![name] = column[i];
  }
  return rows;
}

// With code: every call makes functions of their own, whose property accesses stay monomorphic ------------------------

function makeMatches(
  names: readonly string[],
): (rows: readonly unknown[], from: number, count: number) => number {
  return new Function(
    "names",
    `return function matches(rows, from, count) {
      for (let r = from; r < count; r++) {
        const row = rows[r];
        if (typeof row !== "object" || row === null || row.constructor !== Object) return r;
        let position = 0;
        for (const name in row) if (name !== names[position++]) return r;
        if (position !== ${names.length}) return r;
      }
      return count;
    }`,
  )(names);
}

function makeProperty(name: string): Property {
  const value = `rows[i][${JSON.stringify(name)}]`;
  const copy = (test: string): string =>
    `function (rows, count, out) {
      for (let i = 0; i < count; i++) {
        const value = ${value};
        ${test}
        out[i] = value;
      }
      return count;
    }`;
  return new Function(`return {
    of: function (row) { return row[${JSON.stringify(name)}]; },
    numbers: ${copy('if (typeof value !== "number") return i;')},
    texts: ${copy('if (typeof value !== "string") return i;')},
    any: ${copy("")},
  }`)();
}

function makeBuild(
  names: readonly string[],
): (columns: readonly DecodedColumn[], count: number) => unknown[] {
  const columns = names.map((_, c) => `c${c} = columns[${c}]`).join(", ");
  const members = names.map((name, c) => `${JSON.stringify(name)}: c${c}[i]`).join(", ");
  return new Function(
    `return function build(columns, count) {
      ${names.length === 0 ? "" : `const ${columns};`}
      const rows = new Array(count);
      for (let i = 0; i < count; i++) rows[i] = { ${members} };
      return rows;
    }`,
  )();
}
