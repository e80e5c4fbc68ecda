// The worlds of the conformance suites for state and channels: one job in the heap, one on the tests' Redis.
import { MemoryChannelReader } from "../../src/broker/memory-channel.ts";
import { EmbeddedStore } from "../../src/core/embedded-store.ts";
import { HeapStateBackend } from "../../src/state/heap-state-backend.ts";
import { frameOf, type StateBackendWorld } from "../conformance/state-backend.ts";
import { RedisJob } from "./redis-job.ts";
import { testRedisUrl, uniqueTag } from "./test-redis.ts";

const PARTITIONS = ["count.0", "count.1"];

export interface HeapWorld extends StateBackendWorld {
  readonly store: EmbeddedStore;
  readonly backend: HeapStateBackend;
  readonly reader: MemoryChannelReader;
}

export function createHeapWorld(): HeapWorld {
  const store = new EmbeddedStore();
  for (const partition of PARTITIONS) store.createPartition(partition);
  const backend = new HeapStateBackend(store, "job");
  return {
    store,
    backend,
    reader: new MemoryChannelReader(store),
    anotherBackend: async () => new HeapStateBackend(store, "job"),
    tamperChannel: async (channel, seq, lineage) =>
      store.channel(channel).append(seq, lineage, frameOf("tampered")),
    raiseLayouts: async () => void store.layoutSeq++,
    wipe: async () => store.clear(),
    ended: async () => [...store.ended],
    close: async () => backend.close(),
  };
}

/** A job on the shared Redis, under a name that no other test has. */
export function createRedisJob(tag: string): Promise<RedisJob> {
  return RedisJob.create(testRedisUrl(), uniqueTag(tag), PARTITIONS);
}

export async function createRedisWorld(tag: string): Promise<StateBackendWorld> {
  const job = await createRedisJob(tag);
  const { backend, reader } = await job.open();
  return {
    backend,
    reader,
    anotherBackend: async () => (await job.open()).backend,
    tamperChannel: async (channel, seq, lineage) => {
      await job.command("XADD", job.data.channel(channel), `${seq}-${lineage}`, "f", "tampered");
    },
    raiseLayouts: async () => void (await job.command("HINCRBY", job.keys.record, "layoutSeq", "1")),
    wipe: () => job.deleteKeys(),
    ended: async () => (await job.command("SMEMBERS", job.data.ended)) as string[],
    close: () => job.close(),
  };
}
