import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createClient } from "redis";
import { afterEach, describe, expect, test } from "vitest";
import { writePairs } from "./paired-writes.ts";
import { RedisServer, type RedisServerOptions } from "./redis-server.ts";
import { testRedisUrl, uniqueTag } from "./test-redis.ts";
import { waitFor } from "./wait-for.ts";

const started: RedisServer[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

async function start(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  started.push(server);
  return server;
}

describe("RedisServer", () => {
  test("starts with noeviction and nothing that survives it, and is gone after stop", async () => {
    const server = await start({ maxmemory: "32mb" });
    expect(await server.cli("PING")).toBe("PONG");
    expect(await server.cli("CONFIG", "GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
    expect(await server.cli("CONFIG", "GET", "maxmemory")).toEqual(["maxmemory", String(32 * 1024 * 1024)]);
    expect(await server.cli("CONFIG", "GET", "appendonly")).toEqual(["appendonly", "no"]);
    await expect(server.cli("NOSUCHCOMMAND")).rejects.toThrow(/unknown command/);
    await server.stop();
    expect(existsSync(server.dir)).toBe(false);
    await expect(server.cli("PING")).rejects.toThrow();
  });

  test("a killed server with an append-only file comes back with everything, under another history", async () => {
    const server = await start({ appendOnly: true, fsync: "always" });
    await writePairs(server.url, 50);
    const before = await server.history();
    await server.kill();
    await server.restart();
    expect(await server.cli("GET", "right")).toBe("50");
    expect(before).toMatch(/^[0-9a-f]{40}$/);
    expect(await server.history()).not.toBe(before);
  });

  test("a torn file is refused, and repair rolls back to a whole transaction", async () => {
    const server = await start({ appendOnly: true, fsync: "always" });
    await writePairs(server.url, 50);
    await server.kill();
    const cut = server.cutAof(30); // inside the last transaction
    expect(cut.bytesAfter).toBe(cut.bytesBefore - 30);
    expect(cut.removed.toString()).toMatch(/EXEC\r\n$/);
    await expect(server.restart()).rejects.toThrow(/Unexpected end of file|did not start/);
    await server.restart({ repair: true });
    expect(await server.cli("MGET", "left", "right")).toEqual(["49", "49"]);
    await server.restart({ repair: true });
    expect(await server.cli("MGET", "left", "right")).toEqual(["49", "49"]);
    expect(await server.cli("LLEN", "log")).toBe(49);
  });

  test("control: without the repair a torn transaction is executed at the second restart (H28)", async () => {
    const server = await start({ appendOnly: true, fsync: "always", loadTruncated: true });
    await writePairs(server.url, 50);
    await server.kill();
    server.cutAof(30); // MULTI, INCR left and RPUSH of the last transaction stay in the file
    await server.restart();
    expect(await server.cli("LLEN", "log")).toBe(49);
    await writePairs(server.url, 1); // its EXEC ends the orphaned MULTI when the file is read again
    expect(await server.cli("LLEN", "log")).toBe(50);
    await server.restart();
    expect(await server.cli("LRANGE", "log", -2, -1)).toEqual(["entry 50", "entry 1"]);
  });

  test("a random cut is the same for the same source of randomness", async () => {
    const server = await start({ appendOnly: true, fsync: "always" });
    await writePairs(server.url, 20);
    await server.kill();
    const cut = server.cutAof("random", () => 0.5);
    expect(cut.bytesAfter).toBe(cut.bytesBefore - 1 - Math.floor(cut.bytesBefore / 2));
    await server.restart({ repair: true });
    const [left, right] = (await server.cli("MGET", "left", "right")) as [string, string];
    expect(left).toBe(right);
    expect(await server.cli("LLEN", "log")).toBe(Number(left));
  });

  test("a paused server keeps its connections and answers after it resumes", async () => {
    const server = await start();
    server.pause();
    let answered = false;
    const reply = server.cli("PING").finally(() => {
      answered = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    server.resume();
    expect(await reply).toBe("PONG");
  });

  test("a paused server can be stopped and killed", async () => {
    const [first, second] = await Promise.all([start(), start()]);
    first.pause();
    second.pause();
    await Promise.all([first.stop(), second.kill()]);
    await expect(first.cli("PING")).rejects.toThrow();
    await expect(second.cli("PING")).rejects.toThrow();
  });

  test("the server and its directory go when its owner is killed with SIGKILL", async () => {
    const script = `
      import { RedisServer } from ${JSON.stringify(fileURLToPath(new URL("./redis-server.ts", import.meta.url)))};
      const server = await RedisServer.start();
      console.log(JSON.stringify({ pid: server.pid, dir: server.dir }));
      setInterval(() => undefined, 1_000);`;
    const owner = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const line = await new Promise<string>((resolve) => {
      owner.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    });
    const { pid, dir } = JSON.parse(line) as { pid: number; dir: string };
    expect(existsSync(dir)).toBe(true);
    owner.kill("SIGKILL");
    await waitFor(() => !isAlive(pid) && !existsSync(dir), {
      describe: "the orphan to be ended",
    });
  });
});

describe("the shared test Redis", () => {
  test("answers, and unique tags keep its users apart", async () => {
    const client = createClient({ url: testRedisUrl() });
    await client.connect();
    const tags = [uniqueTag("redis-server-test"), uniqueTag("redis-server-test")];
    expect(tags[0]).not.toBe(tags[1]);
    expect(await client.exists(tags)).toBe(0);
    client.destroy();
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
