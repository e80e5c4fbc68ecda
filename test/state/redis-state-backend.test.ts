import { describeStateBackend } from "../conformance/state-backend.ts";
import { RedisJob } from "../support/redis-job.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";

describeStateBackend("redis", async () => {
  const job = await RedisJob.create(testRedisUrl(), uniqueTag("state-backend"), ["count.0", "count.1"]);
  const { backend, reader } = await job.open();
  return {
    backend,
    reader,
    anotherBackend: async () => (await job.open()).backend,
    tamperChannel: async (channel, seq, lineage) => {
      await job.command("XADD", job.data.channel(channel), `${seq}-${lineage}`, "f", "tampered");
    },
    wipe: () => job.deleteKeys(),
    ended: async () => (await job.command("SMEMBERS", job.data.ended)) as string[],
    close: () => job.close(),
  };
});
