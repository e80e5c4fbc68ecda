// ColumnEncoder — decides for every column of a batch how it is written. The grammar stands in column-kinds.ts.

import { fitsMessagePack } from "../core/plain-data.ts";
import type { ByteWriter } from "./byte-writer.ts";
import {
  BOOLEANS,
  DATES,
  DICTIONARY,
  LISTS,
  MAX_ROWS,
  MAX_TUPLE,
  MSGPACK,
  NULL,
  NUMBERS,
  OBJECTS,
  STRUCTURED,
  TEXTS,
  TUPLES,
  UNDEFINED,
  UNION,
} from "./column-kinds.ts";
import { writeNumbers } from "./number-column.ts";
import { writeMessagePack, writeStructured } from "./plain-values.ts";
import type { Property, Shape, ShapeRegistry } from "./shape.ts";
import { elementProperty } from "./shape.ts";
import { writeTexts } from "./text-column.ts";
import { classify } from "./value-classes.ts";

/** Values nested deeper than this are written as plain values: there cycles end, refused with their path. */
const MAX_DEPTH = 8;

const INITIAL_ROWS = 1_024;
/** Scratch for more rows than this is given back after the batch that needed it. */
const KEPT_ROWS = 65_536;

/** A dictionary is made when these first rows promise that it pays: every saved byte is written, sent and read. */
const SAMPLE_ROWS = 32;
const MIN_DICTIONARY_ROWS = 16;
const SAVED_PER_ROW = 6;
const REPEATS_PER_TEXT = 8;

const elementProperties: readonly Property[] = Array.from({ length: MAX_TUPLE }, (_, k) =>
  elementProperty(k),
);

/** One per thread: not reentrant, keeps scratch memory from batch to batch but nothing of the records. */
export class ColumnEncoder {
  readonly #writer: ByteWriter;
  readonly #shapes: ShapeRegistry;
  #numbers: Float64Array = new Float64Array(INITIAL_ROWS);
  #positions: Float64Array = new Float64Array(INITIAL_ROWS);
  #where = "";

  constructor(writer: ByteWriter, shapes: ShapeRegistry) {
    this.#writer = writer;
    this.#shapes = shapes;
  }

  /**
   * Writes one column with a row per value.
   *
   * @param where names the channel in errors
   * @throws {NotSerialisableError} for functions, symbols, class instances and cycles
   */
  encode(values: readonly unknown[], where: string): void {
    this.#where = where;
    if (values.length <= KEPT_ROWS && this.#numbers.length > KEPT_ROWS) this.#resizeScratch(INITIAL_ROWS);
    if (this.#numbers.length < values.length) this.#resizeScratch(2 * values.length);
    this.#write(values, 0);
  }

  #resizeScratch(rows: number): void {
    this.#numbers = new Float64Array(rows);
    this.#positions = new Float64Array(rows);
  }

  #write(values: readonly unknown[], depth: number): void {
    const rows = values.length;
    if (rows > MAX_ROWS) {
      this.#writePlain(values);
      return;
    }
    const first = values[0];
    switch (typeof first) {
      case "number":
        if (copyNumbers(values, rows, this.#numbers) < rows) break;
        this.#writeNumbers(NUMBERS, rows);
        return;
      case "string":
        if (!allOfType(values, "string")) break;
        this.#writeTexts(values as readonly string[]);
        return;
      case "boolean":
        if (!allOfType(values, "boolean")) break;
        this.#writer.writeByte(BOOLEANS);
        this.#writeBits(values, true);
        return;
      case "undefined":
        if (!allOfType(values, "undefined")) break;
        this.#writer.writeByte(UNDEFINED);
        return;
      case "object":
        if (depth > MAX_DEPTH) {
          this.#writePlain(values);
          return;
        }
        if (first === null ? this.#tryNulls(values) : this.#tryObjects(values, first, depth)) return;
        break;
      default:
        break;
    }
    this.#writeMixed(values, depth);
  }

  #tryNulls(values: readonly unknown[]): boolean {
    for (let i = 0; i < values.length; i++) if (values[i] !== null) return false;
    this.#writer.writeByte(NULL);
    return true;
  }

  #tryObjects(values: readonly unknown[], first: object, depth: number): boolean {
    switch (first.constructor) {
      case Object: {
        const shape = this.#shapes.ofRow(first);
        if (shape === undefined || shape.firstMismatch(values, 0, values.length) < values.length)
          return false;
        this.#writeObjects(values, shape, depth);
        return true;
      }
      case Array:
        return this.#tryArrays(values, (first as unknown[]).length, depth);
      case Date:
        return this.#tryDates(values);
      default:
        return false;
    }
  }

  #writeObjects(values: readonly unknown[], shape: Shape, depth: number): void {
    shape.noteRows(values.length);
    this.#writer.writeByte(OBJECTS);
    this.#writer.writeVarint(shape.jsonBytes.length);
    this.#writer.writeBytes(shape.jsonBytes);
    for (let c = 0; c < shape.names.length; c++) this.#writeProperty(shape.property(c), values, depth);
  }

  #writeProperty(property: Property, rows: readonly unknown[], depth: number): void {
    const count = rows.length;
    switch (typeof property.of(rows[0])) {
      case "number":
        if (property.numbers(rows, count, this.#numbers) < count) break;
        this.#writeNumbers(NUMBERS, count);
        return;
      case "string": {
        const texts = new Array<string>(count);
        if (property.texts(rows, count, texts) < count) break;
        this.#writeTexts(texts);
        return;
      }
      default:
        break;
    }
    const values = new Array<unknown>(count);
    property.any(rows, count, values);
    this.#write(values, depth + 1);
  }

  #tryArrays(values: readonly unknown[], size: number, depth: number): boolean {
    let total = 0;
    let sameSize = true;
    for (let i = 0; i < values.length; i++) {
      const array = values[i];
      if (!Array.isArray(array) || array.constructor !== Array) return false;
      if (array.length !== size) sameSize = false;
      total += array.length;
    }
    if (sameSize && size > 0 && size <= MAX_TUPLE) this.#writeTuples(values, size, depth);
    else this.#writeLists(values as readonly unknown[][], total, depth);
    return true;
  }

  #writeTuples(values: readonly unknown[], size: number, depth: number): void {
    this.#writer.writeByte(TUPLES);
    this.#writer.writeByte(size);
    for (let c = 0; c < size; c++) this.#writeProperty(elementProperties[c]!, values, depth);
  }

  #writeLists(values: readonly unknown[][], total: number, depth: number): void {
    this.#writer.writeByte(LISTS);
    for (let i = 0; i < values.length; i++) this.#numbers[i] = values[i]!.length;
    writeNumbers(this.#writer, this.#numbers, values.length);
    this.#writer.writeVarint(total);
    const elements = new Array<unknown>(total);
    let at = 0;
    for (let i = 0; i < values.length; i++) {
      const array = values[i]!;
      for (let k = 0; k < array.length; k++) elements[at++] = array[k];
    }
    // The only place where a column grows longer than the batch.
    if (this.#numbers.length < total) this.#resizeScratch(2 * total);
    this.#write(elements, depth + 1);
  }

  #tryDates(values: readonly unknown[]): boolean {
    for (let i = 0; i < values.length; i++) {
      const date = values[i];
      if (!(date instanceof Date) || date.constructor !== Date) return false;
      this.#numbers[i] = date.getTime();
    }
    this.#writeNumbers(DATES, values.length);
    return true;
  }

  #writeNumbers(kind: number, rows: number): void {
    this.#writer.writeByte(kind);
    writeNumbers(this.#writer, this.#numbers, rows);
  }

  #writeBits(values: ArrayLike<unknown>, set: unknown): void {
    const writer = this.#writer;
    const size = (values.length + 7) >> 3;
    writer.reserve(size);
    const { bytes, position } = writer;
    bytes.fill(0, position, position + size);
    for (let i = 0; i < values.length; i++)
      if (values[i] === set) bytes[position + (i >> 3)]! |= 1 << (i & 7);
    writer.position += size;
  }

  #writeTexts(texts: readonly string[]): void {
    if (promisesRepeats(texts)) {
      this.#writeDictionary(texts);
      return;
    }
    this.#writer.writeByte(TEXTS);
    writeTexts(this.#writer, texts, this.#numbers);
  }

  #writeDictionary(texts: readonly string[]): void {
    const positions = this.#positions;
    const known = new Map<string, number>();
    const distinct: string[] = [];
    for (let i = 0; i < texts.length; i++) {
      const text = texts[i]!;
      let position = known.get(text);
      if (position === undefined) {
        position = distinct.length;
        distinct.push(text);
        known.set(text, position);
      }
      positions[i] = position;
    }
    this.#writer.writeByte(DICTIONARY);
    this.#writer.writeVarint(distinct.length);
    writeTexts(this.#writer, distinct, this.#numbers);
    writeNumbers(this.#writer, positions, texts.length);
  }

  #writeMixed(values: readonly unknown[], depth: number): void {
    const classes = classify(values, this.#shapes);
    if (classes === undefined) {
      this.#writePlain(values);
      return;
    }
    const writer = this.#writer;
    writer.writeByte(UNION);
    writer.writeByte(classes.rows.length);
    if (classes.rows.length === 2) this.#writeBits(classes.tags, 1);
    else writer.writeBytes(classes.tags);
    for (const rows of classes.rows) this.#write(rows, depth + 1);
  }

  #writePlain(values: readonly unknown[]): void {
    const exact = fitsMessagePack(values, this.#where);
    this.#writer.writeByte(exact ? MSGPACK : STRUCTURED);
    if (exact) writeMessagePack(this.#writer, values);
    else writeStructured(this.#writer, values);
  }
}

function copyNumbers(values: readonly unknown[], rows: number, out: Float64Array): number {
  for (let i = 0; i < rows; i++) {
    const value = values[i];
    if (typeof value !== "number") return i;
    out[i] = value;
  }
  return rows;
}

function allOfType(values: readonly unknown[], type: "string" | "boolean" | "undefined"): boolean {
  for (let i = 0; i < values.length; i++) if (typeof values[i] !== type) return false;
  return true;
}

function promisesRepeats(texts: readonly string[]): boolean {
  if (texts.length < MIN_DICTIONARY_ROWS) return false;
  const rows = Math.min(texts.length, SAMPLE_ROWS);
  const known = new Set<string>();
  let saved = 0;
  for (let i = 0; i < rows; i++) {
    const text = texts[i]!;
    if (known.has(text)) saved += text.length;
    else known.add(text);
  }
  return saved >= SAVED_PER_ROW * rows || known.size * REPEATS_PER_TEXT <= rows;
}
