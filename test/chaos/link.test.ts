// Fault: the links between a worker and Redis lose replies, break, go silent, and delay.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisSession } from "../../src/redis/session.ts";
import { LinkProxy, type LinkSelection } from "../support/link-proxy.ts";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster, letRun, PATIENT } from "./cluster.ts";
import type { WorkerHandle } from "./worker-handle.ts";

let server: RedisServer;
let proxy: LinkProxy;
let cluster: ChaosCluster;
/** The worker whose links are hurt; the other one reaches Redis directly. */
let victim: WorkerHandle;

beforeAll(async () => {
  server = await RedisServer.start();
  proxy = await LinkProxy.start({ targetPort: server.port });
});
afterEach(async () => {
  await cluster.stop();
  proxy.heal();
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

const carriesCommits: LinkSelection = (link) => link.clientName === "weir-commands";
const carriesReads: LinkSelection = (link) => link.clientName === "weir-waiting";

async function startPair(): Promise<void> {
  victim = cluster.add({ redis: proxy.url });
  await victim.joined();
  await cluster.start(1);
}

/**
 * Hurts the victim's links until it has noticed, and waits until it works again. A link that is still being opened when
 * it is hurt is no session yet, so once may not be enough.
 */
async function losesSession(hurt: () => Promise<void> | void): Promise<void> {
  const seen = victim.events.length;
  const isLost = (): boolean => victim.events.slice(seen).some((event) => event.kind === "session-lost");
  for (let times = 0; !isLost() && times < 10; times++) {
    await hurt();
    await waitFor(isLost, { deadlineMs: 8_000, describe: "a lost session" }).catch(() => proxy.heal());
  }
  const lost = await victim.waitForEvent(
    (event) => event.kind === "session-lost",
    "to lose its session",
    seen,
  );
  proxy.heal();
  await victim.waitForEvent((event) => event.kind === "first-commit", "to work again", lost);
}

/** Breaks links as soon as there are any. */
async function cut(select: LinkSelection): Promise<void> {
  await waitFor(() => proxy.cut(select) > 0, { describe: "a link to cut" });
}

/** Commits reach Redis and are applied; their answers never come back. */
async function dropReplies(): Promise<void> {
  const before = proxy.counters.droppedReplyBytes;
  proxy.inject({ kind: "dropReplies" }, carriesCommits);
  await waitFor(() => proxy.counters.droppedReplyBytes > before, {
    describe: "a reply to be dropped",
  });
  await letRun(0, 50);
  proxy.heal();
}

describe("bad links", () => {
  test("a link that goes silent while it is opened is given up", async () => {
    cluster = new ChaosCluster(server);
    proxy.inject({ kind: "blackHole" });
    const opening = RedisSession.open({ url: proxy.url, connectTimeoutMs: 300, replyTimeoutMs: 300 });
    await expect(opening).rejects.toMatchObject({ code: "REDIS_UNREACHABLE" });
  });

  test("replies that are lost, links that break at any byte: every record is counted exactly once", async () => {
    cluster = new ChaosCluster(server);
    await startPair();
    for (let round = 0; round < 3; round++) {
      await losesSession(dropReplies);
      await losesSession(() => cut(carriesCommits));
      const afterBytes = Math.floor(Math.random() * 4_000);
      await losesSession(() => proxy.inject({ kind: "cutInRequest", afterBytes }, carriesCommits));
    }
    await losesSession(() => cut(carriesReads));
    await losesSession(() => cut(() => true));
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
    expect(proxy.counters.droppedReplyBytes).toBeGreaterThan(0);
  });

  test("links that go silent and deliver everything too late: the stragglers are refused", async () => {
    cluster = new ChaosCluster(server);
    await startPair();
    for (const select of [carriesCommits, carriesReads, () => true]) {
      // When all is silent, its partitions are taken from it meanwhile.
      await losesSession(() => proxy.inject({ kind: "blackHole" }, select));
      await cluster.waitForProgress(5);
    }
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
  });

  test("links that are slow: nothing is lost and nobody is declared dead", async () => {
    cluster = new ChaosCluster(server, PATIENT);
    await startPair();
    await cluster.settle();
    const before = await cluster.owners();
    proxy.inject({ kind: "delay", delayMs: 60 });
    await cluster.waitForProgress(5);
    expect(await cluster.owners()).toEqual(before);
    proxy.heal();
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
    expect(cluster.count("session-lost")).toBe(0);
  });

  test("control: a client that connects again and repeats what was not answered counts twice", async () => {
    cluster = new ChaosCluster(server, { control: "unprotected" });
    await startPair();
    const untilMs = performance.now() + 120_000;
    let violations: string[] = [];
    while (violations.length === 0 && performance.now() < untilMs) {
      await dropReplies();
      await letRun(300, 600);
      violations = await cluster.violations();
    }
    expect(violations).not.toEqual([]);
  });
});
