// ByteReader — reads what ByteWriter wrote, and refuses to read past the end.

/** The bytes ended, or said something impossible; the decoder of the frame gives the error its name. */
export class MalformedBytes extends Error {}

interface NativeText {
  latin1Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
}

export class ByteReader {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly end: number;
  position: number;

  constructor(bytes: Buffer, position: number, end: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.position = position;
    this.end = end;
  }

  /** @returns the position of the next `count` bytes, which are taken */
  take(count: number): number {
    const start = this.position;
    if (!(count >= 0 && count <= this.end - start))
      throw new MalformedBytes(`${count} bytes wanted at ${start} of ${this.end}`);
    this.position = start + count;
    return start;
  }

  readByte(): number {
    return this.bytes[this.take(1)] as number;
  }

  readFloat(): number {
    return this.view.getFloat64(this.take(8), true);
  }

  readVarint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.readByte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      factor *= 0x80;
    }
    if (!Number.isSafeInteger(value)) throw new MalformedBytes(`a number above 2^53 at ${this.position}`);
    return value;
  }

  readLatin1(length: number): string {
    const start = this.take(length);
    return (this.bytes as unknown as NativeText).latin1Slice(start, start + length);
  }

  readUtf16(length: number): string {
    const start = this.take(length * 2);
    return (this.bytes as unknown as NativeText).ucs2Slice(start, start + length * 2);
  }
}
