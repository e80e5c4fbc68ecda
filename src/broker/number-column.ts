// Number columns — integers as small offsets from their minimum, everything else as float64.
//
//   numbers := mark:u8 ints | deltas | floats            bits 0-2 of mark: bytes per offset, 0 | 1 | 2 | 4
//                                                        bits 4-5: 0 ints, 1 deltas, 2 floats
//                                                        bit 7: ints that all fit an int32
//   ints    := base:varint offset{rows}                  value = base + offset; bit 3 of mark: base is negative
//   deltas  := first:varint base:varint offset{rows - 1} value = value before + base + offset
//                                                        bits 3 and 6 of mark: first, base are negative
//   floats  := float64{rows}
//
// All numbers are little endian. Width 0 means that every offset is 0: a constant column takes a few bytes.
//
// Offsets beat varints here: no branch per byte, and epoch milliseconds of one frame span seconds, so they take one
// or two bytes. Deltas are taken when they are narrower: ascending ids and times over a long span.
//
// Hot: 3 to 8 ns per number both ways (bench/codec.ts). Exact for -0, NaN and infinities: those make a column float.
import type { ByteReader } from "./byte-reader.ts";
import { MalformedBytes } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

const WIDTH = 0x07;
const LAYOUT = 0x30;
const INTS = 0x00;
const DELTAS = 0x10;
const FLOATS = 0x20;
const FIRST_NEGATIVE = 0x08;
const BASE_NEGATIVE = 0x40;
const INT32 = 0x80;
const MAX_OFFSET = 0xffff_ffff;

interface IntegerRange {
  min: number;
  max: number;
  deltaMin: number;
  deltaMax: number;
}

// One object for all columns: the analysis is finished before the next one starts.
const range: IntegerRange = { min: 0, max: 0, deltaMin: 0, deltaMax: 0 };

/** Chooses the narrowest layout; `rows` is at least 1. */
function chooseLayout(numbers: Float64Array, rows: number): number {
  let min = numbers[0]!;
  let max = min;
  let deltaMin = Number.POSITIVE_INFINITY;
  let deltaMax = Number.NEGATIVE_INFINITY;
  let before = min;
  for (let i = 0; i < rows; i++) {
    const value = numbers[i]!;
    if (value !== Math.floor(value) || (value === 0 && 1 / value < 0)) return FLOATS;
    if (value < min) min = value;
    else if (value > max) max = value;
    if (i > 0) {
      const delta = value - before;
      if (delta < deltaMin) deltaMin = delta;
      if (delta > deltaMax) deltaMax = delta;
    }
    before = value;
  }
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max)) return FLOATS;
  range.min = min;
  range.max = max;
  range.deltaMin = rows === 1 ? 0 : deltaMin;
  range.deltaMax = rows === 1 ? 0 : deltaMax;
  const spread = max - min;
  const deltaSpread = range.deltaMax - range.deltaMin;
  if (spread <= 0xff || (spread <= MAX_OFFSET && widthOf(deltaSpread) >= widthOf(spread))) return INTS;
  // A delta between safe integers may itself be rounded, but not when the deltas lie this close together and to 0.
  return deltaSpread <= MAX_OFFSET && Math.abs(range.deltaMin) <= MAX_OFFSET ? DELTAS : FLOATS;
}

function widthOf(spread: number): number {
  if (spread === 0) return 0;
  if (spread <= 0xff) return 1;
  return spread <= 0xffff ? 2 : 4;
}

/**
 * Writes a column of numbers.
 *
 * @param numbers scratch of the caller: may hold anything afterwards
 */
export function writeNumbers(writer: ByteWriter, numbers: Float64Array, rows: number): void {
  const layout = rows === 0 ? FLOATS : chooseLayout(numbers, rows);
  if (layout === FLOATS) {
    writer.writeByte(FLOATS);
    writeFloats(writer, numbers, rows);
    return;
  }
  const { min, max, deltaMin, deltaMax } = range;
  if (layout === INTS) {
    const width = widthOf(max - min);
    const int32 = min >= -0x8000_0000 && max <= 0x7fff_ffff;
    writer.writeByte(INTS | width | (min < 0 ? FIRST_NEGATIVE : 0) | (int32 ? INT32 : 0));
    writer.writeVarint(Math.abs(min));
    writeOffsets(writer, numbers, 0, rows, min, width);
    return;
  }
  const width = widthOf(deltaMax - deltaMin);
  const first = numbers[0]!;
  writer.writeByte(DELTAS | width | (first < 0 ? FIRST_NEGATIVE : 0) | (deltaMin < 0 ? BASE_NEGATIVE : 0));
  writer.writeVarint(Math.abs(first));
  writer.writeVarint(Math.abs(deltaMin));
  // Backwards, so that each number is read before it is replaced by its delta.
  for (let i = rows - 1; i > 0; i--) numbers[i]! -= numbers[i - 1]!;
  writeOffsets(writer, numbers, 1, rows, deltaMin, width);
}

function writeFloats(writer: ByteWriter, numbers: Float64Array, rows: number): void {
  writer.reserve(rows * 8);
  const { view } = writer;
  let at = writer.position;
  for (let i = 0; i < rows; i++, at += 8) view.setFloat64(at, numbers[i]!, true);
  writer.position = at;
}

function writeOffsets(
  writer: ByteWriter,
  numbers: Float64Array,
  from: number,
  rows: number,
  base: number,
  width: number,
): void {
  writer.reserve(width * (rows - from));
  const { view, bytes } = writer;
  let at = writer.position;
  if (width === 1) {
    for (let i = from; i < rows; i++) bytes[at++] = numbers[i]! - base;
  } else if (width === 2) {
    for (let i = from; i < rows; i++, at += 2) view.setUint16(at, numbers[i]! - base, true);
  } else if (width === 4) {
    for (let i = from; i < rows; i++, at += 4) view.setUint32(at, numbers[i]! - base, true);
  }
  writer.position = at;
}

/** Typed columns that decoding borrows and gives back all at once: they never leave the decoder. */
export class NumberArena {
  readonly #ints: Int32Array[] = [];
  readonly #floats: Float64Array[] = [];
  #usedInts = 0;
  #usedFloats = 0;

  /** At least `rows` long; what it holds is undefined. */
  ints(rows: number): Int32Array {
    const slot = this.#usedInts++;
    let column = this.#ints[slot];
    if (column === undefined || column.length < rows) {
      column = new Int32Array(roomFor(rows));
      this.#ints[slot] = column;
    }
    return column;
  }

  floats(rows: number): Float64Array {
    const slot = this.#usedFloats++;
    let column = this.#floats[slot];
    if (column === undefined || column.length < rows) {
      column = new Float64Array(roomFor(rows));
      this.#floats[slot] = column;
    }
    return column;
  }

  /** Takes all columns back. */
  reset(): void {
    this.#usedInts = 0;
    this.#usedFloats = 0;
    // A frame of very many columns or rows is the exception: its memory is not kept for the next one.
    drop(this.#ints);
    drop(this.#floats);
  }
}

const KEPT_COLUMNS = 64;
const KEPT_ROWS = 65_536;

function roomFor(rows: number): number {
  return Math.max(rows, 1_024);
}

function drop(columns: { readonly length: number }[]): void {
  if (columns.length > KEPT_COLUMNS) columns.length = KEPT_COLUMNS;
  for (let i = 0; i < columns.length; i++)
    if (columns[i]!.length > KEPT_ROWS) {
      columns.length = i;
      return;
    }
}

export type NumberColumn = Int32Array | Float64Array;

/** @returns a column of the arena, valid until its reset */
export function readNumbers(reader: ByteReader, rows: number, arena: NumberArena): NumberColumn {
  const mark = reader.readByte();
  const width = mark & WIDTH;
  if (width > 4 || width === 3) throw new MalformedBytes(`a number of ${width} bytes`);
  switch (mark & LAYOUT) {
    case FLOATS:
      return readFloats(reader, rows, arena);
    case INTS: {
      const base = readSigned(reader, (mark & FIRST_NEGATIVE) !== 0);
      const start = reader.take(width * rows);
      if ((mark & INT32) !== 0) return readInt32(reader, start, rows, width, base | 0, arena.ints(rows));
      return readWide(reader, start, rows, width, base, arena.floats(rows));
    }
    case DELTAS:
      return readDeltas(reader, rows, mark, arena);
    default:
      throw new MalformedBytes(`number column ${mark}`);
  }
}

/** Never -0: the sign of a zero is not set. */
function readSigned(reader: ByteReader, negative: boolean): number {
  const size = reader.readVarint();
  return negative ? -size : size;
}

function readDeltas(reader: ByteReader, rows: number, mark: number, arena: NumberArena): Float64Array {
  const width = mark & WIDTH;
  let value = readSigned(reader, (mark & FIRST_NEGATIVE) !== 0);
  const base = readSigned(reader, (mark & BASE_NEGATIVE) !== 0);
  const start = reader.take(width * (rows - 1));
  const column = readWide(reader, start, rows - 1, width, base, arena.floats(rows));
  // In place: column[i] still holds the delta to the value after it when that value is made.
  for (let i = 0; i < rows; i++) {
    const delta = column[i]!;
    column[i] = value;
    value += delta;
  }
  return column;
}

function readFloats(reader: ByteReader, rows: number, arena: NumberArena): Float64Array {
  let at = reader.take(rows * 8);
  const { view } = reader;
  const column = arena.floats(rows);
  for (let i = 0; i < rows; i++, at += 8) column[i] = view.getFloat64(at, true);
  return column;
}

// Two readers, not one with a flag: each stays monomorphic in its column.

function readInt32(
  reader: ByteReader,
  start: number,
  rows: number,
  width: number,
  base: number,
  column: Int32Array,
): Int32Array {
  const { view, bytes } = reader;
  let at = start;
  if (width === 0) column.fill(base, 0, rows);
  else if (width === 1) for (let i = 0; i < rows; i++) column[i] = base + bytes[at++]!;
  else if (width === 2) for (let i = 0; i < rows; i++, at += 2) column[i] = base + view.getUint16(at, true);
  else for (let i = 0; i < rows; i++, at += 4) column[i] = base + view.getUint32(at, true);
  return column;
}

function readWide(
  reader: ByteReader,
  start: number,
  rows: number,
  width: number,
  base: number,
  column: Float64Array,
): Float64Array {
  const { view, bytes } = reader;
  let at = start;
  if (width === 0) column.fill(base, 0, rows);
  else if (width === 1) for (let i = 0; i < rows; i++) column[i] = base + bytes[at++]!;
  else if (width === 2) for (let i = 0; i < rows; i++, at += 2) column[i] = base + view.getUint16(at, true);
  else for (let i = 0; i < rows; i++, at += 4) column[i] = base + view.getUint32(at, true);
  return column;
}
