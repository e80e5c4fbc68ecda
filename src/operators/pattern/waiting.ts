// Waiting records — what event time holds back of a key: one list per stretch of time, one timer per list.
//
//   list    [ts, record] [ts, record] ... [through] [ts, record] ...     in the order of arrival
//
// A list whose time has begun is not written anew whenever some of its records are taken: `[through]` says that all up
// to that time are done with. Once those are the larger part, the list is rewritten; that pays for itself.
import type { Codec } from "../../core/codec.ts";
import { msgpackCodec } from "../../core/codec.ts";
import type { ListCells } from "../../state/list-state.ts";

export type WaitingRecord = readonly [timestamp: number, record: unknown];

/** A record that waits, or the mark that those up to a time are taken. */
export type Waiting = WaitingRecord | readonly [through: number];

/** A power of two, so that the beginning of a stretch is exact for every timestamp. */
const STRETCH_MS = 4_096;

/** Beginning of the stretch of time that holds `time`, in epoch ms; names its list. */
export function stretchOf(time: number): number {
  return Math.floor(time / STRETCH_MS) * STRETCH_MS + 0;
}

/**
 * When to look for a record that waits: not behind its timestamp, in its stretch, after the watermark, and at the same
 * time for as many keys as possible, since timers of one time are cheap.
 */
export function lookTime(timestamp: number, watermark: number): number {
  return Math.min(timestamp, Math.max(watermark + 1, stretchOf(timestamp)));
}

/**
 * Takes the records up to `watermark` out of the current list.
 *
 * @param due receives them, in the order of their timestamps, and of arrival where those are equal
 * @returns the earliest timestamp of those that stay; Infinity for none
 */
export function takeDue(list: ListCells<Waiting>, watermark: number, due: WaitingRecord[]): number {
  const items = list.peek();
  let through = Number.NEGATIVE_INFINITY;
  let next = Number.POSITIVE_INFINITY;
  let staying = 0;
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i] as Waiting;
    const [time] = item;
    if (item.length === 1) through = Math.max(through, time);
    else if (time > watermark) {
      staying++;
      if (time < next) next = time;
    } else if (time > through) due.push(item);
  }
  due.reverse();
  if (!isInOrder(due)) due.sort((a, b) => a[0] - b[0]);
  if (staying === 0) list.clear();
  else if (staying * 2 < items.length) list.update(items.filter(([time]) => time > watermark));
  else if (due.length > 0) list.append([watermark]);
  return next;
}

function isInOrder(records: readonly WaitingRecord[]): boolean {
  for (let i = 1; i < records.length; i++)
    if ((records[i] as WaitingRecord)[0] < (records[i - 1] as WaitingRecord)[0]) return false;
  return true;
}

/** Time, and whether a record follows. */
const HEADER_BYTES = 9;

/** How waiting records are stored: as the records' own codec says, and under its name and version. */
export function waitingCodec(records: Codec<unknown> | undefined): Codec<Waiting> {
  // Of plain data all is plain data; then what cannot be stored is refused with its record.
  if (records === undefined) return msgpackCodec as Codec<Waiting>;
  const { name, version, older } = records;
  return {
    name,
    version,
    encode(waiting) {
      const body = waiting.length === 1 ? undefined : records.encode(waiting[1]);
      const bytes = Buffer.allocUnsafe(HEADER_BYTES + (body?.length ?? 0));
      bytes.writeDoubleBE(waiting[0], 0);
      bytes[8] = body === undefined ? 0 : 1;
      if (body !== undefined) bytes.set(body, HEADER_BYTES);
      return bytes;
    },
    decode: (bytes) => decodeWaiting(bytes, (body) => records.decode(body)),
    ...(older && {
      older: {
        codecs: older.codecs,
        decode: (from: number, bytes: Uint8Array) => decodeWaiting(bytes, (body) => older.decode(from, body)),
      },
    }),
  };
}

function decodeWaiting(bytes: Uint8Array, decode: (body: Uint8Array) => unknown): Waiting {
  const time = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES).getFloat64(0);
  return bytes[8] === 0 ? [time] : [time, decode(bytes.subarray(HEADER_BYTES))];
}
