import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { writePairs } from "../support/paired-writes.ts";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";

const script = fileURLToPath(new URL("../../deploy/redis-start.sh", import.meta.url));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** A stopped server whose port and directory the script takes over, and which knows how to cut the file. */
async function layFile(dir: string, pairs: number): Promise<RedisServer> {
  const server = await RedisServer.start({ appendOnly: true, fsync: "always", dir });
  await writePairs(server.url, pairs);
  await server.kill();
  return server;
}

async function startByScript(server: RedisServer, ...args: string[]): Promise<ChildProcess> {
  const child = spawn("sh", [script, "--bind", "127.0.0.1", ...args], {
    env: { ...process.env, REDIS_DIR: server.dir, REDIS_PORT: String(server.port), REDIS_MAXMEMORY: "64mb" },
    stdio: "ignore",
  });
  children.push(child);
  await waitFor(async () => (await server.cli("PING")) === "PONG", { describe: "Redis by script" });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

describe("deploy/redis-start.sh", () => {
  test("starts an empty Redis with the settings that Weir requires, and arguments win", async () => {
    const dir = await mkdtemp(join(tmpdir(), "weir-start-"));
    const server = await RedisServer.start({ dir });
    await server.stop();
    const child = await startByScript(server, "--tcp-keepalive", "45");
    const settings = async (name: string) => ((await server.cli("CONFIG", "GET", name)) as string[])[1];
    expect(await settings("appendonly")).toBe("yes");
    expect(await settings("aof-load-truncated")).toBe("no");
    expect(await settings("maxmemory-policy")).toBe("noeviction");
    expect(await settings("maxmemory")).toBe(String(64 * 1024 * 1024));
    expect(await settings("save")).toBe("");
    expect(await settings("tcp-keepalive")).toBe("45");
    await end(child);
    await rm(dir, { recursive: true });
  });

  test("a file torn inside a transaction is cut at its start, and stays right at the next start (H28)", async () => {
    const dir = await mkdtemp(join(tmpdir(), "weir-start-"));
    const server = await layFile(dir, 30);
    server.cutAof(40);
    const first = await startByScript(server, "--appendfsync", "always");
    expect(await server.cli("MGET", "left", "right")).toEqual(["29", "29"]);
    await writePairs(server.url, 1);
    await end(first);
    const second = await startByScript(server);
    expect(await server.cli("MGET", "left", "right")).toEqual(["30", "30"]);
    expect(await server.cli("LRANGE", "log", -2, -1)).toEqual(["entry 29", "entry 1"]);
    await end(second);
    await rm(dir, { recursive: true });
  });

  test("an intact file loses nothing", async () => {
    const dir = await mkdtemp(join(tmpdir(), "weir-start-"));
    const server = await layFile(dir, 30);
    const child = await startByScript(server);
    expect(await server.cli("MGET", "left", "right")).toEqual(["30", "30"]);
    await end(child);
    await rm(dir, { recursive: true });
  });

  test("is a script that every POSIX shell accepts", () => {
    expect(spawnSync("sh", ["-n", script], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  });
});
