// FileChunks — a file as a row of buffers, the next one being read while the current one is parsed.
import { type FileHandle, open } from "node:fs/promises";
import { describeFileFailure, FileSourceError } from "./errors.ts";

const CHUNK_BYTES = 256 * 1024;

export class FileChunks {
  readonly path: string;
  readonly #handle: FileHandle;
  #offset: number;
  #ahead: Promise<Buffer | undefined> | undefined;
  #closed = false;

  private constructor(path: string, handle: FileHandle, offset: number) {
    this.path = path;
    this.#handle = handle;
    this.#offset = offset;
  }

  /**
   * @param offset first byte to read
   * @throws {FileSourceError} when there is no such file, or it is shorter than `offset`
   */
  static async open(path: string, offset: number): Promise<FileChunks> {
    let handle: FileHandle;
    try {
      handle = await open(path, "r");
    } catch (error) {
      throw new FileSourceError(path, describeFileFailure(error), error);
    }
    const { size } = await handle.stat();
    if (size < offset) {
      await handle.close();
      throw new FileSourceError(
        path,
        `it has ${size} bytes but was already read up to byte ${offset}; do not change or replace a file while a job reads it`,
      );
    }
    return new FileChunks(path, handle, offset);
  }

  /**
   * The next bytes; undefined at the end of the file and after {@link close}. One call at a time.
   *
   * @throws {FileSourceError} `retry: "partition"` when the device fails
   */
  async next(): Promise<Buffer | undefined> {
    const chunk = await (this.#ahead ?? this.#read());
    this.#ahead = undefined;
    if (chunk !== undefined && !this.#closed) {
      this.#ahead = this.#read();
      this.#ahead.catch(() => {}); // told by the call that takes it
    }
    return this.#closed ? undefined : chunk;
  }

  /** Waits for a read that is under way, then gives the descriptor back. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#handle.close();
  }

  get closed(): boolean {
    return this.#closed;
  }

  async #read(): Promise<Buffer | undefined> {
    try {
      // A new buffer each time: parsers keep unfinished records as views of it.
      const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      const { bytesRead } = await this.#handle.read(buffer, 0, CHUNK_BYTES, this.#offset);
      this.#offset += bytesRead;
      return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
    } catch (error) {
      if (this.#closed) return undefined;
      throw new FileSourceError(this.path, describeFileFailure(error), error, "partition");
    }
  }
}

/** The first chunk of a text file without the mark that some programs put in front. */
export function withoutByteOrderMark(chunk: Buffer): Buffer {
  return chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? chunk.subarray(3) : chunk;
}
