// Text columns — the lengths of all strings, then all characters in one run.
//
//   text   := lengths:numbers encoding:u8 ascii | blocks      lengths in UTF-16 units
//   ascii  := u8{sum of lengths}                              encoding 0
//   blocks := { 0 u8{units} | 1 u16{units} }                  encoding 1: latin1 or UTF-16 per block
//
// A block holds as many whole strings as fit BLOCK_UNITS, at least one. Both sides derive it from the lengths.
//
// Why one run: a native call per string costs more than the string. Why the reader cuts the run into blocks: a
// substring keeps the string it was cut from alive. Were that the whole column, one URL kept in user state would
// hold 30 KB; so it holds 1 KB at most, for a call per thousand characters.
//
// Hot: 15 to 60 ns per string of 20 to 60 characters (bench/codec.ts).
import type { ByteReader } from "./byte-reader.ts";
import { MalformedBytes } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { NumberArena, NumberColumn } from "./number-column.ts";
import { readNumbers, writeNumbers } from "./number-column.ts";

/** Part of the format: changing it changes the version of the frame. */
const BLOCK_UNITS = 1_024;

const ASCII = 0;
const BLOCKS = 1;
const LATIN1 = 0;
const UTF16 = 1;

/**
 * @param texts exactly the rows of the column
 * @param scratch at least as long as `texts`
 */
export function writeTexts(writer: ByteWriter, texts: readonly string[], scratch: Float64Array): void {
  for (let i = 0; i < texts.length; i++) scratch[i] = texts[i]!.length;
  writeNumbers(writer, scratch, texts.length);
  const start = writer.position;
  writer.writeByte(ASCII);
  if (writer.tryWriteAscii(texts.join(""))) return;
  writer.position = start;
  writer.writeByte(BLOCKS);
  for (let from = 0; from < texts.length; ) {
    let to = from + 1;
    let units = texts[from]!.length;
    while (to < texts.length && units + texts[to]!.length <= BLOCK_UNITS) units += texts[to++]!.length;
    writeBlock(writer, to - from === 1 ? texts[from]! : texts.slice(from, to).join(""));
    from = to;
  }
}

function writeBlock(writer: ByteWriter, block: string): void {
  const start = writer.position;
  writer.writeByte(LATIN1);
  if (writer.tryWriteLatin1(block)) return;
  writer.position = start;
  writer.writeByte(UTF16);
  writer.writeUtf16(block);
}

export function readTexts(reader: ByteReader, rows: number, arena: NumberArena): string[] {
  const lengths = readNumbers(reader, rows, arena);
  const encoding = reader.readByte();
  if (encoding > BLOCKS) throw new MalformedBytes(`text encoding ${encoding}`);
  const texts = new Array<string>(rows);
  for (let from = 0; from < rows; ) from = readBlock(reader, lengths, from, texts, encoding === BLOCKS);
  return texts;
}

function readBlock(
  reader: ByteReader,
  lengths: NumberColumn,
  from: number,
  texts: string[],
  marked: boolean,
): number {
  let to = from + 1;
  let units = lengths[from]!;
  while (to < texts.length && units + lengths[to]! <= BLOCK_UNITS) units += lengths[to++]!;
  const wide = marked && reader.readByte() === UTF16;
  const block = wide ? reader.readUtf16(units) : reader.readLatin1(units);
  let at = 0;
  for (let i = from; i < to; i++) {
    const end = at + lengths[i]!;
    texts[i] = block.substring(at, end);
    at = end;
  }
  return to;
}
