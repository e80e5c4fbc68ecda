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
    deadlineMs: 30_000,
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
      { deadlineMs: 30_000, describe: () => `the channels to drain; ${cluster.describe()}` },
    );
    expect([...refusedStages()]).toEqual(["numbers"]);
    await server.cli("CONFIG", "SET", "maxmemory", "0");
    await cluster.waitForProgress(2, 30_000);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
  }, 90_000);

  test("control: when nobody may write, nobody can free memory, and everything stands still", async () => {
    await squeezeBehindBacklog({ control: "all-denied" });
    await waitFor(() => refusedStages().has("count") || refusedStages().has("verify"), {
      deadlineMs: 30_000,
      describe: () => `those who drain to be refused; ${cluster.describe()}`,
    });
    const stuck = await cluster.epochs();
    await letRun(1_000, 1_000);
    expect(await cluster.epochs()).toEqual(stuck);
    expect(longest(await cluster.channelLengths())).toBeGreaterThan(0);
  }, 60_000);
});

describe("a slow sink", () => {
  const HIGH_ENTRIES = 16;
  /** A partition that is above the mark may have one epoch in flight and one open, of a frame or two per channel. */
  const BOUND = HIGH_ENTRIES + 6;

  test("holds the sources back: channels and memory stay bounded, then everything is caught up with", async () => {
    cluster = new ChaosCluster(server, { settings: { highEntries: HIGH_ENTRIES } });
    await cluster.start(2);
    let most = 0;
    let mostMemory = 0;
    const sources = async (): Promise<number> => {
      const epochs = await cluster.epochs();
      return epochs.get("numbers.0")! + epochs.get("numbers.1")!;
    };
    /** Commits of the sources per second, while channels and memory are looked at. */
    const pace = async (periodMs: number): Promise<number> => {
      const startMs = performance.now();
      const before = await sources();
      while (performance.now() - startMs < periodMs) {
        most = Math.max(most, longest(await cluster.channelLengths()));
        mostMemory = Math.max(mostMemory, await usedMemory());
      }
      return (((await sources()) - before) * 1_000) / (performance.now() - startMs);
    };
    const fullPace = await pace(1_000);
    cluster.slow(true);
    await waitFor(async () => (await pace(400)) < fullPace / 5, {
      deadlineMs: 30_000,
      describe: "the sources to be held back",
    });
    const memoryWhenFull = await usedMemory();
    expect(await pace(2_000)).toBeLessThan(fullPace / 2);
    expect(most).toBeGreaterThanOrEqual(HIGH_ENTRIES);
    expect(most).toBeLessThanOrEqual(BOUND);
    expect(mostMemory).toBeLessThan(memoryWhenFull + 8_000_000);
    cluster.slow(false);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
  }, 90_000);

  test("control: without the mark the channels grow past every bound", async () => {
    cluster = new ChaosCluster(server, { settings: { highEntries: 100_000, highBytes: 1_000_000_000 } });
    await cluster.start(2);
    cluster.slow(true);
    await waitFor(async () => longest(await cluster.channelLengths()) > 2 * BOUND, {
      deadlineMs: 30_000,
      describe: "a channel to grow past the bound",
    });
  }, 60_000);
});
