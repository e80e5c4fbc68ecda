// Plain values — the body of last resort: any plain data, without columns.
//
//   msgpack    := length:varint bytes       a MessagePack array with record structures inside, by msgpackr
//   structured := length:varint bytes       V8's structured serialisation of an array
//
// Which of the two a batch takes is decided by looking at every value: core/plain-data.ts.
import { deserialize, serialize } from "node:v8";
import { Packr } from "msgpackr";
import type { ByteReader } from "./byte-reader.ts";
import { MalformedBytes } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

// No shared structures: every frame can be decoded alone. Buffers are copied so that no record keeps its frame alive.
const packr = new Packr({ useRecords: true, moreTypes: true, copyBuffers: true });

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
