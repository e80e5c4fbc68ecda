// The physical limit of one durable shuffle: encode, XADD, XREAD, decode of the same bids, with nothing in between.
//
// One process does all of it, pipelined, on the same connection library and the same Redis as the engine in this run.
import { FrameWriter } from "../src/broker/frame-writer.ts";
import { decodeFrame } from "../src/broker/wire.ts";
import { createBatch, MIN_WATERMARK } from "../src/core/batch.ts";
import { RedisSession } from "../src/redis/session.ts";
import { bidPool } from "./sources.ts";

export interface LimitResult {
  readonly encodePerSecond: number;
  readonly decodePerSecond: number;
  readonly bytesPerRecord: number;
  readonly xaddPerSecond: number;
  readonly xreadPerSecond: number;
  /** All four together. */
  readonly shufflePerSecond: number;
}

/** Frames in flight: like an epoch, about 1 MB. */
const WINDOW = 16;

export async function measureLimit(url: string, records: number): Promise<LimitResult> {
  const session = await RedisSession.open({ url });
  const stream = `bench-limit-${process.pid}`;
  try {
    const bids = bidPool();
    // Once through everything, so that all of it is compiled.
    await shuffle(session, stream, bids, Math.min(records, bids.length));
    await session.send(["DEL", stream]);

    const frames: Buffer[] = [];
    const encodeMs = await timed(() => {
      for (let done = 0; done < records; done += bids.length)
        frames.push(...encode(bids.slice(0, Math.min(bids.length, records - done))));
    });
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    const xaddMs = await timed(async () => {
      for (let i = 0; i < frames.length; i += WINDOW)
        await Promise.all(
          frames
            .slice(i, i + WINDOW)
            .map((frame, k) => session.send(["XADD", stream, `${i + k + 1}-1`, "f", frame])),
        );
    });
    const read: Buffer[] = [];
    const xreadMs = await timed(async () => {
      let cursor = "0";
      while (read.length < frames.length) {
        const entries = await readEntries(session, stream, cursor);
        for (const [id, payload] of entries) {
          cursor = id;
          read.push(payload);
        }
      }
    });
    let decoded = 0;
    const decodeMs = await timed(() => {
      for (const payload of read) decoded += decodeFrame(payload).batch?.values.length ?? 0;
    });
    if (decoded !== records) throw new Error(`decoded ${decoded} of ${records} records`);
    await session.send(["DEL", stream]);
    const shuffleMs = await timed(() => shuffle(session, stream, bids, records));
    const perSecond = (ms: number): number => (records / ms) * 1_000;
    return {
      encodePerSecond: perSecond(encodeMs),
      decodePerSecond: perSecond(decodeMs),
      bytesPerRecord: bytes / records,
      xaddPerSecond: perSecond(xaddMs),
      xreadPerSecond: perSecond(xreadMs),
      shufflePerSecond: perSecond(shuffleMs),
    };
  } finally {
    await session.send(["DEL", stream]).catch(() => {});
    session.close();
  }
}

/** Encode, write, read and decode in overlapping windows. */
async function shuffle(
  session: RedisSession,
  stream: string,
  bids: unknown[],
  records: number,
): Promise<void> {
  let seq = 0;
  let cursor = "0";
  let decoded = 0;
  let pending: Promise<unknown>[] = [];
  for (let done = 0; done < records; ) {
    const chunk = bids.slice(0, Math.min(8_192, records - done));
    done += chunk.length;
    const written = pending;
    pending = encode(chunk).map((frame) => session.send(["XADD", stream, `${++seq}-1`, "f", frame]));
    await Promise.all(written);
    for (const [id, payload] of await readEntries(session, stream, cursor)) {
      cursor = id;
      decoded += decodeFrame(payload).batch?.values.length ?? 0;
    }
    await session.send(["XTRIM", stream, "MINID", cursor]);
  }
  await Promise.all(pending);
  while (decoded < records)
    for (const [id, payload] of await readEntries(session, stream, cursor)) {
      cursor = id;
      decoded += decodeFrame(payload).batch?.values.length ?? 0;
    }
}

const writer = new FrameWriter({ edge: "bench" });

function encode(records: unknown[]): Buffer[] {
  const header = {
    prevLineage: 1,
    lineage: 1,
    watermark: 0,
    sentWatermark: MIN_WATERMARK,
    idle: false,
    end: false,
    barrier: undefined,
  };
  return writer.write(header, createBatch(records)).map((frame) => frame.payload);
}

async function readEntries(
  session: RedisSession,
  stream: string,
  cursor: string,
): Promise<[string, Buffer][]> {
  const reply = (await session.sendForBytes(["XREAD", "COUNT", String(WINDOW), "STREAMS", stream, cursor])) as
    | [Buffer, [Buffer, Buffer[]][]][]
    | null;
  return (reply?.[0]?.[1] ?? []).map(([id, fields]) => [id.toString(), fields[1]!]);
}

async function timed(action: () => void | Promise<void>): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}
