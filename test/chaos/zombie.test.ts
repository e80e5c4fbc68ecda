// Fault: a worker is paused (SIGSTOP), loses its partitions, wakes up and does not know. A coordinator that lies keeps it
// from finding out, so that only the fence stands between it and the state of its successor.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster, letRun } from "./cluster.ts";
import type { WorkerHandle } from "./worker-handle.ts";

let server: RedisServer;
let cluster: ChaosCluster;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterEach(() => cluster.stop());
afterAll(() => server.stop());

const STALE_VIEW_MS = 1_500;

/** Pauses a worker until others own all that it had and work on it, then lets it go on. */
async function makeZombie(zombie: WorkerHandle): Promise<void> {
  await cluster.settle();
  const owned = [...(await cluster.owners())].filter(([, owner]) => owner.worker === zombie.id);
  expect(owned.length, "partitions of the worker that is paused").toBeGreaterThan(0);
  await letRun(0, 100);
  zombie.pause();
  await waitFor(
    async () => {
      const owners = await cluster.owners();
      return owned.every(([partition]) => owners.get(partition)?.worker !== zombie.id);
    },
    { deadlineMs: 20_000, describe: () => `the paused worker's partitions to move; ${cluster.describe()}` },
  );
  await cluster.waitForProgress(2, 20_000);
  const seen = zombie.events.length;
  zombie.resume();
  await zombie.waitForEvent((event) => event.kind === "paused", "to notice its pause", 20_000, seen);
}

describe("SIGSTOP past take-over, then SIGCONT", () => {
  test("a zombie is fenced, changes nothing and works again afterwards", async () => {
    cluster = new ChaosCluster(server, { staleViewMs: STALE_VIEW_MS });
    await cluster.start(2);
    for (let round = 0; round < 3; round++) {
      const zombie = cluster.workers[round % 2]!;
      const seen = zombie.events.length;
      await makeZombie(zombie);
      await zombie.waitForEvent(
        (event) => event.code === "FENCED" || event.code === "PARTITION_FENCED",
        "to be fenced",
        20_000,
        seen,
      );
      await zombie.waitForEvent((event) => event.kind === "first-commit", "to work again", 20_000, seen);
    }
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
    expect(cluster.count("answer", "FENCED")).toBeGreaterThan(0);
  }, 90_000);

  test("control: a zombie that always offers the fence that fits destroys the count", async () => {
    cluster = new ChaosCluster(server, { staleViewMs: STALE_VIEW_MS, control: "unprotected" });
    await cluster.start(2);
    let violations: string[] = [];
    for (let round = 0; violations.length === 0 && round < 3; round++) {
      await makeZombie(cluster.workers[round % 2]!);
      violations = await waitFor(() => cluster.violations().then((found) => found.length > 0 && found), {
        deadlineMs: 5_000,
        describe: "wrong results",
      }).catch(() => []);
    }
    expect(violations).not.toEqual([]);
  }, 90_000);
});
