// stdinLines — what is typed or piped into the process, line by line: for shells and trying things out.
//
// Standard input can be read only once. Lines that were read but not committed when a partition fails are lost, which
// the description says; the lines behind them are not.
import { StringDecoder } from "node:string_decoder";
import { checkOptions, InvalidOptionError } from "../core/options.ts";
import type { Awaitable } from "../core/ports/state-backend.ts";
import type { ReadFailure, Source, SourceBatch, SplitReader } from "./contract.ts";
import { checkSchema, RecordFormatError, type RecordSchema, toSourceBatch } from "./validate.ts";

export interface StdinLinesOptions<T = string> {
  /** `text`: a record is the line; `json`: a record is the JSON value of the line, empty lines are left out. Default `text`. */
  readonly format?: "text" | "json";
  /** Checks and types each record: a Standard Schema (zod, valibot, arktype, ...). Default: none. */
  readonly schema?: RecordSchema<T>;
  /** Where the lines come from; default standard input. */
  readonly input?: NodeJS.ReadableStream;
}

/**
 * Lines of standard input until it ends. One partition; not replayable, so a failure may lose lines. Refused
 * (NEEDS_ONE_PROCESS) where worker processes take part: each of them has another standard input.
 *
 * @throws {UnknownOptionError}
 * @throws {InvalidOptionError}
 */
export function stdinLines<T>(
  options: StdinLinesOptions<T> & { readonly schema: RecordSchema<T> },
): Source<T>;
export function stdinLines(
  options: StdinLinesOptions<unknown> & { readonly format: "json" },
): Source<unknown>;
export function stdinLines(options?: StdinLinesOptions<string>): Source<string>;
export function stdinLines<T>(options: StdinLinesOptions<T> = {}): Source<T> {
  checkOptions("stdinLines", options, ["format", "schema", "input"]);
  checkSchema("stdinLines", options.schema);
  const { format = "text", input } = options;
  if (format !== "text" && format !== "json")
    throw new InvalidOptionError("stdinLines", "format", format, '"text" or "json"');
  // One queue for the life of the source: an attempt after a failure goes on with the lines that nobody took.
  let queue: LineQueue | undefined;
  return {
    description: "lines of standard input (cannot be read again: a failure may lose lines)",
    bounded: true,
    replayable: false,
    maxParallelism: 1,
    needs: "same-process",
    splits: () => [{ id: "stdin" }],
    open: () => {
      queue ??= new LineQueue(input ?? process.stdin);
      return new StdinReader(queue, format, options.schema);
    },
  };
}

/** Lines that wait for a reader. Reading stops while many wait, so that a fast pipe does not fill the heap. */
const QUEUE_LINES = 10_000;

class LineQueue {
  readonly #input: NodeJS.ReadableStream;
  readonly #decoder = new StringDecoder("utf8");
  #lines: string[] = [];
  #head = 0;
  #rest = "";
  #taken = 0;
  #over = false;
  #failure: Error | undefined;
  #waiting: (() => void) | undefined;

  constructor(input: NodeJS.ReadableStream) {
    this.#input = input;
    input.on("data", (chunk: Buffer | string) =>
      this.#onText(typeof chunk === "string" ? chunk : this.#decoder.write(chunk)),
    );
    input.on("end", () => this.#onEnd(undefined));
    input.on("error", (error: Error) => this.#onEnd(error));
    input.pause();
  }

  /** Number of lines taken so far. */
  get taken(): number {
    return this.#taken;
  }

  get isEmpty(): boolean {
    return this.#head === this.#lines.length;
  }

  get over(): boolean {
    return this.#over && this.isEmpty;
  }

  /** Resolves when there are lines, the input is over, or {@link release} is called. @throws what the input failed with */
  async wait(): Promise<void> {
    if (this.isEmpty && !this.#over) {
      this.#input.resume();
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    if (this.isEmpty && this.#failure !== undefined) throw this.#failure;
  }

  take(max: number): string[] {
    const end = Math.min(this.#lines.length, this.#head + max);
    const lines = this.#lines.slice(this.#head, end);
    this.#taken += lines.length;
    this.#head = end;
    if (this.isEmpty) {
      this.#lines = [];
      this.#head = 0;
    }
    return lines;
  }

  /** Ends a wait and stops reading until the next one. */
  release(): void {
    this.#input.pause();
    this.#wake();
  }

  #onText(text: string): void {
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) this.#lines.push(part.endsWith("\r") ? part.slice(0, -1) : part);
    if (this.#lines.length - this.#head > QUEUE_LINES) this.#input.pause();
    if (!this.isEmpty) this.#wake();
  }

  #onEnd(failure: Error | undefined): void {
    if (this.#over) return;
    this.#rest += this.#decoder.end();
    if (this.#rest !== "") this.#lines.push(this.#rest);
    this.#rest = "";
    this.#over = true;
    this.#failure = failure;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }
}

class StdinReader<T> implements SplitReader<T> {
  readonly #queue: LineQueue;
  readonly #format: "text" | "json";
  readonly #schema: RecordSchema<T> | undefined;
  #closed = false;

  constructor(queue: LineQueue, format: "text" | "json", schema: RecordSchema<T> | undefined) {
    this.#queue = queue;
    this.#format = format;
    this.#schema = schema;
  }

  read(maxRecords: number): Awaitable<SourceBatch<T>> {
    if (this.#closed) return this.#toBatch(0);
    if (!this.#queue.isEmpty || this.#queue.over) return this.#toBatch(maxRecords);
    return this.#queue.wait().then(() => this.#toBatch(this.#closed ? 0 : maxRecords));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.release();
  }

  #toBatch(maxRecords: number): Awaitable<SourceBatch<T>> {
    const before = this.#queue.taken;
    const lines = this.#queue.take(maxRecords);
    const failures: ReadFailure[] = [];
    const numbers: number[] = [];
    const values = this.#format === "text" ? lines : parseLines(lines, before, numbers, failures);
    return toSourceBatch(this.#schema, {
      values,
      where: (index) => `standard input line ${numbers[index] ?? before + index + 1}`,
      failures,
      position: this.#queue.taken,
      end: this.#queue.over,
    });
  }
}

function parseLines(
  lines: readonly string[],
  before: number,
  numbers: number[],
  failures: ReadFailure[],
): unknown[] {
  const values: unknown[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue;
    try {
      values.push(JSON.parse(line));
      numbers.push(before + i + 1);
    } catch (error) {
      const where = `standard input line ${before + i + 1}`;
      failures.push({
        error: new RecordFormatError(where, `not valid JSON: ${(error as Error).message}`, error),
        raw: line,
        where,
      });
    }
  }
  return values;
}
