import { expect, test } from "vitest";
import { describeChannel, fastest, LONGEST_WAIT_MS } from "../conformance/channel.ts";
import { epoch, output, request } from "../conformance/state-backend.ts";
import type { RedisJob } from "../support/redis-job.ts";
import { createRedisJob, createRedisWorld } from "../support/state-worlds.ts";
import { waitFor } from "../support/wait-for.ts";

const newJob = (): Promise<RedisJob> => createRedisJob("channel");

describeChannel("redis", () => createRedisWorld("channel"));

test("a read stays near one megabyte once it knows how large entries are", async () => {
  const job = await newJob();
  const { backend, reader } = await job.open();
  const producer = await backend.attach(request("count.0"));
  const { lineage } = producer.attached;
  const payload = Buffer.alloc(65_000, 1);
  const outputs = Array.from({ length: 100 }, (_, i) => ({ ...output("x:0>0", i + 1, lineage), payload }));
  await producer.commit(epoch(1, { outputs }));
  const start = { channel: "x:0>0", seq: 0, lineage: 0 };
  const sizes: number[] = [];
  for (let i = 0; i < 20; i++) sizes.push((await reader.read([start], 1000))[0]!.length);
  expect(sizes.at(-1)).toBeGreaterThanOrEqual(15);
  expect(sizes.at(-1)).toBeLessThanOrEqual(17);
  await job.close();
});

test("hundreds of channels are read in order, whichever of them have entries", async () => {
  const job = await newJob();
  const { backend, reader } = await job.open();
  const producer = await backend.attach(request("count.0"));
  const channels = Array.from({ length: 700 }, (_, i) => `x:0>${i}`);
  const filled = channels.filter((_, i) => i % 3 === 0);
  const outputs = filled.map((channel) => output(channel, 1, producer.attached.lineage, channel));
  await producer.commit(epoch(1, { outputs }));
  const found = await reader.read(
    channels.map((channel) => ({ channel, seq: 0, lineage: 0 })),
    5,
  );
  expect(found.map((entries) => entries.map((entry) => Buffer.from(entry.payload!).toString()))).toEqual(
    channels.map((channel, i) => (i % 3 === 0 ? [channel] : [])),
  );
  await job.close();
});

test("a wait that is out does not delay the end of the session", async () => {
  const job = await newJob();
  const took = await fastest(async () => {
    const { session, reader } = await job.open();
    reader.watch([{ channel: "x:0>0", seq: 0, lineage: 0 }], () => undefined);
    const startedMs = performance.now();
    session.close();
    expect(session.ended).toMatchObject({ code: "SESSION_ENDED" });
    await expect(reader.lengths(["x:0>0"])).rejects.toMatchObject({ code: "SESSION_ENDED" });
    return performance.now() - startedMs;
  });
  expect(took).toBeLessThan(LONGEST_WAIT_MS / 2);
  await job.close();
});

test("thousands of changes of the watched set miss no signal", async () => {
  const job = await newJob();
  const { backend, reader } = await job.open();
  const producer = await backend.attach(request("count.0"));
  const { lineage } = producer.attached;
  const cursor = { channel: "x:0>0", seq: 0, lineage: 0 };
  let taken = 0;
  let behind = true;
  const take = async (): Promise<void> => {
    for (;;) {
      const [entries] = await reader.read([cursor], 10);
      if (entries!.length === 0) break;
      taken += entries!.length;
      cursor.seq = entries!.at(-1)!.seq;
      cursor.lineage = lineage;
    }
    behind = false;
    reader.watch([{ ...cursor }], () => {
      behind = true;
      void take();
    });
  };
  await take();
  for (let seq = 1; seq <= 1000; seq++)
    await producer.commit(epoch(seq, { outputs: [output("x:0>0", seq, lineage)] }));
  await waitFor(() => taken === 1000 && !behind, { describe: () => `1000, got ${taken}` });
  await job.close();
});
