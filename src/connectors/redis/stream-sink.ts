// redisStreamSink — records as entries of a Redis stream, added by the commit itself: exactly once.
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../../core/options.ts";
import type { ExternalAppend } from "../../core/ports/state-backend.ts";
import { shortJson } from "../../core/short-json.ts";
import type { Prepared, Sink, SinkWriter } from "../contract.ts";
import { jsonText } from "../json-text.ts";
import { StreamFieldError } from "./errors.ts";

export interface RedisStreamSinkOptions {
  /** `json`: one field with the record as JSON; `fields`: one field per property of the record. Default `json`. */
  readonly format?: "json" | "fields";
  /** The field that has the JSON. Default `record`. */
  readonly field?: string;
  /** Lets Redis drop the oldest entries above about this many. Default: keep all. */
  readonly maxLength?: number;
}

/**
 * Adds every record to a stream on the Redis that the job runs on. Entries appear with the epoch that made them, each
 * exactly once; several partitions add to the same stream, in the order of their commits.
 *
 * @throws {UnknownOptionError}
 * @throws {InvalidOptionError}
 */
export function redisStreamSink<T = unknown>(stream: string, options: RedisStreamSinkOptions = {}): Sink<T> {
  const owner = `redisStreamSink("${stream}")`;
  if (typeof stream !== "string" || stream === "")
    throw new InvalidOptionError(owner, "name", stream, "the name of a stream");
  checkOptions(owner, options, ["format", "field", "maxLength"]);
  checkWholeNumber(owner, "maxLength", options.maxLength, 1);
  const { format = "json" } = options;
  if (format !== "json" && format !== "fields")
    throw new InvalidOptionError(owner, "format", format, '"json" or "fields"');
  return {
    description: `redis stream ${stream}`,
    guarantee: "transactional",
    needs: "redis",
    open: () => new StreamWriter(stream, options),
  };
}

class StreamWriter implements SinkWriter<unknown> {
  readonly #stream: string;
  readonly #field: string;
  readonly #asFields: boolean;
  readonly #maxLength: number | undefined;
  #appends: ExternalAppend[] = [];

  constructor(stream: string, { format, field, maxLength }: RedisStreamSinkOptions) {
    this.#stream = stream;
    this.#field = field ?? "record";
    this.#asFields = format === "fields";
    this.#maxLength = maxLength;
  }

  write(records: readonly unknown[]): void {
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      const fields = this.#asFields ? this.#toFields(record) : [this.#field, this.#toJson(record)];
      this.#appends.push({ stream: this.#stream, fields, maxLength: this.#maxLength });
    }
  }

  prepare(): Prepared {
    const appends = this.#appends;
    if (appends.length === 0) return {};
    this.#appends = [];
    return { appends };
  }

  committed(): void {}

  close(): void {}

  #toJson(record: unknown): string {
    const text = jsonText(record);
    if (text === undefined)
      throw new StreamFieldError(
        this.#stream,
        `there is no JSON for the record ${shortJson(record)}`,
        "give records that JSON can hold",
      );
    return text;
  }

  #toFields(record: unknown): (string | Uint8Array)[] {
    if (typeof record !== "object" || record === null)
      throw new StreamFieldError(
        this.#stream,
        `the record ${shortJson(record)} is no object`,
        'use format "json", or records that are objects',
      );
    const fields: (string | Uint8Array)[] = [];
    for (const [name, value] of Object.entries(record)) {
      if (value === undefined || value === null) continue;
      fields.push(name, this.#toText(name, value));
    }
    // Redis has no entry without fields.
    if (fields.length === 0)
      throw new StreamFieldError(
        this.#stream,
        `the record ${shortJson(record)} has no property with a value`,
        'use format "json", or filter such records out',
      );
    return fields;
  }

  #toText(name: string, value: unknown): string | Uint8Array {
    switch (typeof value) {
      case "string":
        return value;
      case "number":
      case "boolean":
      case "bigint":
        return String(value);
      default:
        if (value instanceof Uint8Array) return value;
        throw new StreamFieldError(
          this.#stream,
          `property "${name}" is ${shortJson(value)}`,
          'use format "json", or properties that are texts, numbers, booleans, bigints or bytes',
        );
    }
  }
}
