// A job on a test's Redis, without a runtime: what the conformance suites and the fault tests stand on.
import { createClient } from "redis";
import { RedisChannelReader } from "../../src/broker/redis-channel.ts";
import type { Argument } from "../../src/redis/connection.ts";
import { type IncarnationKeys, JobKeys } from "../../src/redis/keys.ts";
import { createJobCall, createJobScript } from "../../src/redis/scripts/job.ts";
import { RedisSession, type SessionOptions } from "../../src/redis/session.ts";
import { RedisStateBackend } from "../../src/state/redis-state-backend.ts";

/** Real jobs draw a random one: it is known here without asking. */
const INCARNATION = 1;

export interface JobSession {
  readonly session: RedisSession;
  readonly backend: RedisStateBackend;
  readonly reader: RedisChannelReader;
}

export class RedisJob {
  readonly name: string;
  readonly url: string;
  readonly keys: JobKeys;
  readonly data: IncarnationKeys;
  readonly #sessions: RedisSession[] = [];

  private constructor(url: string, name: string) {
    this.url = url;
    this.name = name;
    this.keys = new JobKeys(name);
    this.data = this.keys.incarnation(INCARNATION);
  }

  /** Creates the job and its partitions. */
  static async create(url: string, name: string, partitions: readonly string[]): Promise<RedisJob> {
    const job = new RedisJob(url, name);
    const { session } = await job.open();
    const record = { name, planHash: "hash", config: "{}", layouts: "{}" };
    await session.run(createJobScript, createJobCall(job.keys, INCARNATION, record, partitions));
    session.close();
    return job;
  }

  /** A session of its own, closed with the job. */
  async open(options: Partial<SessionOptions> = {}): Promise<JobSession> {
    const session = await RedisSession.open({ url: this.url, ...options });
    this.#sessions.push(session);
    return {
      session,
      backend: new RedisStateBackend(session, this.name),
      reader: new RedisChannelReader(session, this.name, INCARNATION),
    };
  }

  /** One command over a link of its own, past everything that is tested. */
  async command(...args: Argument[]): Promise<unknown> {
    const client = createClient({ url: this.url, RESP: 2, socket: { reconnectStrategy: false } });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return await client.sendCommand(args);
    } finally {
      client.destroy();
    }
  }

  /** Every key of the job. */
  async allKeys(): Promise<string[]> {
    const keys = (await this.command("KEYS", `{weir:${this.name}}*`)) as string[];
    return keys.sort();
  }

  async deleteKeys(): Promise<void> {
    const keys = await this.allKeys();
    if (keys.length > 0) await this.command("UNLINK", ...keys);
  }

  /** Ends all sessions and leaves nothing behind; a server that is gone is no obstacle. */
  async close(): Promise<void> {
    for (const session of this.#sessions) session.close();
    await this.deleteKeys().catch(() => undefined);
  }
}
