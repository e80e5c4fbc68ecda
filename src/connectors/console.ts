// console — records as lines on standard output.
import { inspect } from "node:util";
import { EngineError } from "../core/errors.ts";
import { checkOptions, InvalidOptionError } from "../core/options.ts";
import type { Prepared, Sink, SinkWriter } from "./contract.ts";
import { jsonText } from "./json-text.ts";

export interface ConsoleOptions<T = unknown> {
  /**
   * `line`: texts as they are and other records as Node shows them, on one line; `json`: one line of JSON per record;
   * or a function that makes the line. Default `line`.
   */
  readonly format?: "line" | "json" | ((record: T, timestamp: number | undefined) => string);
  /** Default `stdout`. */
  readonly stream?: "stdout" | "stderr" | NodeJS.WritableStream;
}

/** Standard output is closed, for example because the program behind the pipe has ended. */
export class ConsoleClosedError extends EngineError<"CONSOLE_CLOSED"> {
  constructor(cause: Error) {
    // A worker whose terminal went away may be about to drain; elsewhere the partition can print.
    super("CONSOLE_CLOSED", `the console cannot be written: ${cause.message}`, { retry: "partition", cause });
  }
}

/**
 * Prints every record as a line when its epoch closes: at least once.
 *
 * @throws {UnknownOptionError}
 * @throws {InvalidOptionError}
 */
export function console<T = unknown>(options: ConsoleOptions<T> = {}): Sink<T> {
  checkOptions("console", options, ["format", "stream"]);
  const { format = "line", stream = "stdout" } = options;
  if (typeof format !== "function" && format !== "line" && format !== "json")
    throw new InvalidOptionError("console", "format", format, '"line", "json" or a function');
  if (typeof stream === "string" && stream !== "stdout" && stream !== "stderr")
    throw new InvalidOptionError("console", "stream", stream, '"stdout", "stderr" or a writable stream');
  return {
    description: "console",
    guarantee: "append",
    open: () => new ConsoleWriter(typeof format === "function" ? format : FORMATS[format], streamOf(stream)),
  };
}

type Format<T> = (record: T, timestamp: number | undefined) => string;

const FORMATS: Readonly<Record<"line" | "json", Format<unknown>>> = {
  line: (record) =>
    typeof record === "string"
      ? record
      : inspect(record, { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 6 }),
  json: (record) => jsonText(record) ?? "null",
};

function streamOf(stream: "stdout" | "stderr" | NodeJS.WritableStream): NodeJS.WritableStream {
  return typeof stream === "string" ? process[stream] : stream;
}

class ConsoleWriter<T> implements SinkWriter<T> {
  readonly #format: Format<T>;
  readonly #stream: NodeJS.WritableStream;
  #lines: string[] = [];

  constructor(format: Format<T>, stream: NodeJS.WritableStream) {
    this.#format = format;
    this.#stream = stream;
  }

  write(records: readonly T[], timestamps: readonly number[] | undefined): void {
    for (let i = 0; i < records.length; i++) this.#lines.push(this.#format(records[i] as T, timestamps?.[i]));
  }

  prepare(): Prepared | Promise<Prepared> {
    if (this.#lines.length === 0) return {};
    const text = `${this.#lines.join("\n")}\n`;
    this.#lines = [];
    return new Promise((resolve, reject) => {
      this.#stream.write(text, (error) => (error ? reject(new ConsoleClosedError(error)) : resolve({})));
    });
  }

  committed(): void {}

  close(): void {}
}
