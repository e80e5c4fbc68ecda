// ByteWriter — one growing buffer that every encode starts again from its beginning.
//
// Hot: fields are plain and public because loops of the column encoders write through `view` directly after one
// `reserve` per column. A method call per number would cost more than the number.

const INITIAL_BYTES = 256 * 1_024;
/** A buffer that one giant batch has blown up is given back after it. */
const KEPT_BYTES = 4 * 1_024 * 1_024;

/** What Buffer has on all versions of Node but its types do not tell: one native call without option parsing. */
interface NativeText {
  latin1Write(text: string, offset: number): number;
  ucs2Write(text: string, offset: number): number;
  utf8Write(text: string, offset: number): number;
}

export class ByteWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  view: DataView = new DataView(this.bytes.buffer);
  position = 0;

  /** Starts a new encode. */
  reset(): void {
    this.position = 0;
    if (this.bytes.length > KEPT_BYTES) this.#replace(INITIAL_BYTES, 0);
  }

  /** Makes room for `count` more bytes; `bytes` and `view` may be others afterwards. */
  reserve(count: number): void {
    const needed = this.position + count;
    if (needed > this.bytes.length) this.#replace(Math.max(needed, this.bytes.length * 2), this.position);
  }

  #replace(size: number, keep: number): void {
    const larger = Buffer.allocUnsafeSlow(size);
    this.bytes.copy(larger, 0, 0, keep);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  writeByte(value: number): void {
    this.reserve(1);
    this.bytes[this.position++] = value;
  }

  writeFloat(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  /** LEB128; any safe integer from 0. */
  writeVarint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.position++] = rest;
  }

  writeBytes(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.position);
    this.position += source.length;
  }

  /**
   * Writes one byte per character when all are ASCII.
   * @returns false, with the position unchanged, when they are not
   */
  tryWriteAscii(text: string): boolean {
    // Three bytes per UTF-16 unit at most: with less room a cut text could look like a pure one.
    this.reserve(text.length * 3);
    const written = (this.bytes as unknown as NativeText).utf8Write(text, this.position);
    if (written !== text.length) return false;
    this.position += written;
    return true;
  }

  /** Writes one byte per character when all are below U+0100; false, with the position unchanged, otherwise. */
  tryWriteLatin1(text: string): boolean {
    this.reserve(text.length);
    const end = this.position + (this.bytes as unknown as NativeText).latin1Write(text, this.position);
    // The write cuts larger characters to a byte without a word, so the proof is to read it back.
    if (this.bytes.toString("latin1", this.position, end) !== text) return false;
    this.position = end;
    return true;
  }

  /** Two bytes per UTF-16 unit: keeps lone surrogates. */
  writeUtf16(text: string): void {
    this.reserve(text.length * 2);
    this.position += (this.bytes as unknown as NativeText).ucs2Write(text, this.position);
  }
}
