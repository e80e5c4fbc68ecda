// ColumnDecoder — values from columns. The grammar stands in column-kinds.ts.
import type { ByteReader } from "./byte-reader.ts";
import { MalformedBytes } from "./byte-reader.ts";
import {
  BOOLEANS,
  DATES,
  DICTIONARY,
  LISTS,
  MAX_ROWS,
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
import { NumberArena, readNumbers } from "./number-column.ts";
import { readMessagePack, readStructured } from "./plain-values.ts";
import type { DecodedColumn, ShapeRegistry } from "./shape.ts";
import { readTexts } from "./text-column.ts";

/** One per thread: not reentrant, keeps scratch memory from batch to batch but nothing of the records. */
export class ColumnDecoder {
  readonly #shapes: ShapeRegistry;
  readonly #arena = new NumberArena();

  constructor(shapes: ShapeRegistry) {
    this.#shapes = shapes;
  }

  /**
   * Reads one column.
   * @throws {MalformedBytes} and whatever a broken body makes its decoder throw
   */
  decode(reader: ByteReader, rows: number): unknown[] {
    this.#arena.reset();
    return toArray(this.#read(reader, rows), 0, rows);
  }

  #read(reader: ByteReader, rows: number): DecodedColumn {
    const kind = reader.readByte();
    if (rows > MAX_ROWS && kind > STRUCTURED) throw new MalformedBytes(`a column of ${rows} rows`);
    switch (kind) {
      case MSGPACK:
        return readMessagePack(reader, rows);
      case STRUCTURED:
        return readStructured(reader, rows);
      case NULL:
        return new Array<null>(rows).fill(null);
      case UNDEFINED:
        return new Array<undefined>(rows).fill(undefined);
      case BOOLEANS:
        return readBooleans(reader, rows);
      case NUMBERS:
        return readNumbers(reader, rows, this.#arena);
      case TEXTS:
        return readTexts(reader, rows, this.#arena);
      case DICTIONARY:
        return this.#readDictionary(reader, rows);
      case OBJECTS:
        return this.#readObjects(reader, rows);
      case TUPLES:
        return buildTuples(this.#readColumns(reader, reader.readByte(), rows), rows);
      case LISTS:
        return this.#readLists(reader, rows);
      case UNION:
        return this.#readUnion(reader, rows);
      case DATES:
        return this.#readDates(reader, rows);
      default:
        throw new MalformedBytes(`column kind ${kind}`);
    }
  }

  #readColumns(reader: ByteReader, columns: number, rows: number): DecodedColumn[] {
    const read = new Array<DecodedColumn>(columns);
    for (let c = 0; c < columns; c++) read[c] = this.#read(reader, rows);
    return read;
  }

  #readDictionary(reader: ByteReader, rows: number): string[] {
    const distinct = readTexts(reader, reader.readVarint(), this.#arena);
    const positions = readNumbers(reader, rows, this.#arena);
    const texts = new Array<string>(rows);
    for (let i = 0; i < rows; i++) texts[i] = distinct[positions[i]!]!;
    return texts;
  }

  #readObjects(reader: ByteReader, rows: number): unknown[] {
    const length = reader.readVarint();
    const start = reader.take(length);
    const json = reader.bytes.toString("utf8", start, start + length);
    const shape = this.#shapes.ofJson(json);
    if (shape === undefined) throw new MalformedBytes(`shape ${json}`);
    shape.noteRows(rows);
    return shape.build(this.#readColumns(reader, shape.names.length, rows), rows);
  }

  #readLists(reader: ByteReader, rows: number): unknown[][] {
    const lengths = readNumbers(reader, rows, this.#arena);
    const elements = this.#read(reader, reader.readVarint());
    const lists = new Array<unknown[]>(rows);
    let at = 0;
    for (let i = 0; i < rows; i++) {
      const end = at + lengths[i]!;
      lists[i] = Array.isArray(elements) ? elements.slice(at, end) : toArray(elements, at, end);
      at = end;
    }
    return lists;
  }

  #readUnion(reader: ByteReader, rows: number): unknown[] {
    const classes = reader.readByte();
    const tags: ArrayLike<number | boolean> =
      classes === 2 ? readBooleans(reader, rows) : reader.bytes.subarray(reader.take(rows), reader.position);
    const counts = new Array<number>(classes).fill(0);
    for (let i = 0; i < rows; i++) counts[Number(tags[i])]!++;
    const columns = counts.map((count) => this.#read(reader, count));
    const next = new Array<number>(classes).fill(0);
    const values = new Array<unknown>(rows);
    for (let i = 0; i < rows; i++) {
      const tag = Number(tags[i]);
      values[i] = columns[tag]![next[tag]!++];
    }
    return values;
  }

  #readDates(reader: ByteReader, rows: number): Date[] {
    const times = readNumbers(reader, rows, this.#arena);
    const dates = new Array<Date>(rows);
    for (let i = 0; i < rows; i++) dates[i] = new Date(times[i]!);
    return dates;
  }
}

/** Rows `from` to `end` as an array that may leave the decoder; typed columns belong to its arena. */
function toArray(column: DecodedColumn, from: number, end: number): unknown[] {
  if (Array.isArray(column)) return column as unknown[];
  const values = new Array<unknown>(end - from);
  for (let i = from; i < end; i++) values[i - from] = column[i];
  return values;
}

function readBooleans(reader: ByteReader, rows: number): boolean[] {
  const start = reader.take((rows + 7) >> 3);
  const { bytes } = reader;
  const values = new Array<boolean>(rows);
  for (let i = 0; i < rows; i++) values[i] = ((bytes[start + (i >> 3)]! >> (i & 7)) & 1) === 1;
  return values;
}

/** Literals for the common sizes: they are made with their elements in one step. */
function buildTuples(columns: readonly DecodedColumn[], rows: number): unknown[][] {
  const tuples = new Array<unknown[]>(rows);
  const [a, b, c, d] = columns as [DecodedColumn, DecodedColumn, DecodedColumn, DecodedColumn];
  switch (columns.length) {
    case 1:
      for (let i = 0; i < rows; i++) tuples[i] = [a[i]];
      break;
    case 2:
      for (let i = 0; i < rows; i++) tuples[i] = [a[i], b[i]];
      break;
    case 3:
      for (let i = 0; i < rows; i++) tuples[i] = [a[i], b[i], c[i]];
      break;
    case 4:
      for (let i = 0; i < rows; i++) tuples[i] = [a[i], b[i], c[i], d[i]];
      break;
    default:
      for (let i = 0; i < rows; i++) tuples[i] = columns.map((column) => column[i]);
  }
  return tuples;
}
