// StreamClient — the three questions that a stream source asks Redis.
import { RedisConnection, type Reply } from "../../redis/connection.ts";

/** One entry of a Redis stream. */
export interface StreamEntry {
  /** `<ms>-<sequence>`. */
  readonly id: string;
  /** field, value, field, value, ... as text. */
  readonly fields: readonly string[];
}

export interface StreamClient {
  /**
   * Entries behind `afterId`, oldest first; empty when none came within `blockMs`.
   *
   * @param count at most so many
   */
  xread(stream: string, afterId: string, count: number, blockMs: number): Promise<readonly StreamEntry[]>;
  /** The largest id that the stream ever had; undefined when there is no such stream. */
  lastId(stream: string): Promise<string | undefined>;
  /** Ends the link; a pending call rejects. */
  close(): void;
}

/** One link of its own, because a blocking read occupies it. @throws the errors of RedisConnection.open */
export async function connectStreamClient(url: string): Promise<StreamClient> {
  const connection = await RedisConnection.open({ url, name: "weir-stream-source" });
  return {
    async xread(stream, afterId, count, blockMs) {
      const args = ["XREAD", "COUNT", String(count), "BLOCK", String(blockMs), "STREAMS", stream, afterId];
      return parseXread(await connection.send(args));
    },
    async lastId(stream) {
      try {
        const facts = (await connection.send(["XINFO", "STREAM", stream])) as readonly Reply[];
        return String(facts[facts.indexOf("last-generated-id") + 1]);
      } catch (error) {
        if (error instanceof Error && error.message.startsWith("ERR no such key")) return undefined;
        throw error;
      }
    },
    close: () => connection.close(),
  };
}

/** `[[stream, [[id, [field, value, ...]], ...]]]`, or null when nothing came. */
function parseXread(reply: Reply): StreamEntry[] {
  if (reply === null) return [];
  const [[, entries]] = reply as unknown as [[string, [string, string[]][]]];
  return entries.map(([id, fields]) => ({ id, fields }));
}
