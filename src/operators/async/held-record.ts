// HeldRecord — a record between the turn that took it and the turn in which its result leaves.
//
// Held records stand in the order in which they were taken, each with the watermark that was told before it. So the
// list knows all watermarks that wait without holding them: one that two neighbours do not share stands between them.
import type { TraceMark } from "../../core/batch.ts";
import type { Codec } from "../../core/codec.ts";

/** What a commit stores of a held record. */
export interface StoredRecord {
  readonly record: unknown;
  readonly timestamp: number | undefined;
  /** The last watermark before the record. */
  readonly watermark: number;
}

export class HeldRecord implements StoredRecord {
  readonly record: unknown;
  readonly timestamp: number | undefined;
  readonly watermark: number;
  /** Attempt of the partition that took the record, and its number there: unique in the operator. */
  readonly lineage: number;
  readonly seq: number;
  readonly keyGroup: number;
  /** Wall clock in epoch ms at which it entered the job; 0 when unknown. */
  ingestMs = 0;
  trace: TraceMark | undefined = undefined;
  /** A commit, made or on its way, carries it. */
  isStored = false;
  isSettled = false;
  /** The result, or the error. */
  outcome: unknown = undefined;
  failed = false;
  before: HeldRecord | undefined = undefined;
  after: HeldRecord | undefined = undefined;

  constructor(stored: StoredRecord, lineage: number, seq: number, keyGroup: number) {
    this.record = stored.record;
    this.timestamp = stored.timestamp;
    this.watermark = stored.watermark;
    this.lineage = lineage;
    this.seq = seq;
    this.keyGroup = keyGroup;
  }

  /** Names the record in storage and to the outside. */
  get number(): string {
    return `${this.lineage}-${this.seq}`;
  }
}

/** @returns undefined for what {@link HeldRecord.number} never made */
export function parseNumber(number: unknown): { lineage: number; seq: number } | undefined {
  const match = /^(\d+)-(\d+)$/.exec(String(number));
  return match === null ? undefined : { lineage: Number(match[1]), seq: Number(match[2]) };
}

/** Held records in the order in which they were taken. */
export class HeldList {
  first: HeldRecord | undefined = undefined;
  #last: HeldRecord | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  append(held: HeldRecord): void {
    held.before = this.#last;
    if (this.#last === undefined) this.first = held;
    else this.#last.after = held;
    this.#last = held;
    this.#size++;
  }

  remove(held: HeldRecord): void {
    const { before, after } = held;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    held.before = undefined;
    held.after = undefined;
    this.#size--;
  }
}

/** Timestamp and watermark in front of the record, 8 bytes each; not a number stands for no timestamp. */
const HEADER_BYTES = 16;

/** How held records are stored: as the records' own codec says, and under its name and version. */
export function heldCodec(records: Codec<unknown>): Codec<StoredRecord> {
  const { name, version, older } = records;
  return {
    name,
    version,
    encode({ record, timestamp, watermark }) {
      const body = records.encode(record);
      const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
      bytes.writeDoubleBE(timestamp ?? Number.NaN, 0);
      bytes.writeDoubleBE(watermark, 8);
      bytes.set(body, HEADER_BYTES);
      return bytes;
    },
    decode: (bytes) => withHeader(bytes, (body) => records.decode(body)),
    ...(older && {
      older: {
        codecs: older.codecs,
        decode: (from: number, bytes: Uint8Array) => withHeader(bytes, (body) => older.decode(from, body)),
      },
    }),
  };
}

function withHeader(bytes: Uint8Array, decode: (body: Uint8Array) => unknown): StoredRecord {
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const timestamp = header.getFloat64(0);
  return {
    record: decode(bytes.subarray(HEADER_BYTES)),
    timestamp: Number.isNaN(timestamp) ? undefined : timestamp,
    watermark: header.getFloat64(8),
  };
}
