// The control "unprotected": a store client as one would write it without the protocol, under the same engine.
//
//   - it connects again by itself, and whoever uses it never learns that the link, or the server's history, changed;
//   - a commit whose answer was lost is sent again;
//   - a commit carries whatever fence, sequence and history the server has at that moment, and numbers its entries
//     behind the last one that is there (`XADD *`), so every comparison of the commit script is true;
//   - reads compare neither the owner nor the lineage of entries.
//
// Each test that uses it must fail, or the test proves nothing about the protection.
import { setTimeout as sleep } from "node:timers/promises";
import { RedisChannelReader } from "../../src/broker/redis-channel.ts";
import { decodeFrame } from "../../src/broker/wire.ts";
import type { Codec } from "../../src/core/codec.ts";
import type { ChannelId } from "../../src/core/ids.ts";
import type { ChannelCursor, ChannelEntry, ChannelReader } from "../../src/core/ports/channel.ts";
import type {
  AttachRequest,
  CommitAnswer,
  EpochCommit,
  OutputFrame,
  PartitionHandle,
  StateBackend,
  StateLoad,
} from "../../src/core/ports/state-backend.ts";
import { JobKeys } from "../../src/redis/keys.ts";
import { isErrorReply, RedisSession } from "../../src/redis/session.ts";
import type { StoreSession } from "../../src/runtime/worker-options.ts";
import { CommitEncoder } from "../../src/state/commit-encoder.ts";
import { RedisStateBackend } from "../../src/state/redis-state-backend.ts";
import { StateReader } from "../../src/state/redis-state-reader.ts";

const RETRY_MS = 50;

export function openUnprotected(options: {
  redis: string;
  job: string;
  incarnation: number;
  replyTimeoutMs: number;
}): StoreSession {
  const link = new Reconnecting(options.redis, options.replyTimeoutMs);
  return {
    backend: new UnprotectedBackend(link, options.job, options.incarnation),
    reader: new UnprotectedReader(link, options.job, options.incarnation),
    onEnd: () => {},
    close: () => link.close(),
  };
}

/** Repeats what failed with the link, over a new one. */
class Reconnecting {
  readonly #url: string;
  readonly #replyTimeoutMs: number;
  #session: Promise<RedisSession> | undefined;
  #closed = false;

  constructor(url: string, replyTimeoutMs: number) {
    this.#url = url;
    this.#replyTimeoutMs = replyTimeoutMs;
  }

  async run<T>(act: (session: RedisSession) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await act(await this.#current());
      } catch (error) {
        if (this.#closed || isErrorReply(error) || (error as { code?: string }).code === undefined)
          throw error;
        await sleep(RETRY_MS);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    (await this.#session?.catch(() => undefined))?.close();
  }

  async #current(): Promise<RedisSession> {
    const session = await this.#session?.catch(() => undefined);
    if (session !== undefined && session.ended === undefined) return session;
    this.#session = RedisSession.open({ url: this.#url, replyTimeoutMs: this.#replyTimeoutMs });
    return this.#session;
  }
}

class UnprotectedBackend implements StateBackend {
  readonly #link: Reconnecting;
  readonly #job: string;
  readonly #incarnation: number;

  constructor(link: Reconnecting, job: string, incarnation: number) {
    this.#link = link;
    this.#job = job;
    this.#incarnation = incarnation;
  }

  async attach(request: AttachRequest): Promise<PartitionHandle> {
    const link = this.#link;
    const job = new JobKeys(this.#job);
    const keys = job.incarnation(this.#incarnation);
    const metaKey = keys.meta(request.partition);
    const encoder = new CommitEncoder(job, keys);
    const { attached } = await link.run((session) =>
      new RedisStateBackend(session, this.#job).attach(request),
    );
    let turn: Promise<unknown> = Promise.resolve();
    return {
      attached,
      load: (loads: readonly StateLoad[]) =>
        link.run(async (session) => {
          const fence = String(await session.send(["HGET", metaKey, "fence"]));
          await new StateReader(session, keys).load(loads, request.partition, metaKey, fence);
        }),
      loadTimers: (operator, first, end) =>
        link.run(async (session) =>
          (await new RedisStateBackend(session, this.#job).attach(request)).loadTimers(operator, first, end),
        ),
      commit(given: EpochCommit): Promise<CommitAnswer> {
        const epoch = freeze(given);
        const answer: Promise<CommitAnswer> = turn.then(() =>
          link.run(async (session) => {
            const matching = await matchStored(session, metaKey, epoch);
            const { script, args } = encoder.encode(
              request.partition,
              metaKey,
              matching.fence,
              session.history,
              matching.epoch,
            );
            const reply = (await session.run(script, args)) as readonly [string, ...number[]];
            return reply[0] === "OK"
              ? ({ kind: "OK", lengths: reply.slice(1) as number[] } as const)
              : ({ kind: "LOST", cause: new Error(`answered ${reply[0]}`) } as const);
          }),
        );
        const settled = answer.catch((cause: Error): CommitAnswer => ({ kind: "LOST", cause }));
        turn = settled;
        return settled;
      },
      release: async () => {},
    };
  }
}

/** Serialises the state now: the operator goes on while the epoch waits for its turn. */
function freeze(epoch: EpochCommit): EpochCommit {
  const state = epoch.state.map((writes) => ({
    ...writes,
    scalars: writes.scalars.map(({ state, codec, fields, values }) => ({
      state,
      codec: asIs,
      fields: [...fields],
      values: values.map((value) => (value === undefined ? undefined : codec.encode(value))),
    })),
  }));
  return { ...epoch, state };
}

const asIs: Codec<unknown> = {
  name: "as-is",
  version: 1,
  encode: (bytes) => bytes as Uint8Array,
  decode: (bytes) => bytes,
};

/** The epoch as it must look to pass every comparison now. */
async function matchStored(
  session: RedisSession,
  metaKey: string,
  epoch: EpochCommit,
): Promise<{ fence: string; epoch: EpochCommit }> {
  const channels = [...new Set(epoch.outputs.map((frame) => frame.channel))];
  const ends = channels.map((channel) => `out:${channel}`);
  const stored = (await session.send(["HMGET", metaKey, "fence", "seq", ...ends])) as (string | null)[];
  const next = new Map<ChannelId, [seq: number, lineage: number]>();
  for (const [i, channel] of channels.entries()) {
    const [seq = 0, lineage = 0] = (stored[i + 2] ?? "0-0").split("-").map(Number);
    next.set(channel, [seq, lineage]);
  }
  const outputs = epoch.outputs.map((frame): OutputFrame => {
    const end = next.get(frame.channel)!;
    end[0]++;
    end[1] = Math.max(end[1], frame.lineage);
    return { ...frame, seq: end[0], lineage: end[1] };
  });
  return { fence: stored[0] ?? "", epoch: { ...epoch, seq: Number(stored[1]) + 1, outputs } };
}

class UnprotectedReader implements ChannelReader {
  readonly #link: Reconnecting;
  readonly #job: string;
  readonly #incarnation: number;

  constructor(link: Reconnecting, job: string, incarnation: number) {
    this.#link = link;
    this.#job = job;
    this.#incarnation = incarnation;
  }

  /** Entries are made to look like the successors of the cursor, whatever they are. */
  async read(cursors: readonly ChannelCursor[], maxEntries: number): Promise<ChannelEntry[][]> {
    const found = await this.#link.run((session) => this.#reader(session).read(cursors, maxEntries));
    return found.map((entries, i) => {
      let { seq, lineage } = cursors[i]!;
      return entries.map((entry) => {
        const frame = { ...decodeFrame(entry.payload!, cursors[i]!.channel), prevLineage: lineage };
        seq = entry.seq;
        lineage = entry.lineage;
        return { seq, lineage, payload: undefined, frame };
      });
    });
  }

  lengths(channels: readonly ChannelId[]): Promise<number[]> {
    return this.#link.run((session) => this.#reader(session).lengths(channels));
  }

  /** By looking again and again: a watch belongs to one session. */
  watch(cursors: readonly ChannelCursor[], onReady: (channel: ChannelId) => void): void {
    const timer = setTimeout(() => {
      for (const { channel } of cursors) onReady(channel);
    }, 10);
    timer.unref();
  }

  #reader(session: RedisSession): RedisChannelReader {
    return new RedisChannelReader(session, this.#job, this.#incarnation);
  }
}
