import { afterEach, describe, expect, test } from "vitest";
import { HeartbeatThread } from "../../src/redis/heartbeat-thread.ts";
import { JobKeys } from "../../src/redis/keys.ts";
import { RedisCoordination } from "../../src/redis/redis-coordination.ts";
import { RedisSession } from "../../src/redis/session.ts";
import { RedisStateBackend } from "../../src/state/redis-state-backend.ts";
import { describeCoordination } from "../conformance/coordination.ts";
import { epoch, request } from "../conformance/state-backend.ts";
import { blockThread } from "../support/block-thread.ts";
import { RedisServer } from "../support/redis-server.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function openCoordination(url: string, job: string, patienceMs?: number): Promise<RedisCoordination> {
  const coordination = await RedisCoordination.open({ url, job, patienceMs });
  cleanUps.push(() => coordination.close());
  return coordination;
}

/** What it has answered survives a kill. */
async function startServer(): Promise<RedisServer> {
  const server = await RedisServer.start({ appendOnly: true, fsync: "always" });
  cleanUps.push(() => server.stop());
  return server;
}

/** Longer than a test may take: a wait of this length that ends has been ended. */
const FOREVER_MS = 3_600_000;
/** Longer than any machine needs to start a server again. */
const PATIENT_MS = 60_000;
const WORKER = { id: "w1", host: "here", pid: 1 };
const create = (coordination: RedisCoordination, job: string) =>
  coordination.createJob({ name: job, planHash: "hash", config: "{}", layouts: "{}" }, [
    "count.0",
    "count.1",
  ]);

describeCoordination("redis", async () => {
  const job = uniqueTag("coordination");
  const url = testRedisUrl();
  const one = await RedisCoordination.open({ url, job });
  const two = await RedisCoordination.open({ url, job });
  const session = await RedisSession.open({ url });
  const wipe = async (): Promise<void> => {
    const keys = (await session.send(["KEYS", `{weir:${job}}*`])) as string[];
    if (keys.length > 0) await session.send(["UNLINK", ...keys]);
  };
  return {
    job,
    one,
    two,
    end: async (partition) => {
      const { incarnation } = (await one.observe()).job!;
      const handle = await new RedisStateBackend(session, job).attach(request(partition, { incarnation }));
      await handle.commit(epoch(1, { meta: [["end", "1"]] }));
    },
    wipe,
    close: async () => {
      await wipe();
      await Promise.all([one.close(), two.close()]);
      session.close();
    },
  };
});

describe("RedisCoordination", () => {
  test("a wrong server is told at once", async () => {
    const server = await RedisServer.start({ extraArgs: ["--maxmemory-policy", "volatile-lru"] });
    cleanUps.push(() => server.stop());
    await expect(RedisCoordination.open({ url: server.url, job: "j" })).rejects.toMatchObject({
      code: "REDIS_EVICTION_POLICY",
    });
  });

  test("survives kill -9 and restart of the server, under way and waiting", async () => {
    const server = await startServer();
    const job = "survivor";
    const one = await openCoordination(server.url, job, PATIENT_MS);
    await create(one, job);
    await one.join(WORKER);
    await server.kill();
    const elected = one.elect("w1", 0);
    await server.restart();
    expect(await elected).toBe(true);
    expect((await one.observe()).workers.map((worker) => worker.id)).toEqual(["w1"]);
    // The bell rings again over its new link.
    await waitFor(async () => Number(await bellListeners(server, job)) === 1, {
      describe: "the bell to be heard again",
    });
    await one.waitForChange(1);
    const waiting = one.waitForChange(FOREVER_MS);
    await one.setStatus(["created"], "running");
    await waiting;
  });

  test("gives up after its patience with an error that says what to do", async () => {
    const server = await startServer();
    const one = await openCoordination(server.url, "impatient", 300);
    await server.kill();
    await expect(one.observe()).rejects.toMatchObject({ code: "REDIS_UNREACHABLE", retry: "operation" });
  });

  test("without a bell it looks often by itself", async () => {
    const server = await startServer();
    const one = await openCoordination(server.url, "blind", 300);
    await one.waitForChange(200);
    await server.kill();
    await one.waitForChange(1);
    await one.waitForChange(FOREVER_MS);
  });

  test("a job is not created over the remains of another", async () => {
    const server = await startServer();
    const one = await openCoordination(server.url, "remains");
    await create(one, "remains");
    await server.cli("DEL", new JobKeys("remains").record);
    const two = await openCoordination(server.url, "remains");
    await expect(create(two, "remains")).rejects.toMatchObject({
      code: "JOB_LEFTOVERS",
      message: expect.stringContaining("{weir:remains}:*"),
    });
  });

  test("the control plane works although memory is short", async () => {
    const server = await startServer();
    const one = await openCoordination(server.url, "full");
    await create(one, "full");
    await server.cli("CONFIG", "SET", "maxmemory", "1mb");
    expect(await one.raiseLayouts(0, "{}")).toBe(true);
    await one.join(WORKER);
    expect(await one.elect("w1", 0)).toBe(true);
    expect(await one.assign("w1", 1, new Map([["count.0", { worker: "w1", version: 1 }]]))).toBe(true);
    expect(await one.setStatus(["created"], "failed")).toBe(true);
  });
});

describe("HeartbeatThread", () => {
  async function beating(url: string, job: string, onGone?: () => void) {
    const coordination = await openCoordination(url, job, PATIENT_MS);
    const { incarnation } = (await create(coordination, job)).job;
    await coordination.join(WORKER);
    const beat = { incarnation, worker: "w1", intervalMs: 20, progressMs: 0 };
    const thread = HeartbeatThread.start({ url, job, onGone, ...beat });
    cleanUps.push(() => thread.stop());
    const look = async () => (await coordination.observe()).workers[0];
    const beats = (count: number) => async (): Promise<boolean> => ((await look())?.beat ?? 0) >= count;
    return { coordination, thread, look, beats };
  }

  test("beats, and carries the progress of the main loop", async () => {
    const { coordination, thread, look, beats } = await beating(testRedisUrl(), uniqueTag("beat"));
    thread.progress();
    thread.progress();
    await waitFor(beats(5), { describe: "five beats" });
    expect((await look())?.progress).toBe(2);
    await thread.stop();
    const stopped = (await look())!.beat;
    await coordination.waitForChange(1);
    await coordination.waitForChange(100);
    expect((await look())!.beat).toBe(stopped);
  });

  test("beats on while the main loop is busy, whose progress stands still", async () => {
    const { look, beats } = await beating(testRedisUrl(), uniqueTag("busy"));
    await waitFor(beats(2), { describe: "the first beats" });
    const before = (await look())!;
    // Fifty beats on a quiet machine; the thread of a busy one may get less time.
    let most = 0;
    for (let tries = 0; tries < 10 && most < 8; tries++) {
      const { beat } = (await look())!;
      blockThread(1_000);
      most = (await look())!.beat - beat;
    }
    expect(most).toBeGreaterThanOrEqual(8);
    expect((await look())!.progress).toBe(before.progress);
  });

  test("beats again after the server was killed and restarted", async () => {
    const server = await startServer();
    const { look, beats } = await beating(server.url, "again");
    await waitFor(beats(3), { describe: "the first beats" });
    await server.restart();
    const { beat } = (await look())!;
    await waitFor(beats(beat + 3), { describe: "beats after the restart" });
  });

  test("a removed worker does not come back by beating, and is told once", async () => {
    let told = 0;
    const { coordination, look, beats } = await beating(testRedisUrl(), uniqueTag("gone"), () => told++);
    await waitFor(beats(2), { describe: "the first beats" });
    await coordination.leave("w1");
    await waitFor(() => told === 1, { describe: "the news" });
    expect(await look()).toBeUndefined();
    await coordination.join(WORKER);
    await waitFor(beats(4), { describe: "beats after joining again" });
    expect(told).toBe(1);
  });

  test("a wrong URL is refused before a thread is started", () => {
    const options = { url: "nonsense", job: "j", incarnation: 1, worker: "w" };
    expect(() => HeartbeatThread.start(options)).toThrow(expect.objectContaining({ code: "REDIS_URL" }));
  });
});

async function bellListeners(server: RedisServer, job: string): Promise<unknown> {
  const reply = (await server.cli("PUBSUB", "NUMSUB", new JobKeys(job).bell)) as unknown[];
  return reply[1];
}
