// csvFile — the rows of a CSV file as records, streamed.
import { type CsvError, type Options, type Parser, parse } from "csv-parse";
import { toError } from "../../core/errors.ts";
import { checkOptions, InvalidOptionError } from "../../core/options.ts";
import type { Source } from "../contract.ts";
import { checkSchema, type RecordSchema } from "../validate.ts";
import { FileFormatError } from "./errors.ts";
import { createFileSource, type FilePaths, listPaths } from "./file-source.ts";
import {
  IndexedFileReader,
  type RecordFound,
  type RecordParser,
  UnreadableRecord,
} from "./indexed-file-reader.ts";

export interface CsvFileOptions<T = unknown, C extends string = string> {
  /** Checks and types each row, given as an object of texts by column. Default: none. */
  readonly schema?: RecordSchema<T>;
  /** Names of the columns of a file without a header. Default: the first row names them. */
  readonly columns?: readonly C[];
  /** Default `","`. */
  readonly delimiter?: string;
  /** Character around fields that contain delimiters or line ends; doubled inside. Default `"`; false for none. */
  readonly quote?: string | false;
  /** Lines that start with this are left out. Default: none. */
  readonly comment?: string;
  /** Drops blanks around fields. Default false. */
  readonly trim?: boolean;
}

const OPTIONS = ["schema", "columns", "delimiter", "quote", "comment", "trim"] as const;

/**
 * Every row of a CSV file (RFC 4180) is a record: an object of texts by column, or what the schema makes of it.
 *
 * A row with too many or too few fields, or with a quote inside an unquoted field, goes to the source's `onError`
 * policy; a quote that is not closed properly ends the source with an error. One split per file; a restart parses the
 * file again up to its position.
 *
 * @param path one path or several, which are read in parallel
 * @throws {UnknownOptionError}
 * @throws {InvalidOptionError}
 */
export function csvFile<T>(
  path: FilePaths,
  options: CsvFileOptions<T> & { readonly schema: RecordSchema<T> },
): Source<T>;
export function csvFile<const C extends string>(
  path: FilePaths,
  options: CsvFileOptions<never, C> & { readonly columns: readonly C[] },
): Source<Record<C, string>>;
export function csvFile<T = Record<string, string>>(path: FilePaths, options?: CsvFileOptions<T>): Source<T>;
export function csvFile<T>(path: FilePaths, options: CsvFileOptions<T> = {}): Source<T> {
  const paths = listPaths("csvFile", path);
  const owner = `csvFile("${paths[0]}")`;
  checkOptions(owner, options, OPTIONS);
  checkSchema(owner, options.schema);
  checkColumns(owner, options.columns);
  checkText(owner, "delimiter", options.delimiter);
  checkText(owner, "quote", options.quote === false ? undefined : options.quote);
  checkText(owner, "comment", options.comment);
  return createFileSource(paths, {
    name: "csv",
    open: (file, position) =>
      IndexedFileReader.open(
        {
          path: file,
          schema: options.schema,
          unit: "line",
          createParser: (found) => new CsvParser(file, options, found),
        },
        position,
      ),
  });
}

function checkColumns(owner: string, columns: readonly string[] | undefined): void {
  if (columns === undefined) return;
  const valid =
    Array.isArray(columns) && columns.length > 0 && columns.every((name) => typeof name === "string");
  if (!valid || new Set(columns).size !== columns.length)
    throw new InvalidOptionError(owner, "columns", columns, "an array of different column names");
}

function checkText(owner: string, option: string, value: unknown): void {
  if (value !== undefined && (typeof value !== "string" || value === ""))
    throw new InvalidOptionError(owner, option, value, "one character or a short text");
}

class CsvParser implements RecordParser {
  readonly #path: string;
  readonly #parser: Parser;
  #lines = 0;

  constructor(path: string, options: CsvFileOptions, found: RecordFound) {
    this.#path = path;
    const settings: Options = {
      bom: true,
      columns: options.columns === undefined ? checkedHeader : [...options.columns],
      delimiter: options.delimiter ?? ",",
      quote: options.quote ?? '"',
      trim: options.trim ?? false,
      skip_empty_lines: true,
      skip_records_with_error: true,
      // Rows leave through this callback and not through the stream: at once, in order with the bad ones, and without
      // a promise or an event per row.
      on_record: (row, { lines }) => {
        this.#lines = lines;
        found(row, lines);
        return undefined;
      },
      on_skip: (error: CsvError | undefined) => {
        // Behind a quote that does not end where it should, nobody can tell fields from text any more.
        if (error !== undefined && LOST_TRACK.has(error.code)) throw error;
        const line = Number(error?.["lines"] ?? this.#lines + 1);
        found(
          new UnreadableRecord(error?.["record"], error?.message ?? "the row cannot be read", error),
          line,
        );
      },
    };
    if (options.comment !== undefined) settings.comment = options.comment;
    this.#parser = parse(settings);
    this.#parser.on("error", () => {}); // told by the callback of write or end
  }

  write(chunk: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#parser.write(chunk, (error) => (error ? reject(this.#describe(error)) : resolve()));
    });
  }

  end(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#parser.once("error", (error) => reject(this.#describe(error)));
      this.#parser.end(() => resolve());
    });
  }

  #describe(thrown: unknown): FileFormatError {
    const error = toError(thrown);
    return new FileFormatError(this.#path, `behind line ${this.#lines}`, error.message, error);
  }
}

const LOST_TRACK: ReadonlySet<string> = new Set(["CSV_INVALID_CLOSING_QUOTE", "CSV_QUOTE_NOT_CLOSED"]);

/** @throws when the header does not name each column once: rows would lose fields silently */
function checkedHeader(header: string[]): string[] {
  for (const [i, name] of header.entries()) {
    if (header.indexOf(name) !== i) throw new Error(`the header names column "${name}" twice`);
  }
  return header;
}
