// ndjsonSink — records as lines of JSON in a file, exactly once.
//
// Owns:      a file of its own per attempt (a new inode, hidden beside the visible one) and the moment it becomes visible.
// Does not:  know epochs or fences; the commit that carries its token decides which attempt was the owner.
//
// An attempt starts with a copy of the committed bytes in a new file and appends there. Its token names that file and
// its length. When the first epoch of the attempt is durable, which only the true owner lives to see, it takes the
// place of the visible file. So a stopped and woken owner cannot harm: what it holds open is no longer visible, and
// renaming needs a commit that it does not get.
//
//   open       copy the committed prefix of the last owner's file -> .out.ndjson.<attempt>-<random>
//   prepare    write what was buffered, fsync if asked; token = { file, bytes }
//   committed  first time: remove the hidden files of earlier attempts, then rename ours over the visible name. In that
//              order: an earlier owner that was stopped just before its own rename finds nothing to rename any more.
//
// Laws (docs/laws.md)
//   O1  The file named by the last durable token starts with exactly the committed lines.
//   O2  No attempt without a durable commit changes the visible file.
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { toError } from "../../core/errors.ts";
import { checkOptions, InvalidOptionError } from "../../core/options.ts";
import type { Prepared, Sink, SinkContext, SinkWriter } from "../contract.ts";
import { jsonText } from "../json-text.ts";
import { describeFileFailure, FileSinkError, FileSinkTornError } from "./errors.ts";

export interface NdjsonSinkOptions<T = unknown> {
  /** Waits in every epoch until the device has the data: needed to survive power failures. Default false. */
  readonly fsync?: boolean;
  /** Turns a record into one line of text without line ends. Default: JSON, with bigints as decimal strings. */
  readonly format?: (record: T) => string;
}

/** What the commit remembers. */
interface NdjsonToken {
  /** Name, in the directory of the visible file, that the attempt's file had before it became visible. */
  readonly file: string;
  readonly bytes: number;
}

/**
 * Appends every record as a line of JSON; after any crash the file has each committed record exactly once.
 *
 * One partition writes `path`; several write `<name>-<i>-of-<n>.<ext>`. A job that starts anew replaces the file when
 * its first epoch is committed. Lines behind the last commit may be visible before they are committed.
 *
 * @param path directories on the way are made
 * @throws {UnknownOptionError}
 * @throws {InvalidOptionError}
 */
export function ndjsonSink<T = unknown>(path: string, options: NdjsonSinkOptions<T> = {}): Sink<T> {
  if (typeof path !== "string" || path === "")
    throw new InvalidOptionError("ndjsonSink", "path", path, "the path of a file");
  const owner = `ndjsonSink("${path}")`;
  checkOptions(owner, options, ["fsync", "format"]);
  if (options.format !== undefined && typeof options.format !== "function")
    throw new InvalidOptionError(owner, "format", options.format, "a function from a record to a line");
  return {
    description: `ndjson file ${path}`,
    guarantee: "transactional",
    open: (context) => NdjsonWriter.open(partitionPath(path, context), options, context),
  };
}

function partitionPath(path: string, { partition, parallelism }: SinkContext): string {
  if (parallelism === 1) return path;
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  return `${stem}-${partition}-of-${parallelism}${extension}`;
}

/** Buffered text above this goes to the file before the epoch closes. In characters. */
const EARLY_WRITE_LENGTH = 1024 * 1024;

class NdjsonWriter<T> implements SinkWriter<T> {
  readonly #visible: string;
  readonly #own: string;
  readonly #attempt: number;
  readonly #handle: FileHandle;
  readonly #fsync: boolean;
  readonly #format: (record: T) => string;
  #lines: string[] = [];
  #buffered = 0;
  /** Length of the file once all queued writes are done. */
  #bytes: number;
  #writes: Promise<void> = Promise.resolve();
  /** Length in the last token; undefined before the first one. */
  #preparedBytes: number | undefined;
  /** The step that makes the file visible, from the first durable epoch on. */
  #publishing: Promise<void> | undefined;

  private constructor(
    visible: string,
    own: string,
    handle: FileHandle,
    bytes: number,
    options: NdjsonSinkOptions<T>,
    attempt: number,
  ) {
    this.#visible = visible;
    this.#own = own;
    this.#attempt = attempt;
    this.#handle = handle;
    this.#bytes = bytes;
    this.#fsync = options.fsync ?? false;
    this.#format = options.format ?? jsonLine;
  }

  /**
   * @throws {FileSinkTornError} when the committed bytes are gone
   * @throws {FileSinkError} when the directory or file cannot be written
   */
  static async open<T>(
    visible: string,
    options: NdjsonSinkOptions<T>,
    { attempt, committed }: SinkContext,
  ): Promise<NdjsonWriter<T>> {
    const own = `${hiddenPrefix(visible)}${attempt}-${randomBytes(4).toString("hex")}`;
    const token = committed as unknown as NdjsonToken | undefined;
    try {
      await mkdir(dirname(visible), { recursive: true });
      const handle = await open(own, "wx");
      try {
        if (token !== undefined) await copyCommitted(visible, token, handle);
      } catch (error) {
        await handle.close();
        await rm(own, { force: true });
        throw error;
      }
      return new NdjsonWriter(visible, own, handle, token?.bytes ?? 0, options, attempt);
    } catch (error) {
      if (error instanceof FileSinkTornError) throw error;
      throw new FileSinkError(visible, describeFileFailure(error), error);
    }
  }

  write(records: readonly T[]): void {
    const format = this.#format;
    const lines = this.#lines;
    let buffered = this.#buffered;
    for (let i = 0; i < records.length; i++) {
      const line = format(records[i] as T);
      lines.push(line);
      buffered += line.length + 1;
    }
    this.#buffered = buffered;
    if (buffered > EARLY_WRITE_LENGTH) this.#queueWrite();
  }

  async prepare(): Promise<Prepared> {
    this.#queueWrite();
    if (this.#preparedBytes === this.#bytes) {
      await this.#writes;
      return {};
    }
    const isFirst = this.#preparedBytes === undefined;
    this.#preparedBytes = this.#bytes;
    const token: NdjsonToken = { file: basename(this.#own), bytes: this.#bytes };
    await this.#writes;
    if (this.#fsync) {
      await this.#try(() => this.#handle.datasync());
      if (isFirst) await this.#try(() => syncDirectory(dirname(this.#visible)));
    }
    return { token: { ...token } };
  }

  /** Every epoch waits for the one publication, so that no later epoch is told before the file is there. */
  committed(): Promise<void> {
    this.#publishing ??= this.#publish();
    return this.#publishing;
  }

  async close(_graceful: boolean): Promise<void> {
    await this.#writes.catch(() => {}); // told by prepare
    await this.#publishing?.catch(() => {}); // told by committed
    await this.#handle.close();
    // A file that a token names stays, even if its commit seems to have failed: it may be durable after all.
    if (this.#preparedBytes === undefined) await rm(this.#own, { force: true });
  }

  /** Takes what is buffered and writes it behind everything queued before. */
  #queueWrite(): void {
    if (this.#lines.length === 0) return;
    this.#lines.push("");
    const bytes = Buffer.from(this.#lines.join("\n"), "utf8");
    this.#lines = [];
    this.#buffered = 0;
    const offset = this.#bytes;
    this.#bytes += bytes.length;
    this.#writes = this.#writes.then(() => this.#try(() => writeAt(this.#handle, bytes, offset)));
    this.#writes.catch(() => {}); // told by prepare
  }

  async #publish(): Promise<void> {
    await this.#try(async () => {
      await removeEarlierAttempts(this.#visible, this.#attempt);
      await rename(this.#own, this.#visible);
      if (this.#fsync) await syncDirectory(dirname(this.#visible));
    });
  }

  async #try(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      throw new FileSinkError(this.#visible, describeFileFailure(error), error);
    }
  }
}

function jsonLine(record: unknown): string {
  return jsonText(record) ?? "null";
}

/** Beside the visible file, so that a rename stays on one device. */
function hiddenPrefix(visible: string): string {
  return join(dirname(visible), `.${basename(visible)}.`);
}

/** Copies the committed bytes of the last owner, from its own name or, when it had become visible, from there. */
async function copyCommitted(visible: string, token: NdjsonToken, into: FileHandle): Promise<void> {
  const hidden = join(dirname(visible), token.file);
  const from = (await sizeOf(hidden)) === undefined ? visible : hidden;
  const size = await sizeOf(from);
  if (size === undefined || size < token.bytes) throw new FileSinkTornError(visible, token.bytes, size);
  if (token.bytes === 0) return;
  let offset = 0;
  for await (const chunk of createReadStream(from, { end: token.bytes - 1, highWaterMark: 1024 * 1024 })) {
    await writeAt(into, chunk as Buffer, offset);
    offset += (chunk as Buffer).length;
  }
  if (offset !== token.bytes) throw new FileSinkTornError(visible, token.bytes, offset);
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw toError(error);
  }
}

async function writeAt(handle: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, offset + written);
    written += bytesWritten;
  }
}

async function removeEarlierAttempts(visible: string, attempt: number): Promise<void> {
  const prefix = basename(hiddenPrefix(visible));
  for (const name of await readdir(dirname(visible))) {
    if (!name.startsWith(prefix)) continue;
    const match = /^(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length));
    if (match !== null && Number(match[1]) < attempt) await rm(join(dirname(visible), name), { force: true });
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
