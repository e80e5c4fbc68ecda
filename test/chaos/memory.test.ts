// Fault: Redis has less memory than is in use, and a sink is slower than its sources.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster, type ClusterOptions, letRun } from "./cluster.ts";

let server: RedisServer;
let cluster: ChaosCluster;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterEach(async () => {
  await cluster.stop();
  await server.cli("CONFIG", "SET", "maxmemory", "0");
  await server.cli("FLUSHALL");
});
afterAll(() => server.stop());

const usedMemory = async (): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(String(await server.cli("INFO", "memory")))![1]);

const longest = (lengths: ReadonlyMap<string, number>): number => Math.max(0, ...lengths.values());

/** Lets channels fill behind a slow sink, then takes Redis' memory away and makes the sink fast again. */
async function squeezeBehindBacklog(options: ClusterOptions): Promise<void> {
  cluster = new ChaosCluster(server, { job: { padBytes: 1_000 }, ...options });
  await cluster.start(2);
  const base = await usedMemory();
  cluster.slow(true);
  await waitFor(async () => longest(await cluster.channelLengths()) >= 16, {
    describe: "channels to fill",
  });
  await server.cli("CONFIG", "SET", "maxmemory", String(Math.floor(base / 2)));
  cluster.slow(false);
}

const refusedStages = (): Set<string> =>
  new Set(
    cluster.workers.flatMap((worker) =>
      worker.events
        .filter((event) => event.kind === "answer" && event.code === "REFUSED")
        .map((event) => event.partition!.split(".")[0]!),
    ),
  );

describe("maxmemory below what is used", () => {
  test("sources are refused, everything downstream drains, and all goes on when there is memory again", async () => {
    await squeezeBehindBacklog({});
    await waitFor(
      async () => refusedStages().has("numbers") && longest(await cluster.channelLengths()) === 0,
      { describe: () => `the channels to drain; ${cluster.describe()}` },
    );
    expect([...refusedStages()]).toEqual(["numbers"]);
    await server.cli("CONFIG", "SET", "maxmemory", "0");
    await cluster.waitForProgress(2);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
  });

  test("control: when nobody may write, nobody can free memory, and everything stands still", async () => {
    await squeezeBehindBacklog({ control: "all-denied" });
    await waitFor(() => refusedStages().has("count") || refusedStages().has("verify"), {
      describe: () => `those who drain to be refused; ${cluster.describe()}`,
    });
    const stuck = await cluster.epochs();
    await letRun(1_000, 1_000);
    expect(await cluster.epochs()).toEqual(stuck);
    expect(longest(await cluster.channelLengths())).toBeGreaterThan(0);
  });
});

describe("a slow sink", () => {
  const HIGH_ENTRIES = 16;
  /** A partition that is above the mark may have one epoch in flight and one open, of a frame or two per channel. */
  const BOUND = HIGH_ENTRIES + 6;

  test("holds the sources back: channels and memory stay bounded, then everything is caught up with", async () => {
    cluster = new ChaosCluster(server, { settings: { highEntries: HIGH_ENTRIES } });
    await cluster.start(2);
    cluster.slow(true);
    let most = 0;
    const look = async (): Promise<number> => {
      most = Math.max(most, longest(await cluster.channelLengths()));
      return most;
    };
    await waitFor(async () => (await look()) >= HIGH_ENTRIES, {
      describe: "a channel to fill up to the mark",
    });
    const memoryWhenFull = await usedMemory();
    let mostMemory = 0;
    // The sources would fill a channel with twice the bound meanwhile, see the control.
    for (const untilMs = performance.now() + 4_000; performance.now() < untilMs; ) {
      await look();
      mostMemory = Math.max(mostMemory, await usedMemory());
    }
    expect(most).toBeLessThanOrEqual(BOUND);
    expect(mostMemory).toBeLessThan(memoryWhenFull + 8_000_000);
    cluster.slow(false);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
  });

  test("control: without the mark the channels grow past every bound", async () => {
    cluster = new ChaosCluster(server, { settings: { highEntries: 100_000, highBytes: 1_000_000_000 } });
    await cluster.start(2);
    cluster.slow(true);
    await waitFor(async () => longest(await cluster.channelLengths()) > 2 * BOUND, {
      describe: "a channel to grow past the bound",
    });
  });
});
