// Wire — a Frame as one run of bytes and back.
//
//   frame    := magic:u8 = 0xF3  version:u8  size:u32          size = all bytes of the frame
//               flags:u8  prevLineage:varint  watermark:float64  [barrier:varint]  [batch]
//               crc:u32                                         CRC-32 of everything before it
//   flags    := 1 barrier | 2 idle | 4 end | 8 batch | 16 timestamps | 32 ingest | 64 traces
//   batch    := count:varint  [ingestMs:float64]  [traces]  [timestamps:column]  values:column
//   traces   := number:varint { skipped:varint traceId:u8{16} spanId:u8{8} flags:u8 emittedMs:float64 }
//                                                               skipped = untraced records before this one
//   column   := column-kinds.ts
//
// Little endian; varint is LEB128. `magic`, `version`, `size` and `crc` keep their places in all versions, so damage
// and a foreign version can be told apart. A frame without `batch` carries control facts only. What is not there takes
// no bytes: an unsampled batch pays nothing for tracing. Keys are not sent, the consumer computes them. A frame can be
// decoded alone, by any process.
//
// The checksum is the CRC-32 of zlib, which Node computes natively: 0.2 ns per byte, where a CRC-32C by tables in
// JavaScript took 0.75, a third of the whole encode. Like that one it finds every change within 32 neighbouring bits.
//
// Laws (docs/laws.md)
//   F1  A frame decodes to what was encoded, for any plain records.
//   F2  A frame with any byte changed or cut off is refused.
//
// Hot: the encoder bounds what a job can send between processes; rates in bench/codec.ts.
import { crc32 } from "node:zlib";
import type { Batch, Frame, TraceMark } from "../core/batch.ts";
import { invariant, isEngineError } from "../core/errors.ts";
import { ByteReader, MalformedBytes } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { ColumnDecoder } from "./column-decoder.ts";
import { ColumnEncoder } from "./column-encoder.ts";
import { ShapeRegistry } from "./shape.ts";
import { FrameCorruptError, FrameVersionError } from "./wire-errors.ts";

/** Largest frame: a power of two less what Redis adds, or an entry would take the next allocation class (protocol.md). */
export const MAX_FRAME_BYTES = 65_280;
/** Version of the layout that {@link encodeFrame} writes; the only one that {@link decodeFrame} reads. */
export const FRAME_VERSION = 1;

const MAGIC = 0xf3;
const SIZE_AT = 2;
const CRC_BYTES = 4;
/** magic, version, size, flags, prevLineage, watermark, crc */
const LEAST_BYTES = 1 + 1 + 4 + 1 + 1 + 8 + CRC_BYTES;

const BARRIER = 1;
const IDLE = 2;
const END = 4;
const BATCH = 8;
const TIMESTAMPS = 16;
const INGEST = 32;
const TRACES = 64;

const shapes = new ShapeRegistry();
const writer = new ByteWriter();
const columnEncoder = new ColumnEncoder(writer, shapes);
const columnDecoder = new ColumnDecoder(shapes);

/**
 * A frame as bytes of its own.
 *
 * @param where names the channel in errors about records
 * @throws {NotSerialisableError} when a record holds a function, a symbol, a class instance or a cycle
 */
export function encodeFrame(frame: Frame, where = "a record of a frame"): Buffer {
  const { batch } = frame;
  writer.reset();
  writer.writeByte(MAGIC);
  writer.writeByte(FRAME_VERSION);
  writer.reserve(4);
  writer.position += 4;
  writer.writeByte(flagsOf(frame));
  writer.writeVarint(frame.prevLineage);
  writer.writeFloat(frame.watermark);
  if (frame.barrier !== undefined) writer.writeVarint(frame.barrier);
  if (batch !== undefined) writeBatch(batch, where);
  writer.reserve(CRC_BYTES);
  const size = writer.position + CRC_BYTES;
  writer.view.setUint32(SIZE_AT, size, true);
  writer.view.setUint32(writer.position, crc32(writer.bytes.subarray(0, writer.position)), true);
  return Buffer.from(writer.bytes.subarray(0, size));
}

function flagsOf(frame: Frame): number {
  const { batch } = frame;
  let flags = (frame.barrier === undefined ? 0 : BARRIER) | (frame.idle ? IDLE : 0) | (frame.end ? END : 0);
  if (batch === undefined) return flags;
  flags |= BATCH;
  if (batch.timestamps !== undefined) flags |= TIMESTAMPS;
  if (batch.ingestMs !== 0) flags |= INGEST;
  if (batch.traces !== undefined && batch.traces.length > 0) flags |= TRACES;
  return flags;
}

function writeBatch(batch: Batch, where: string): void {
  const { values, timestamps, traces } = batch;
  writer.writeVarint(values.length);
  if (batch.ingestMs !== 0) writer.writeFloat(batch.ingestMs);
  if (traces !== undefined && traces.length > 0) writeTraces(traces);
  if (timestamps !== undefined) {
    invariant(timestamps.length === values.length, "every column of a batch is as long as its values", {
      values: values.length,
      timestamps: timestamps.length,
    });
    columnEncoder.encode(timestamps, where);
  }
  columnEncoder.encode(values, where);
}

function writeTraces(traces: readonly TraceMark[]): void {
  writer.writeVarint(traces.length);
  let next = 0;
  for (const mark of traces) {
    invariant(mark.index >= next, "trace marks ascend by index", { index: mark.index, next });
    writer.writeVarint(mark.index - next);
    next = mark.index + 1;
    writeHex(mark.traceId, 16);
    writeHex(mark.spanId, 8);
    writer.writeByte(mark.flags);
    writer.writeFloat(mark.emittedMs);
  }
}

function writeHex(id: string, size: number): void {
  writer.reserve(size);
  const written = writer.bytes.write(id, writer.position, size, "hex");
  invariant(written === size && id.length === 2 * size, `a trace or span id has ${2 * size} hex digits`, {
    id,
  });
  writer.position += size;
}

/**
 * The frame that {@link encodeFrame} was given; `keys` are undefined, and so are empty `traces`.
 *
 * Nothing of the result refers to `bytes`.
 *
 * @param channel names the channel in errors
 * @throws {FrameCorruptError} when the bytes are not exactly one frame
 * @throws {FrameVersionError} when another version of Weir wrote it
 */
export function decodeFrame(bytes: Uint8Array, channel?: string): Frame {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  checkEnvelope(buffer, channel);
  const reader = new ByteReader(buffer, SIZE_AT + 4, buffer.length - CRC_BYTES);
  try {
    const frame = readFrame(reader);
    if (reader.position !== reader.end)
      throw new MalformedBytes(`${reader.end - reader.position} bytes too many`);
    return frame;
  } catch (error) {
    // The checksum fits, so what wrote these bytes was not this encoder.
    if (isEngineError(error)) throw error;
    const what = error instanceof Error ? error.message : String(error);
    throw new FrameCorruptError(channel, `its content makes no sense (${what})`, buffer.length, error);
  }
}

function checkEnvelope(buffer: Buffer, channel: string | undefined): void {
  const { length } = buffer;
  if (length < LEAST_BYTES) throw new FrameCorruptError(channel, "it is shorter than any frame", length);
  if (buffer[0] !== MAGIC) throw new FrameCorruptError(channel, "it does not begin like a frame", length);
  const size = buffer.readUInt32LE(SIZE_AT);
  if (size !== length) throw new FrameCorruptError(channel, `its header says ${size} bytes`, length);
  const end = length - CRC_BYTES;
  if (crc32(buffer.subarray(0, end)) !== buffer.readUInt32LE(end))
    throw new FrameCorruptError(channel, "its checksum does not fit", length);
  const version = buffer[1]!;
  if (version !== FRAME_VERSION) throw new FrameVersionError(channel, version, FRAME_VERSION);
}

function readFrame(reader: ByteReader): Frame {
  const flags = reader.readByte();
  return {
    prevLineage: reader.readVarint(),
    watermark: reader.readFloat(),
    idle: (flags & IDLE) !== 0,
    end: (flags & END) !== 0,
    barrier: (flags & BARRIER) === 0 ? undefined : reader.readVarint(),
    batch: (flags & BATCH) === 0 ? undefined : readBatch(reader, flags),
  };
}

function readBatch(reader: ByteReader, flags: number): Batch {
  const count = reader.readVarint();
  const ingestMs = (flags & INGEST) === 0 ? 0 : reader.readFloat();
  const traces = (flags & TRACES) === 0 ? undefined : readTraces(reader);
  const timestamps =
    (flags & TIMESTAMPS) === 0 ? undefined : (columnDecoder.decode(reader, count) as number[]);
  return { values: columnDecoder.decode(reader, count), timestamps, keys: undefined, ingestMs, traces };
}

function readTraces(reader: ByteReader): TraceMark[] {
  const traces: TraceMark[] = [];
  let index = 0;
  for (let left = reader.readVarint(); left > 0; left--) {
    index += reader.readVarint();
    traces.push({
      index: index++,
      traceId: readHex(reader, 16),
      spanId: readHex(reader, 8),
      flags: reader.readByte(),
      emittedMs: reader.readFloat(),
    });
  }
  return traces;
}

function readHex(reader: ByteReader, size: number): string {
  const start = reader.take(size);
  return reader.bytes.toString("hex", start, start + size);
}
