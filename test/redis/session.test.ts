// The session and its link: what is refused at the start, and that any doubt ends everything at once, exactly once.
import { connect, createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { msgpackCodec as codec } from "../../src/core/codec.ts";
import { RedisConnection } from "../../src/redis/connection.ts";
import { RedisCoordination } from "../../src/redis/redis-coordination.ts";
import { RedisSession } from "../../src/redis/session.ts";
import { epoch, load, request, writes } from "../conformance/state-backend.ts";
import { blockThread } from "../support/block-thread.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { RedisJob } from "../support/redis-job.ts";
import { RedisServer } from "../support/redis-server.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function startServer(...extraArgs: string[]): Promise<RedisServer> {
  const server = await RedisServer.start({ extraArgs });
  cleanUps.push(() => server.stop());
  return server;
}

async function startJob(url: string, ...partitions: string[]): Promise<RedisJob> {
  const job = await RedisJob.create(url, uniqueTag("session"), partitions);
  cleanUps.push(() => job.close());
  return job;
}

describe("wrong servers", () => {
  test.each([
    ["localhost:6379", "the scheme redis:// is missing"],
    ["http://localhost:6379", "the scheme http is none that Redis speaks"],
    ["redis://", "cannot be parsed|the host is missing"],
    ["redis://host:port", "it cannot be parsed"],
    ["redis://host:6379/zero", 'the database "zero" is not a number'],
    ["unix://", "the path of the socket is missing"],
    ["", "it cannot be parsed"],
  ])("the URL %j is refused: %s", async (url, problem) => {
    await expect(RedisSession.open({ url })).rejects.toMatchObject({
      code: "REDIS_URL",
      message: expect.stringMatching(new RegExp(problem)),
    });
  });

  test("nobody answers", async () => {
    const server = await startServer();
    await server.kill();
    await expect(RedisSession.open({ url: server.url })).rejects.toMatchObject({
      code: "REDIS_UNREACHABLE",
      retry: "operation",
      message: expect.stringContaining(`127.0.0.1:${server.port}`),
    });
  });

  test("somebody else answers", async () => {
    const stranger: Server = createServer((socket) =>
      socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    );
    await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    cleanUps.push(() => new Promise((resolve) => stranger.close(resolve)));
    const { port } = stranger.address() as { port: number };
    await expect(RedisSession.open({ url: `redis://127.0.0.1:${port}` })).rejects.toMatchObject({
      code: "REDIS_UNREACHABLE",
    });
  });

  test("wrong and missing passwords, which are never shown", async () => {
    const server = await startServer();
    await server.cli("CONFIG", "SET", "requirepass", "right");
    for (const url of [server.url, `redis://:wr0ng@127.0.0.1:${server.port}`]) {
      const error = await RedisSession.open({ url }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "REDIS_AUTH" });
      expect(JSON.stringify([String(error), (error as { details: unknown }).details])).not.toContain("wr0ng");
    }
    (await RedisSession.open({ url: `redis://:right@127.0.0.1:${server.port}` })).close();
  });

  test("an eviction policy", async () => {
    const server = await startServer("--maxmemory-policy", "allkeys-lru");
    await expect(RedisSession.open({ url: server.url })).rejects.toMatchObject({
      code: "REDIS_EVICTION_POLICY",
      message: expect.stringMatching(/allkeys-lru.*set maxmemory-policy noeviction/),
    });
  });

  test("a replica", async () => {
    const server = await startServer();
    await server.cli("REPLICAOF", "127.0.0.1", 1);
    await expect(RedisSession.open({ url: server.url })).rejects.toMatchObject({
      code: "REDIS_NOT_PRIMARY",
      retry: "operation",
    });
  });

  test("cluster mode", async () => {
    const server = await startServer("--cluster-enabled", "yes");
    await expect(RedisSession.open({ url: server.url })).rejects.toMatchObject({ code: "REDIS_CLUSTER" });
  });

  test("a user who may not ask for INFO", async () => {
    const server = await startServer();
    await server.cli("ACL", "SETUSER", "weak", "on", ">pw", "~*", "&*", "+@all", "-@dangerous");
    await expect(
      RedisSession.open({ url: `redis://weak:pw@127.0.0.1:${server.port}` }),
    ).rejects.toMatchObject({
      code: "REDIS_PERMISSION",
      message: expect.stringContaining("+info"),
    });
  });

  test("the rights that the error names are enough", async () => {
    const server = await startServer();
    const rights = ["+@all", "-@admin", "-@dangerous", "+info", "+client|unblock"];
    await server.cli("ACL", "SETUSER", "weir", "on", ">pw", "~*", "&*", ...rights);
    const job = await startJob(`redis://weir:pw@127.0.0.1:${server.port}`, "p.0");
    const { backend, session } = await job.open();
    const handle = await backend.attach(request("p.0"));
    expect(await handle.commit(epoch(1))).toMatchObject({ kind: "OK" });
    expect(await session.interruptWait()).toBe(false);
    const coordination = await RedisCoordination.open({ url: job.url, job: job.name });
    await coordination.join({ id: "w", host: "h", pid: 1 });
    const heard = coordination.waitForChange(3_600_000);
    expect(await coordination.setStatus(["created"], "running")).toBe(true);
    await heard;
    await coordination.close();
  });
});

test("H27 links that end at servers of different histories make no session", async () => {
  const servers = [await startServer(), await startServer()];
  let links = 0;
  const splitter = createServer((near) => {
    const far = connect(servers[links++ % 2]!.port, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => splitter.listen(0, "127.0.0.1", resolve));
  cleanUps.push(async () => splitter.close());
  const { port } = splitter.address() as { port: number };
  await expect(RedisSession.open({ url: `redis://127.0.0.1:${port}` })).rejects.toMatchObject({
    code: "HISTORY_CHANGED",
  });
});

describe("the end of a session", () => {
  test("a cut link rejects what is in flight, resends nothing and leaves no promise pending", async () => {
    const server = await startServer();
    const proxy = await LinkProxy.start({ targetPort: server.port });
    cleanUps.push(() => proxy.stop());
    const direct = await startJob(server.url, "p.0");
    const session = await RedisSession.open({ url: proxy.url });
    const ends: Error[] = [];
    session.onEnd((cause) => ends.push(cause));
    proxy.inject({ kind: "dropReplies" });
    const sent = Array.from({ length: 20 }, (_, i) =>
      session.send(["XADD", direct.data.channel("x:0>0"), "*", "n", String(i)]),
    );
    await waitFor(async () => Number(await server.cli("XLEN", direct.data.channel("x:0>0"))) === 20, {
      describe: "the requests to reach Redis",
    });
    proxy.heal();
    const outcomes = await Promise.allSettled(sent);
    expect(outcomes.every((outcome) => outcome.status === "rejected")).toBe(true);
    await expect(session.send(["PING"])).rejects.toMatchObject({ code: "SESSION_ENDED", retry: "job" });
    expect(ends).toHaveLength(1);
    expect(await server.cli("XLEN", direct.data.channel("x:0>0"))).toBe(20);
    session.close();
    expect(ends).toHaveLength(1);
  });

  test("a commit whose reply is lost is LOST, and the next attach tells that it was applied", async () => {
    const server = await startServer();
    const proxy = await LinkProxy.start({ targetPort: server.port });
    cleanUps.push(() => proxy.stop());
    const job = await startJob(server.url, "p.0");
    const far = await job.open({ url: proxy.url });
    const handle = await far.backend.attach(request("p.0"));
    proxy.inject({ kind: "dropReplies" });
    const answer = handle.commit(epoch(1, { meta: [["src", "1"]] }));
    await waitFor(async () => (await server.cli("HGET", job.data.meta("p.0"), "seq")) === "1", {
      describe: "the commit to be applied",
    });
    proxy.heal();
    expect(await answer).toMatchObject({ kind: "LOST", cause: { code: "SESSION_ENDED" } });
    expect(await handle.commit(epoch(2))).toMatchObject({ kind: "LOST" });
    const again = await (await job.open()).backend.attach(request("p.0"));
    expect(again.attached.seq).toBe(1);
  });

  test("a server that stops answering ends the session, and whatever waits for it", async () => {
    const server = await startServer();
    const job = await startJob(server.url, "p.0");
    const { session, backend, reader } = await job.open({ replyTimeoutMs: 1_000 });
    const handle = await backend.attach(request("p.0"));
    reader.watch([{ channel: "x:0>0", seq: 0, lineage: 0 }], () => undefined);
    server.pause();
    const answer = handle.commit(epoch(1));
    const loading = handle.load([load("scalar", "v", 1, ["sa"])]);
    await expect(loading).rejects.toMatchObject({ code: "SESSION_ENDED" });
    expect(await answer).toMatchObject({ kind: "LOST" });
    expect(session.ended?.cause).toMatchObject({
      code: "REDIS_TIMEOUT",
      message: expect.stringContaining("1000 ms"),
    });
    server.resume();
  });

  test("a dead waiting link ends the session although the command link lives", async () => {
    const job = await startJob(testRedisUrl(), "p.0");
    const { session } = await job.open({ name: uniqueTag("victim") });
    const clients = String(await job.command("CLIENT", "LIST")).split("\n");
    const victim = clients.find((line) => /name=victim-\w+-waiting/.test(line));
    await job.command("CLIENT", "KILL", "ID", /id=(\d+)/.exec(victim ?? "")?.[1] ?? "");
    await waitFor(() => session.ended !== undefined, {
      describe: "the end of the session",
    });
    await expect(session.send(["PING"])).rejects.toMatchObject({ code: "SESSION_ENDED" });
  });

  test("a main loop that was busy for long blames nobody", async () => {
    const connection = await RedisConnection.open({
      url: testRedisUrl(),
      name: "busy",
      replyTimeoutMs: 1_000,
    });
    for (let i = 0; i < 2; i++) {
      const reply = connection.send(["PING"]);
      blockThread(2_500);
      expect(await reply).toBe("PONG");
    }
    connection.close();
  });

  test("an idle link is no silent one", async () => {
    const connection = await RedisConnection.open({
      url: testRedisUrl(),
      name: "idle",
      replyTimeoutMs: 1_000,
    });
    const other = await RedisConnection.open({ url: testRedisUrl(), name: "wait" });
    await other.send(["BLPOP", uniqueTag("nothing"), "2.5"]);
    expect(connection.ended).toBeUndefined();
    expect(await connection.send(["PING"])).toBe("PONG");
    connection.close();
    other.close();
  });

  test("an error reply ends nothing", async () => {
    const job = await startJob(testRedisUrl(), "p.0");
    const { session, backend } = await job.open();
    const handle = await backend.attach(request("p.0"));
    const state = [writes(1, { scalars: [{ state: "v", codec, fields: ["sa"], values: [1] }] })];
    await handle.commit(epoch(1, { state }));
    await expect(handle.load([load("map", "v", 1, ["sa"])])).resolves.toBeUndefined();
    await expect(session.send(["XLEN", job.data.state("count", 1)])).rejects.toThrow("WRONGTYPE");
    expect(session.ended).toBeUndefined();
  });
});
