// RedisChannelReader — reads channels as Redis streams, over the link that also carries the commits.
//
// Owns:      how much is read at once.
// Does not:  decode frames, check sequence or lineage (Inbound), keep positions.
import type { ChannelId } from "../core/ids.ts";
import type { ChannelCursor, ChannelEntry, ChannelReader } from "../core/ports/channel.ts";
import { type IncarnationKeys, JobKeys } from "../redis/keys.ts";
import type { RedisSession } from "../redis/session.ts";
import { StreamWatch } from "../redis/stream-watch.ts";

/** A reply is buffered in Redis' memory as a whole, and delays the commits behind it on the link. */
const TARGET_REPLY_BYTES = 1 << 20;
/** Streams per command. Reading an empty stream costs 0.12 us on the server. */
const STREAMS_PER_READ = 256;
/** What the mean size of an entry is taken for before any was seen. */
const FIRST_GUESS_BYTES = 16 * 1024;

type Entry = readonly [id: Buffer, fields: readonly Buffer[]];
type Stream = readonly [key: Buffer, entries: readonly Entry[]];

export class RedisChannelReader implements ChannelReader {
  readonly #session: RedisSession;
  readonly #keys: IncarnationKeys;
  readonly #watch: StreamWatch;
  /** Moving mean over all channels of the job that this worker reads. */
  #meanBytes = FIRST_GUESS_BYTES;

  constructor(session: RedisSession, job: string, incarnation: number) {
    this.#session = session;
    this.#keys = new JobKeys(job).incarnation(incarnation);
    this.#watch = new StreamWatch(session);
  }

  async read(cursors: readonly ChannelCursor[], maxEntries: number): Promise<ChannelEntry[][]> {
    if (cursors.length === 0) return [];
    const count = this.#countFor(cursors.length, maxEntries);
    const replies: Promise<unknown>[] = [];
    for (let from = 0; from < cursors.length; from += STREAMS_PER_READ)
      replies.push(this.#session.sendForBytes(this.#readCommand(cursors, from, count)));
    const found: ChannelEntry[][] = [];
    for (const [chunk, reply] of (await Promise.all(replies)).entries())
      this.#take(cursors, chunk * STREAMS_PER_READ, reply as readonly Stream[] | null, found);
    return found;
  }

  async lengths(channels: readonly ChannelId[]): Promise<number[]> {
    const replies = channels.map((channel) => this.#session.send(["XLEN", this.#keys.channel(channel)]));
    return (await Promise.all(replies)) as number[];
  }

  watch(cursors: readonly ChannelCursor[], onReady: (channel: ChannelId) => void): void {
    const streams = new Map<string, string>();
    const channels = new Map<string, ChannelId>();
    for (const { channel, seq, lineage } of cursors) {
      const key = this.#keys.channel(channel);
      streams.set(key, `${seq}-${lineage}`);
      channels.set(key, channel);
    }
    this.#watch.watch(streams, (key) => onReady(channels.get(key)!));
  }

  #countFor(channels: number, maxEntries: number): number {
    const fitting = Math.floor(TARGET_REPLY_BYTES / (this.#meanBytes * Math.min(channels, STREAMS_PER_READ)));
    return Math.max(1, Math.min(maxEntries, fitting));
  }

  #readCommand(cursors: readonly ChannelCursor[], from: number, count: number): string[] {
    const to = Math.min(cursors.length, from + STREAMS_PER_READ);
    const args = ["XREAD", "COUNT", String(count), "STREAMS"];
    for (let i = from; i < to; i++) args.push(this.#keys.channel(cursors[i]!.channel));
    for (let i = from; i < to; i++) args.push(`${cursors[i]!.seq}-${cursors[i]!.lineage}`);
    return args;
  }

  /** Redis leaves out streams that have nothing, and keeps the order of the others. */
  #take(
    cursors: readonly ChannelCursor[],
    from: number,
    reply: readonly Stream[] | null,
    found: ChannelEntry[][],
  ): void {
    const to = Math.min(cursors.length, from + STREAMS_PER_READ);
    let next = 0;
    for (let i = from; i < to; i++) {
      const stream = reply?.[next];
      if (stream !== undefined && stream[0].toString("utf8") === this.#keys.channel(cursors[i]!.channel)) {
        next++;
        found.push(this.#entries(stream[1]));
      } else {
        found.push([]);
      }
    }
  }

  #entries(entries: readonly Entry[]): ChannelEntry[] {
    const found: ChannelEntry[] = [];
    let bytes = 0;
    for (let i = 0; i < entries.length; i++) {
      const [id, fields] = entries[i]!;
      const payload = fields[1]!;
      bytes += payload.length;
      const dash = id.indexOf(0x2d);
      found.push({
        seq: parseDigits(id, 0, dash),
        lineage: parseDigits(id, dash + 1, id.length),
        payload,
        frame: undefined,
      });
    }
    if (entries.length > 0) this.#meanBytes += 0.2 * (Math.max(64, bytes / entries.length) - this.#meanBytes);
    return found;
  }
}

function parseDigits(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) value = value * 10 + bytes[i]! - 0x30;
  return value;
}
