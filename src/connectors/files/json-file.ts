// jsonFile — the elements of one JSON array as records, streamed.
import { JSONParser } from "@streamparser/json";
import { checkOptions, InvalidOptionError } from "../../core/options.ts";
import type { Source } from "../contract.ts";
import { checkSchema, type RecordSchema } from "../validate.ts";
import { FileFormatError } from "./errors.ts";
import { withoutByteOrderMark } from "./file-chunks.ts";
import { createFileSource, type FilePaths, listPaths } from "./file-source.ts";
import { IndexedFileReader, type RecordFound, type RecordParser } from "./indexed-file-reader.ts";

export interface JsonFileOptions<T = unknown> {
  /** Checks and types each record: a Standard Schema (zod, valibot, arktype, ...). Default: none, records are unknown. */
  readonly schema?: RecordSchema<T>;
  /** Names on the way from the top of the document to the array, for example `["data", "rows"]`. Default: the document is the array. */
  readonly at?: readonly string[];
}

/**
 * Every element of the array in a JSON file is a record. Files are streamed, never loaded whole.
 *
 * One split per file. A restart parses the file again up to its position: for big files prefer `ndjsonFile`, which
 * continues at a byte.
 *
 * @param path one path or several, which are read in parallel
 * @throws {UnknownOptionError}
 * @throws {InvalidOptionError}
 */
export function jsonFile<T>(
  path: FilePaths,
  options: JsonFileOptions<T> & { readonly schema: RecordSchema<T> },
): Source<T>;
export function jsonFile<T = unknown>(path: FilePaths, options?: JsonFileOptions<T>): Source<T>;
export function jsonFile<T>(path: FilePaths, options: JsonFileOptions<T> = {}): Source<T> {
  const paths = listPaths("jsonFile", path);
  const owner = `jsonFile("${paths[0]}")`;
  checkOptions(owner, options, ["schema", "at"]);
  checkSchema(owner, options.schema);
  const { schema, at = [] } = options;
  if (!Array.isArray(at) || at.some((name) => typeof name !== "string" || !/^[^.*$[\]]+$/.test(name)))
    throw new InvalidOptionError(owner, "at", at, "an array of names without . * $ [ ]");
  return createFileSource(paths, {
    name: "json",
    open: (file, position) =>
      IndexedFileReader.open(
        {
          path: file,
          schema,
          unit: "record",
          createParser: (found) => new JsonArrayParser(file, at, found),
        },
        position,
      ),
  });
}

class JsonArrayParser implements RecordParser {
  readonly #path: string;
  readonly #parser: JSONParser;
  #records = 0;
  /** What stands where the array should be, once that is known. */
  #container: unknown;
  #startsDocument = true;

  constructor(path: string, at: readonly string[], found: RecordFound) {
    this.#path = path;
    const array = ["$", ...at].join(".");
    this.#parser = new JSONParser({ paths: [array, `${array}.*`], keepStack: false });
    this.#parser.onValue = ({ value, parent, stack }) => {
      if (stack.length === at.length) {
        this.#container = value; // the array itself, at its end and emptied
        return;
      }
      this.#container = parent;
      if (Array.isArray(parent)) found(value, ++this.#records);
    };
  }

  write(chunk: Buffer): void {
    this.#guard(() => this.#parser.write(this.#startsDocument ? withoutByteOrderMark(chunk) : chunk));
    this.#startsDocument = false;
    if (this.#container !== undefined && !Array.isArray(this.#container)) this.#refuse("something else");
  }

  end(): void {
    this.#guard(() => {
      if (!this.#parser.isEnded) this.#parser.end();
    });
    if (!Array.isArray(this.#container)) this.#refuse("nothing");
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      const reason = `not valid JSON: ${error instanceof Error ? error.message : String(error)}`;
      throw new FileFormatError(this.#path, `behind record ${this.#records}`, reason, error);
    }
  }

  #refuse(found: string): never {
    throw new FileFormatError(
      this.#path,
      "top of the document",
      `there is ${found} where the array of records is expected; option at names the way to an array inside`,
    );
  }
}
