// IndexedFileReader — reads formats whose records can only be found by parsing from the start of the file.
//
// The position is the number of records taken, good and bad: after a restart the file is parsed again and that many
// are skipped. At most one chunk of the file and the records in it are in memory.
import type { Awaitable } from "../../core/ports/state-backend.ts";
import type { Json, ReadFailure, SourceBatch, SplitReader } from "../contract.ts";
import { RecordFormatError, type RecordSchema, toSourceBatch } from "../validate.ts";
import { FileChunks } from "./file-chunks.ts";

/** A record that the format could tell apart but not read. */
export class UnreadableRecord {
  readonly raw: unknown;
  readonly reason: string;
  readonly cause: unknown;

  constructor(raw: unknown, reason: string, cause: unknown) {
    this.raw = raw;
    this.reason = reason;
    this.cause = cause;
  }
}

/** Takes what a parser finds. `mark` tells people where: a line or the number of the record. */
export type RecordFound = (value: unknown, mark: number) => void;

/** Calls its {@link RecordFound} during `write` and `end`. */
export interface RecordParser {
  /** @throws {FileFormatError} when the rest of the file cannot be read; records found before stay found */
  write(chunk: Buffer): Awaitable<void>;
  end(): Awaitable<void>;
}

export interface IndexedFormat<T> {
  readonly path: string;
  readonly schema: RecordSchema<T> | undefined;
  /** What a mark counts: `line`, `record`. */
  readonly unit: string;
  createParser(found: RecordFound): RecordParser;
}

export class IndexedFileReader<T> implements SplitReader<T> {
  readonly #format: IndexedFormat<T>;
  readonly #chunks: FileChunks;
  readonly #parser: RecordParser;
  #skip: number;
  /** Number of records taken, skipped ones included. */
  #taken: number;
  #values: unknown[] = [];
  #marks: number[] = [];
  #head = 0;
  #complete = false;
  #broken: unknown;

  private constructor(format: IndexedFormat<T>, chunks: FileChunks, taken: number) {
    this.#format = format;
    this.#chunks = chunks;
    this.#skip = taken;
    this.#taken = taken;
    this.#parser = format.createParser((value, mark) => {
      if (this.#skip > 0) {
        this.#skip--;
        return;
      }
      this.#values.push(value);
      this.#marks.push(mark);
    });
  }

  static async open<T>(format: IndexedFormat<T>, position: Json | undefined): Promise<IndexedFileReader<T>> {
    const taken = position === undefined ? 0 : (position as { readonly record: number }).record;
    return new IndexedFileReader(format, await FileChunks.open(format.path, 0), taken);
  }

  read(maxRecords: number): Awaitable<SourceBatch<T>> {
    if (this.#head < this.#values.length) return this.#take(maxRecords);
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#complete || this.#chunks.closed) return this.#take(maxRecords);
    return this.#fill().then(() => this.read(maxRecords));
  }

  async close(): Promise<void> {
    await this.#chunks.close();
  }

  /** Parses until something was found or the file is over. */
  async #fill(): Promise<void> {
    this.#values = [];
    this.#marks = [];
    this.#head = 0;
    try {
      while (this.#values.length === 0 && !this.#complete && !this.#chunks.closed) {
        const chunk = await this.#chunks.next();
        if (chunk !== undefined) await this.#parser.write(chunk);
        else if (!this.#chunks.closed) {
          await this.#parser.end();
          this.#complete = true;
          await this.#chunks.close();
        }
      }
    } catch (error) {
      // The records before the break are good: they go first, and the next read tells.
      this.#broken = error;
    }
  }

  #take(maxRecords: number): Awaitable<SourceBatch<T>> {
    const { path, schema, unit } = this.#format;
    const end = Math.min(this.#values.length, this.#head + maxRecords);
    const values: unknown[] = [];
    const marks: number[] = [];
    const failures: ReadFailure[] = [];
    for (let i = this.#head; i < end; i++) {
      const value = this.#values[i];
      const mark = this.#marks[i] as number;
      if (value instanceof UnreadableRecord) {
        const where = `${path} ${unit} ${mark}`;
        const error = new RecordFormatError(where, value.reason, value.cause);
        failures.push({ error, raw: value.raw, where });
      } else {
        values.push(value);
        marks.push(mark);
      }
    }
    this.#taken += end - this.#head;
    this.#head = end;
    return toSourceBatch(schema, {
      values,
      where: (index) => `${path} ${unit} ${marks[index]}`,
      failures,
      position: { record: this.#taken },
      end: this.#complete && end === this.#values.length,
    });
  }
}
