// PackBuffer — writes MessagePack straight into large slabs of memory: what the commit script unpacks on the server.
//
// Hot: a commit packs hundreds of fields. Parts are cut out of a slab one after the other and never reused, because
// the link still reads them when the next commit is packed; the garbage collector frees a slab with its last part.
//
// Text and bytes are both written as MessagePack strings, since Lua knows no difference.
import { versionedBytes } from "./versioned-bytes.ts";

const SLAB_BYTES = 1 << 20;
/** Up to here a loop over char codes is faster than a call into the runtime. */
const SHORT = 48;

export class PackBuffer {
  #slab: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #at = 0;

  /** Cuts off everything written since the last call. */
  take(): Buffer {
    const part = this.#slab.subarray(this.#start, this.#at);
    this.#start = this.#at;
    return part;
  }

  /** Forgets everything written since the last `take`. */
  discard(): void {
    this.#at = this.#start;
  }

  /** Bytes written since the last `take`. */
  get size(): number {
    return this.#at - this.#start;
  }

  /** Opens an array whose length is not known yet. @returns what {@link closeArray} wants */
  openArray(): number {
    this.#reserve(5);
    // Relative to the start of the part: the slab may be replaced before the array is closed.
    const mark = this.#at - this.#start;
    this.#at += 5;
    return mark;
  }

  closeArray(mark: number, length: number): void {
    const at = this.#start + mark;
    this.#slab[at] = 0xdd;
    this.#slab.writeUInt32BE(length, at + 1);
  }

  array(length: number): void {
    this.#reserve(5);
    if (length < 16) {
      this.#slab[this.#at++] = 0x90 | length;
    } else {
      this.#slab[this.#at++] = 0xdd;
      this.#at = this.#slab.writeUInt32BE(length, this.#at);
    }
  }

  /** 0 <= value < 2^32 */
  integer(value: number): void {
    this.#reserve(5);
    if (value < 128) {
      this.#slab[this.#at++] = value;
    } else {
      this.#slab[this.#at++] = 0xce;
      this.#at = this.#slab.writeUInt32BE(value, this.#at);
    }
  }

  text(value: string): void {
    this.prefixed("", value);
  }

  /** One string made of two, without joining them. */
  prefixed(prefix: string, value: string): void {
    const length = prefix.length + value.length;
    this.#reserve(5 + length * 3);
    if (length <= SHORT && this.#shortAscii(prefix, value, length)) return;
    const header = this.#at;
    let at = header + 5;
    at += this.#slab.write(prefix, at, "utf8");
    at += this.#slab.write(value, at, "utf8");
    this.#slab[header] = 0xdb;
    this.#slab.writeUInt32BE(at - header - 5, header + 1);
    this.#at = at;
  }

  bytes(value: Uint8Array): void {
    const length = value.length;
    this.#reserve(5 + length);
    const slab = this.#slab;
    let at = this.#at;
    if (length < 32) {
      slab[at++] = 0xa0 | length;
      for (let i = 0; i < length; i++) slab[at + i] = value[i]!;
    } else {
      slab[at] = 0xdb;
      at = slab.writeUInt32BE(length, at + 1);
      slab.set(value, at);
    }
    this.#at = at + length;
  }

  /** The version that wrote a value, and the bytes of its codec: one string. See versioned-bytes.ts. */
  versioned(version: number, value: Uint8Array): void {
    const length = value.length + 1;
    if (version > 127) {
      this.bytes(versionedBytes(version, value));
      return;
    }
    this.#reserve(5 + length);
    const slab = this.#slab;
    let at = this.#at;
    if (length < 32) {
      slab[at++] = 0xa0 | length;
      slab[at++] = version;
      for (let i = 0; i < value.length; i++) slab[at + i] = value[i]!;
    } else {
      slab[at] = 0xdb;
      at = slab.writeUInt32BE(length, at + 1);
      slab[at++] = version;
      slab.set(value, at);
    }
    this.#at = at + value.length;
  }

  #shortAscii(prefix: string, value: string, length: number): boolean {
    const slab = this.#slab;
    let at = this.#at;
    if (length < 32) {
      slab[at++] = 0xa0 | length;
    } else {
      slab[at++] = 0xd9;
      slab[at++] = length;
    }
    for (let i = 0; i < prefix.length; i++) {
      const code = prefix.charCodeAt(i);
      if (code > 127) return false;
      slab[at++] = code;
    }
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) return false;
      slab[at++] = code;
    }
    this.#at = at;
    return true;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#slab.length) return;
    const written = this.#at - this.#start;
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, (written + bytes) * 2));
    this.#slab.copy(slab, 0, this.#start, this.#at);
    this.#slab = slab;
    this.#start = 0;
    this.#at = written;
  }
}
