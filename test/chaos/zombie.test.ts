// Fault: a worker is paused (SIGSTOP), loses its partitions, wakes up and does not know. A coordinator that lies keeps it
// from finding out, so that only the fence stands between it and the state of its successor.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster, letRun } from "./cluster.ts";
import { untilBroken } from "./until-broken.ts";
import type { WorkerHandle } from "./worker-handle.ts";

let server: RedisServer;
let cluster: ChaosCluster;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterEach(() => cluster.stop());
afterAll(() => server.stop());

/** Ended by the first fenced answer: long enough for one on any machine. */
const STALE_VIEW_MS = 30_000;

/** Pauses a worker until others own all that it had and work on it, then lets it go on. @returns index of its next event */
async function makeZombie(zombie: WorkerHandle): Promise<number> {
  const owned = [...(await cluster.owners())].filter(([, owner]) => owner.worker === zombie.id);
  expect(owned.length, "partitions of the worker that is paused").toBeGreaterThan(0);
  await letRun(0, 100);
  zombie.pause();
  await waitFor(
    async () => {
      const owners = await cluster.owners();
      return owned.every(([partition]) => owners.get(partition)?.worker !== zombie.id);
    },
    { describe: () => `the paused worker's partitions to move; ${cluster.describe()}` },
  );
  await cluster.waitForProgress(2);
  const seen = zombie.events.length;
  zombie.resume();
  await zombie.waitForEvent((event) => event.kind === "paused", "to notice its pause", seen);
  return seen;
}

describe("SIGSTOP past take-over, then SIGCONT", () => {
  test("a zombie is fenced, changes nothing and works again afterwards", async () => {
    // Only the fence may stop it: an answer that is late because it slept must not.
    cluster = new ChaosCluster(server, { staleViewMs: STALE_VIEW_MS, replyTimeoutMs: 60_000 });
    await cluster.start(2);
    for (let round = 0; round < 3; round++) {
      await cluster.settle();
      const zombie = cluster.workers[round % 2]!;
      const woken = await makeZombie(zombie);
      const fenced = await zombie.waitForEvent((event) => event.code === "FENCED", "to be fenced", woken);
      await zombie.waitForEvent((event) => event.kind === "first-commit", "to work again", fenced);
    }
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
  });

  test("control: a zombie that always offers the fence that fits destroys the count", async () => {
    const verdict = await untilBroken(
      async (trial) => {
        if (trial > 0) await cluster.stop();
        cluster = new ChaosCluster(server, {
          staleViewMs: 3_000,
          replyTimeoutMs: 60_000,
          control: "unprotected",
        });
        await cluster.start(2);
        await cluster.settle();
        // It goes on reading where it was, so that whatever it commits was read by its successor too.
        const { worker: reader } = (await cluster.owners()).get("numbers.0")!;
        const zombie = cluster.workers.find(({ id }) => id === reader)!;
        await makeZombie(zombie);
        await cluster.settle();
        return cluster.finish();
      },
      () => cluster,
    );
    expect(verdict.exactlyOnce).toBe(false);
  });
});
