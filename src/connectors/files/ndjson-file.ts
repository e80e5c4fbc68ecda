// ndjsonFile — one JSON value per line as a record; continues at a byte, so restarts are cheap for files of any size.
import { checkOptions, checkWholeNumber } from "../../core/options.ts";
import type { Awaitable } from "../../core/ports/state-backend.ts";
import type { Json, ReadFailure, Source, SourceBatch, SplitReader } from "../contract.ts";
import { checkSchema, RecordFormatError, type RecordSchema, toSourceBatch } from "../validate.ts";
import { FileChunks, withoutByteOrderMark } from "./file-chunks.ts";
import { createFileSource, type FilePaths, listPaths } from "./file-source.ts";

export interface NdjsonFileOptions<T = unknown> {
  /** Checks and types each record: a Standard Schema (zod, valibot, arktype, ...). Default: none, records are unknown. */
  readonly schema?: RecordSchema<T>;
  /** Longest line in bytes; a longer one goes to the source's `onError` policy. Default 16 MiB. */
  readonly maxLineBytes?: number;
}

/**
 * Every line of a file is a JSON value and a record; empty lines are left out.
 *
 * A line that is no JSON goes to the source's `onError` policy. One split per file.
 *
 * @param path one path or several, which are read in parallel
 * @throws {UnknownOptionError}
 * @throws {InvalidOptionError}
 */
export function ndjsonFile<T>(
  path: FilePaths,
  options: NdjsonFileOptions<T> & { readonly schema: RecordSchema<T> },
): Source<T>;
export function ndjsonFile<T = unknown>(path: FilePaths, options?: NdjsonFileOptions<T>): Source<T>;
export function ndjsonFile<T>(path: FilePaths, options: NdjsonFileOptions<T> = {}): Source<T> {
  const paths = listPaths("ndjsonFile", path);
  const owner = `ndjsonFile("${paths[0]}")`;
  checkOptions(owner, options, ["schema", "maxLineBytes"]);
  checkSchema(owner, options.schema);
  checkWholeNumber(owner, "maxLineBytes", options.maxLineBytes, 1);
  return createFileSource(paths, {
    name: "ndjson",
    open: (file, position) => NdjsonReader.open(file, options, position),
  });
}

interface NdjsonPosition {
  /** First byte that was not taken: the start of a line. */
  readonly offset: number;
  /** Number of lines before it. */
  readonly line: number;
}

const NEWLINE = 10;
const EMPTY = Buffer.alloc(0);

class NdjsonReader<T> implements SplitReader<T> {
  readonly #chunks: FileChunks;
  readonly #schema: RecordSchema<T> | undefined;
  readonly #maxLineBytes: number;
  /** Offset in the file of the next line that was not taken, and how many lines stand before it. */
  #offset: number;
  #line: number;
  /** The bytes at hand; the next line starts at `#head`. */
  #chunk: Buffer = EMPTY;
  #head = 0;
  /** The start of a line whose end is not at hand; lies before `#chunk`. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  #complete = false;

  private constructor(chunks: FileChunks, options: NdjsonFileOptions<T>, position: NdjsonPosition) {
    this.#chunks = chunks;
    this.#schema = options.schema;
    this.#maxLineBytes = options.maxLineBytes ?? 16 * 1024 * 1024;
    this.#offset = position.offset;
    this.#line = position.line;
  }

  static async open<T>(
    path: string,
    options: NdjsonFileOptions<T>,
    saved: Json | undefined,
  ): Promise<NdjsonReader<T>> {
    const position = (saved as NdjsonPosition | undefined) ?? { offset: 0, line: 0 };
    return new NdjsonReader(await FileChunks.open(path, position.offset), options, position);
  }

  read(maxRecords: number): Awaitable<SourceBatch<T>> {
    if (this.#complete || this.#chunks.closed || this.#chunk.indexOf(NEWLINE, this.#head) >= 0)
      return this.#take(maxRecords);
    return this.#fill().then(() => this.#take(maxRecords));
  }

  async close(): Promise<void> {
    await this.#chunks.close();
  }

  /** Reads on until a whole line is at hand or the file is over. */
  async #fill(): Promise<void> {
    while (!this.#complete && !this.#chunks.closed && this.#chunk.indexOf(NEWLINE, this.#head) < 0) {
      const next = await this.#chunks.next();
      if (next === undefined) {
        if (this.#chunks.closed) return;
        this.#complete = true;
        await this.#chunks.close();
        return;
      }
      this.#keepPart(this.#chunk.subarray(this.#head));
      const startsFile = this.#offset === 0 && this.#partBytes === 0;
      this.#chunk = startsFile ? withoutByteOrderMark(next) : next;
      this.#offset += next.length - this.#chunk.length;
      this.#head = 0;
    }
  }

  #keepPart(part: Buffer): void {
    if (part.length === 0) return;
    // Of a line that is too long only its length matters, and its start for the message.
    if (this.#partBytes <= this.#maxLineBytes) this.#parts.push(part);
    this.#partBytes += part.length;
  }

  #take(maxRecords: number): Awaitable<SourceBatch<T>> {
    const values: unknown[] = [];
    const lines: number[] = [];
    const failures: ReadFailure[] = [];
    while (values.length + failures.length < maxRecords) {
      const end = this.#chunk.indexOf(NEWLINE, this.#head);
      if (end < 0) break;
      const bytes = this.#partBytes + end - this.#head;
      const text = this.#lineText(end, bytes);
      this.#head = end + 1;
      this.#offset += bytes + 1;
      this.#parse(text, bytes, values, lines, failures);
    }
    if (this.#complete && values.length + failures.length < maxRecords)
      this.#takeRest(values, lines, failures);
    return this.#finish(values, lines, failures);
  }

  /** The last line of a file need not end with a newline. */
  #takeRest(values: unknown[], lines: number[], failures: ReadFailure[]): void {
    const bytes = this.#partBytes + this.#chunk.length - this.#head;
    if (bytes === 0) return;
    const text = this.#lineText(this.#chunk.length, bytes);
    this.#head = this.#chunk.length;
    this.#offset += bytes;
    this.#parse(text, bytes, values, lines, failures);
  }

  /** The line that ends before `end` of the chunk; only its start when it is too long. */
  #lineText(end: number, bytes: number): string {
    const shown = bytes > this.#maxLineBytes ? SHOWN_BYTES : bytes;
    if (this.#partBytes === 0) return this.#chunk.toString("utf8", this.#head, this.#head + shown);
    this.#parts.push(this.#chunk.subarray(this.#head, end));
    const line = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partBytes = 0;
    return line.toString("utf8", 0, shown);
  }

  #parse(text: string, bytes: number, values: unknown[], lines: number[], failures: ReadFailure[]): void {
    const line = ++this.#line;
    if (bytes > this.#maxLineBytes) {
      const reason = `the line has ${bytes} bytes, more than the ${this.#maxLineBytes} of option maxLineBytes`;
      failures.push(this.#failure(line, text, reason, undefined));
      return;
    }
    try {
      values.push(JSON.parse(text));
      lines.push(line);
    } catch (error) {
      // Looked at here only, so that good lines are not searched for their first character.
      if (text.trim() === "") return;
      failures.push(this.#failure(line, text, `not valid JSON: ${(error as Error).message}`, error));
    }
  }

  #failure(line: number, raw: string, reason: string, cause: unknown): ReadFailure {
    const where = `${this.#chunks.path} line ${line}`;
    return { error: new RecordFormatError(where, reason, cause), raw, where };
  }

  #finish(values: unknown[], lines: readonly number[], failures: ReadFailure[]): Awaitable<SourceBatch<T>> {
    const position = { offset: this.#offset, line: this.#line };
    const end = this.#complete && this.#partBytes === 0 && this.#head === this.#chunk.length;
    return toSourceBatch(this.#schema, {
      values,
      where: (index) => `${this.#chunks.path} line ${lines[index]}`,
      failures,
      position,
      end,
    });
  }
}

/** How much of a line that is too long stands in its failure. */
const SHOWN_BYTES = 200;
