import { createConnection, type Socket } from "node:net";
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { LinkProxy } from "./link-proxy.ts";
import { RedisServer } from "./redis-server.ts";
import { waitFor } from "./wait-for.ts";

let server: RedisServer;
let proxy: LinkProxy;
const sockets: Socket[] = [];

beforeAll(async () => {
  server = await RedisServer.start();
});

afterAll(() => server.stop());

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.stop();
  await server.cli("FLUSHALL");
});

/** A raw connection through the proxy, with all that came back. */
interface Line {
  readonly socket: Socket;
  replies: string;
  isClosed: boolean;
}

async function dial(): Promise<Line> {
  const socket = createConnection({ host: "127.0.0.1", port: proxy.port });
  sockets.push(socket);
  const line: Line = { socket, replies: "", isClosed: false };
  socket.on("data", (chunk: Buffer) => {
    line.replies += chunk.toString();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    line.isClosed = true;
  });
  await new Promise((resolve) => socket.once("connect", resolve));
  return line;
}

const soon = (what: string) => ({ describe: what, intervalMs: 2 });

async function ask(line: Line, command: string, reply: string): Promise<void> {
  const before = line.replies.length;
  line.socket.write(`${command}\r\n`);
  await waitFor(() => line.replies.length > before, soon(`the reply to ${command}`));
  expect(line.replies.slice(before)).toBe(reply);
}

function counterOf(key: string): () => Promise<number> {
  return async () => Number(await server.cli("GET", key));
}

describe("LinkProxy", () => {
  test("a healthy link carries everything, large values and pipelines included, and counts it", async () => {
    proxy = await LinkProxy.start({ targetPort: server.port });
    const client = createClient({ url: proxy.url });
    await client.connect();
    const value = "x".repeat(3_000_000);
    await Promise.all(Array.from({ length: 8 }, (_, i) => client.set(`large:${i}`, value)));
    const read = await Promise.all(Array.from({ length: 8 }, (_, i) => client.get(`large:${i}`)));
    expect(read.every((text) => text === value)).toBe(true);
    expect(proxy.counters).toMatchObject({ accepted: 1, open: 1, cut: 0, droppedReplyBytes: 0 });
    expect(proxy.counters.requestBytes).toBeGreaterThan(24_000_000);
    expect(proxy.counters.replyBytes).toBeGreaterThan(24_000_000);
    client.destroy();
    await waitFor(() => proxy.counters.open === 0, soon("the link to close behind its client"));
  });

  test("dropReplies: the command is executed and its answer never comes; the link dies when healed", async () => {
    proxy = await LinkProxy.start({ targetPort: server.port });
    const line = await dial();
    await ask(line, "PING", "+PONG\r\n");
    proxy.inject({ kind: "dropReplies" });
    line.socket.write("INCR hits\r\n");
    await waitFor(async () => (await counterOf("hits")()) === 1, soon("the command to be executed"));
    await waitFor(
      () => proxy.counters.droppedReplyBytes === ":1\r\n".length,
      soon("the reply to be dropped"),
    );
    expect(line.isClosed).toBe(false);
    proxy.heal();
    await waitFor(() => line.isClosed, soon("the link to break"));
    expect(line.replies).toBe("+PONG\r\n");
    await ask(await dial(), "INCR hits", ":2\r\n");
  });

  test("cut: both sides see the link break, and other links live on", async () => {
    proxy = await LinkProxy.start({ targetPort: server.port });
    const [first, second] = [await dial(), await dial()];
    await ask(first, "PING", "+PONG\r\n");
    await ask(second, "PING", "+PONG\r\n");
    expect(proxy.cut((link) => link.index === 0)).toBe(1);
    await waitFor(() => first.isClosed, soon("the client to see the cut"));
    await ask(second, "PING", "+PONG\r\n");
    expect(proxy.counters).toMatchObject({ accepted: 2, open: 1, cut: 1 });
  });

  test("blackHole: nothing crosses, new links are silent too, and healing delivers what was held", async () => {
    proxy = await LinkProxy.start({ targetPort: server.port });
    const line = await dial();
    await ask(line, "PING", "+PONG\r\n");
    proxy.inject({ kind: "blackHole" });
    line.socket.write("INCR hits\r\n");
    const late = await dial();
    late.socket.write("PING\r\n");
    await server.cli("PING"); // Redis has had its chance to see the others
    expect(await server.cli("EXISTS", "hits")).toBe(0);
    expect([line.replies, late.replies]).toEqual(["+PONG\r\n", ""]);
    proxy.heal();
    await waitFor(
      () => line.replies === "+PONG\r\n:1\r\n" && late.replies === "+PONG\r\n",
      soon("both replies"),
    );
  });

  test("blackHole: a straggler is executed although its client has long given up", async () => {
    proxy = await LinkProxy.start({ targetPort: server.port });
    const line = await dial();
    await ask(line, "PING", "+PONG\r\n");
    proxy.inject({ kind: "blackHole" });
    await new Promise<void>((resolve) => line.socket.write("INCR hits\r\n", () => resolve()));
    line.socket.destroy();
    await waitFor(() => line.isClosed, soon("the client to be gone"));
    expect(await server.cli("EXISTS", "hits")).toBe(0);
    proxy.heal();
    await waitFor(async () => (await counterOf("hits")()) === 1, soon("the straggler"));
    await waitFor(() => proxy.counters.open === 0, soon("the link to close"));
  });

  test("delay: replies come late by both ways, in order, and healing does not let the next overtake", async () => {
    proxy = await LinkProxy.start({ targetPort: server.port });
    const line = await dial();
    await ask(line, "PING", "+PONG\r\n");
    proxy.inject({ kind: "delay", delayMs: 40 });
    const startedMs = performance.now();
    line.socket.write("ECHO one\r\n");
    await waitFor(() => line.replies.endsWith("$3\r\none\r\n"), soon("the late reply"));
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(79); // timers may fire a fraction early
    line.socket.write("ECHO two\r\n");
    await waitFor(
      () => proxy.counters.requestBytes === "PING\r\nECHO one\r\nECHO two\r\n".length,
      soon("the second request to be under way"),
    );
    proxy.heal();
    line.socket.write("ECHO three\r\n");
    await waitFor(() => line.replies.endsWith("three\r\n"), soon("the last reply"));
    expect(line.replies).toBe("+PONG\r\n$3\r\none\r\n$3\r\ntwo\r\n$5\r\nthree\r\n");
  });

  test("cutInRequest: exactly the allowed bytes arrive, once, and the next link works", async () => {
    proxy = await LinkProxy.start({ targetPort: server.port });
    const line = await dial();
    await ask(line, "PING", "+PONG\r\n");
    const whole = "INCR hits\r\n";
    proxy.inject({ kind: "cutInRequest", afterBytes: 2 * whole.length + 4 });
    line.socket.write(whole);
    await waitFor(async () => (await counterOf("hits")()) === 1, soon("the first request"));
    expect(line.isClosed).toBe(false);
    line.socket.write(whole.repeat(3));
    await waitFor(() => line.isClosed, soon("the cut"));
    await waitFor(async () => (await counterOf("hits")()) === 2, soon("the second request"));
    expect(proxy.counters).toMatchObject({ cut: 1, requestBytes: "PING\r\n".length + 2 * whole.length + 4 });
    const next = await dial();
    await ask(next, "INCR hits", ":3\r\n");
    await ask(next, "PING", "+PONG\r\n");
  });

  test("a selection by client name hits the commit link only", async () => {
    proxy = await LinkProxy.start({ targetPort: server.port });
    const reader = createClient({ url: proxy.url, name: "reader" });
    const committer = createClient({
      url: proxy.url,
      name: "committer",
      socket: { reconnectStrategy: false },
    });
    committer.on("error", () => undefined);
    await Promise.all([reader.connect(), committer.connect()]);
    expect(proxy.links.map((link) => link.clientName).sort()).toEqual(["committer", "reader"]);
    proxy.inject({ kind: "dropReplies" }, (link) => link.clientName === "committer");
    const lost = committer.incr("hits");
    await waitFor(async () => (await counterOf("hits")()) === 1, soon("the commit to be executed"));
    expect(await reader.get("hits")).toBe("1");
    proxy.heal();
    await expect(lost).rejects.toThrow();
    expect(await reader.ping()).toBe("PONG");
    reader.destroy();
    committer.destroy();
  });

  test("a link to a server that is down is closed, and works again when the server is back", async () => {
    const own = await RedisServer.start();
    proxy = await LinkProxy.start({ targetPort: own.port });
    const line = await dial();
    await ask(line, "PING", "+PONG\r\n");
    await own.kill();
    await waitFor(() => line.isClosed, soon("the death of the server to reach the client"));
    const refused = await dial();
    await waitFor(() => refused.isClosed, soon("the refused link to close"));
    await own.restart();
    await ask(await dial(), "PING", "+PONG\r\n");
    await own.stop();
  });
});
