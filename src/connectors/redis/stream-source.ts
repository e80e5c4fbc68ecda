// redisStream — entries of Redis streams as records. Positions live in the job's commits, not in consumer groups.
import type { TraceMark } from "../../core/batch.ts";
import { toError } from "../../core/errors.ts";
import { checkOptions, InvalidOptionError } from "../../core/options.ts";
import type { Awaitable } from "../../core/ports/state-backend.ts";
import type { Json, ReadFailure, Source, SourceBatch, SourceContext, SplitReader } from "../contract.ts";
import {
  checkSchema,
  type ReadRecords,
  RecordFormatError,
  type RecordSchema,
  toSourceBatch,
} from "../validate.ts";
import { StreamReadError, StreamResetError, StreamUrlMissingError } from "./errors.ts";
import { connectStreamClient, type StreamClient, type StreamEntry } from "./stream-client.ts";
import { parseTraceparent } from "./traceparent.ts";

export interface RedisStreamOptions<T = unknown> {
  /** The Redis to read. Default: the one that the job runs on. */
  readonly url?: string;
  /** `json`: a record is the JSON in one field; `fields`: a record is an object of all fields as texts. Default `json`. */
  readonly format?: "json" | "fields";
  /** The field that has the JSON. Default `record`, as `redisStreamSink` writes it. */
  readonly field?: string;
  /** Checks and types each record: a Standard Schema (zod, valibot, arktype, ...). Default: none. */
  readonly schema?: RecordSchema<T>;
  /** Where a job that starts anew begins: `start`, `new` (entries added from then on), or behind an id. Default `start`. */
  readonly from?: "start" | "new" | `${number}-${number}`;
}

const OPTIONS = ["url", "format", "field", "schema", "from"] as const;

/** Makes the link of a reader; for tests. */
export type StreamClientFactory = (url: string) => Promise<StreamClient>;

/**
 * Reads Redis streams without end. A record's timestamp is the time in its entry's id, unless the job says otherwise.
 *
 * One split and one link per stream. Entries must not be trimmed or deleted before the job has committed them; trimmed
 * entries cannot be missed by Redis' own account. A sampled `traceparent` field continues its trace.
 *
 * @param name one stream or several
 * @throws {UnknownOptionError}
 * @throws {InvalidOptionError}
 */
export function redisStream<T>(
  name: string | readonly string[],
  options: RedisStreamOptions<T> & { readonly schema: RecordSchema<T> },
): Source<T>;
export function redisStream(
  name: string | readonly string[],
  options: RedisStreamOptions<never> & { readonly format: "fields" },
): Source<Record<string, string>>;
export function redisStream<T = unknown>(
  name: string | readonly string[],
  options?: RedisStreamOptions<T>,
): Source<T>;
export function redisStream<T>(
  name: string | readonly string[],
  options: RedisStreamOptions<T> = {},
): Source<T> {
  return createStreamSource(name, options, connectStreamClient);
}

export function createStreamSource<T>(
  name: string | readonly string[],
  options: RedisStreamOptions<T>,
  connect: StreamClientFactory,
): Source<T> {
  const streams = typeof name === "string" ? [name] : [...name];
  const owner = `redisStream("${streams[0] ?? ""}")`;
  if (streams.length === 0 || streams.includes("") || new Set(streams).size !== streams.length)
    throw new InvalidOptionError(owner, "name", name, "the name of a stream, or an array of different names");
  checkOptions(owner, options, OPTIONS);
  checkSchema(owner, options.schema);
  const { url, format = "json", from = "start" } = options;
  if (format !== "json" && format !== "fields")
    throw new InvalidOptionError(owner, "format", format, '"json" or "fields"');
  if (from !== "start" && from !== "new" && !/^\d+-\d+$/.test(from))
    throw new InvalidOptionError(owner, "from", from, '"start", "new" or an id such as "1700000000000-0"');
  return {
    description: `redis ${streams.length === 1 ? "stream" : "streams"} ${streams.join(", ")}`,
    bounded: false,
    replayable: true,
    timestamped: true,
    maxParallelism: streams.length,
    splits: () => streams.map((stream) => ({ id: stream, stream })),
    open: async (split, position, context: SourceContext) => {
      const stream = String(split["stream"]);
      const address = url ?? context.redisUrl;
      if (address === undefined) throw new StreamUrlMissingError(stream);
      return StreamReader.open(await connect(address), stream, options, position);
    },
  };
}

/** Redis waits so long for entries before it answers "none": short enough to notice a dead link. */
const BLOCK_MS = 1_000;
const FETCH_ENTRIES = 1_000;

class StreamReader<T> implements SplitReader<T> {
  readonly #client: StreamClient;
  readonly #stream: string;
  readonly #options: RedisStreamOptions<T>;
  /** Id of the last entry given to the job, and of the last one fetched. */
  #position: string;
  #fetched: string;
  /** The position is new to the job although no entry was read: a start at "new" must survive a restart. */
  #announce: boolean;
  #entries: readonly StreamEntry[] = [];
  #head = 0;
  #closed = false;

  private constructor(
    client: StreamClient,
    stream: string,
    options: RedisStreamOptions<T>,
    start: string,
    announce: boolean,
  ) {
    this.#client = client;
    this.#stream = stream;
    this.#options = options;
    this.#position = start;
    this.#fetched = start;
    this.#announce = announce;
  }

  /** @throws {StreamResetError} when the stream ends before the position */
  static async open<T>(
    client: StreamClient,
    stream: string,
    options: RedisStreamOptions<T>,
    position: Json | undefined,
  ): Promise<StreamReader<T>> {
    try {
      const { from = "start" } = options;
      if (position === undefined && from !== "new")
        return new StreamReader(client, stream, options, from === "start" ? "0-0" : from, false);
      const lastId = await client.lastId(stream);
      if (position === undefined) return new StreamReader(client, stream, options, lastId ?? "0-0", true);
      const start = String(position);
      if (compareIds(lastId ?? "0-0", start) < 0) throw new StreamResetError(stream, start, lastId);
      return new StreamReader(client, stream, options, start, false);
    } catch (error) {
      client.close();
      throw error instanceof StreamResetError ? error : new StreamReadError(stream, toError(error));
    }
  }

  read(maxRecords: number): Awaitable<SourceBatch<T>> {
    if (this.#closed || this.#announce) {
      this.#announce = false;
      return { records: [], position: this.#position, end: false };
    }
    if (this.#head < this.#entries.length) return this.#take(maxRecords);
    return this.#fetch().then(() => (this.#closed ? this.read(0) : this.#take(maxRecords)));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.close();
  }

  /** Waits until there are entries, or until the reader is closed. */
  async #fetch(): Promise<void> {
    try {
      while (this.#head === this.#entries.length && !this.#closed) {
        const entries = await this.#client.xread(this.#stream, this.#fetched, FETCH_ENTRIES, BLOCK_MS);
        if (entries.length === 0) continue;
        this.#entries = entries;
        this.#head = 0;
        this.#fetched = (entries.at(-1) as StreamEntry).id;
      }
    } catch (error) {
      if (!this.#closed) throw new StreamReadError(this.#stream, toError(error));
    }
  }

  #take(maxRecords: number): Awaitable<SourceBatch<T>> {
    const end = Math.min(this.#entries.length, this.#head + maxRecords);
    const taken = this.#entries.slice(this.#head, end);
    this.#head = end;
    this.#position = taken.at(-1)?.id ?? this.#position;
    const decoded = decodeEntries(this.#stream, taken, this.#options);
    return toSourceBatch(this.#options.schema, { ...decoded, position: this.#position, end: false });
  }
}

type DecodedEntries = Omit<ReadRecords, "position" | "end">;

function decodeEntries<T>(
  stream: string,
  entries: readonly StreamEntry[],
  { format = "json", field = "record" }: RedisStreamOptions<T>,
): DecodedEntries {
  const values: unknown[] = [];
  const timestamps: number[] = [];
  const ids: string[] = [];
  const failures: ReadFailure[] = [];
  let traces: TraceMark[] | undefined;
  for (const { id, fields } of entries) {
    const timestamp = Number.parseInt(id, 10);
    try {
      values.push(format === "fields" ? toObject(fields) : parseField(fields, field));
    } catch (error) {
      const where = `${stream} entry ${id}`;
      const reason = toError(error).message;
      failures.push({ error: new RecordFormatError(where, reason, error), raw: toObject(fields), where });
      continue;
    }
    const traceparent = fieldOf(fields, "traceparent");
    if (traceparent !== undefined) {
      const mark = parseTraceparent(traceparent, values.length - 1, timestamp);
      if (mark !== undefined) {
        traces ??= [];
        traces.push(mark);
      }
    }
    timestamps.push(timestamp);
    ids.push(id);
  }
  return { values, timestamps, traces, failures, where: (index) => `${stream} entry ${ids[index]}` };
}

function toObject(fields: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (let i = 0; i + 1 < fields.length; i += 2) record[fields[i] as string] = fields[i + 1] as string;
  return record;
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}

function parseField(fields: readonly string[], field: string): unknown {
  const text = fieldOf(fields, field);
  if (text !== undefined) return JSON.parse(text);
  const names = fields.filter((_, i) => i % 2 === 0).join(", ");
  throw new Error(`the entry has no field "${field}" but ${names}; set option field, or use format "fields"`);
}

/** Negative when `a` is the older id. Both parts are below 2^64, so they are compared as bigints. */
function compareIds(a: string, b: string): number {
  const [aMs = "0", aSeq = "0"] = a.split("-");
  const [bMs = "0", bSeq = "0"] = b.split("-");
  const difference = BigInt(aMs) - BigInt(bMs) || BigInt(aSeq) - BigInt(bSeq);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
