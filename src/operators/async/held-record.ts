// HeldRecord — a record between the turn that took it and the turn in which its result leaves.
//
// Held records stand in the order in which they were taken, each with the watermark that was told before it. So the
// list knows all watermarks that wait without holding them: one that two neighbours do not share stands between them.
import type { TraceMark } from "../../core/batch.ts";
import type { Codec } from "../../core/codec.ts";
import { decodeKey, encodeKey } from "../../core/key-group.ts";

/** What a commit stores of a held record. */
export interface StoredRecord {
  /** Of an operator behind a keyBy; undefined for one without keys. */
  readonly key: unknown;
  readonly record: unknown;
  readonly timestamp: number | undefined;
  /** The last watermark before the record. */
  readonly watermark: number;
}

export class HeldRecord implements StoredRecord {
  readonly key: unknown;
  readonly record: unknown;
  readonly timestamp: number | undefined;
  readonly watermark: number;
  /** Attempt of the partition that took the record, and its number there: unique in the operator. */
  readonly lineage: number;
  readonly seq: number;
  readonly keyGroup: number;
  /** Monotonic clock in ms at which this attempt took it over. */
  readonly takenMs: number;
  /** Wall clock in epoch ms at which it entered the job; 0 when unknown. */
  ingestMs = 0;
  trace: TraceMark | undefined = undefined;
  /** A commit, made or on its way, carries it. */
  isStored = false;
  /** Its request may be made, or has been. */
  mayBegin = false;
  isSettled = false;
  /** The result, or the error. */
  outcome: unknown = undefined;
  failed = false;
  /** Its result has left. */
  isGone = false;
  before: HeldRecord | undefined = undefined;
  after: HeldRecord | undefined = undefined;
  /** Neighbours with the same key, where an operator keeps their order. */
  ahead: HeldRecord | undefined = undefined;
  behind: HeldRecord | undefined = undefined;

  constructor(stored: StoredRecord, lineage: number, seq: number, keyGroup: number, takenMs: number) {
    this.key = stored.key;
    this.record = stored.record;
    this.timestamp = stored.timestamp;
    this.watermark = stored.watermark;
    this.lineage = lineage;
    this.seq = seq;
    this.keyGroup = keyGroup;
    this.takenMs = takenMs;
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
const TIME_BYTES = 16;
/** Behind them, where there are keys: the length of the key, then the key as text. */
const KEY_LENGTH_BYTES = 4;

/**
 * How held records are stored: as the records' own codec says, and under its name and version.
 *
 * @param keyed the key is stored too: it is what the record was taken under, whatever a function would say of its copy
 */
export function heldCodec(records: Codec<unknown>, keyed: boolean): Codec<StoredRecord> {
  const { name, version, older } = records;
  return {
    name,
    version,
    encode({ key, record, timestamp, watermark }) {
      const body = records.encode(record);
      const keyText = keyed ? encodeKey(key) : "";
      const keyBytes = keyed ? KEY_LENGTH_BYTES + Buffer.byteLength(keyText) : 0;
      const bytes = Buffer.allocUnsafe(TIME_BYTES + keyBytes + body.length);
      bytes.writeDoubleBE(timestamp ?? Number.NaN, 0);
      bytes.writeDoubleBE(watermark, 8);
      if (keyed) {
        bytes.writeUInt32BE(keyBytes - KEY_LENGTH_BYTES, TIME_BYTES);
        bytes.write(keyText, TIME_BYTES + KEY_LENGTH_BYTES);
      }
      bytes.set(body, TIME_BYTES + keyBytes);
      return bytes;
    },
    decode: (bytes) => withHeader(bytes, keyed, (body) => records.decode(body)),
    ...(older && {
      older: {
        codecs: older.codecs,
        decode: (from: number, bytes: Uint8Array) =>
          withHeader(bytes, keyed, (body) => older.decode(from, body)),
      },
    }),
  };
}

function withHeader(bytes: Uint8Array, keyed: boolean, decode: (body: Uint8Array) => unknown): StoredRecord {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const timestamp = header.getFloat64(0);
  let at = TIME_BYTES;
  let key: unknown;
  if (keyed) {
    const from = at + KEY_LENGTH_BYTES;
    at = from + header.getUint32(TIME_BYTES);
    key = decodeKey(Buffer.from(bytes.buffer, bytes.byteOffset + from, at - from).toString());
  }
  return {
    key,
    record: decode(bytes.subarray(at)),
    timestamp: Number.isNaN(timestamp) ? undefined : timestamp,
    watermark: header.getFloat64(8),
  };
}
