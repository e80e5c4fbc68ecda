// Workers come, go and die while a job runs: only the partitions that move are touched, and a take-over is quick.
import { availableParallelism, loadavg } from "node:os";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster } from "./cluster.ts";
import type { WorkerHandle } from "./worker-handle.ts";

let server: RedisServer;
let cluster: ChaosCluster;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterEach(() => cluster.stop());
afterAll(() => server.stop());

const TAKE_OVER_MS = 3_000;
/** How many processes wait for each core: what shares the machine with this test must not decide it. */
const crowding = (): number => Math.max(1, loadavg()[0]! / availableParallelism());

/** How often a partition was started, by whomever. */
const runs = (partition: string): number =>
  cluster.workers.reduce(
    (sum, worker) =>
      sum +
      worker.events.filter((event) => event.kind === "partition-running" && event.partition === partition)
        .length,
    0,
  );

async function leave(worker: WorkerHandle): Promise<void> {
  worker.command("leave");
  await waitFor(() => !worker.isAlive, { deadlineMs: 20_000, describe: () => worker.describe() });
  expect(worker.exit).toEqual({ code: 0, signal: null });
}

describe("workers that come and go", () => {
  test("a partition starts once per move and otherwise runs on; every record is counted exactly once", async () => {
    cluster = new ChaosCluster(server, { job: { partitions: 3 }, pace: "default" });
    await cluster.start(1);
    await cluster.settle();
    cluster.add();
    await cluster.workers[1]!.joined();
    await cluster.settle();
    cluster.add();
    await cluster.workers[2]!.joined();
    await cluster.settle();
    await leave(cluster.workers[0]!);
    await cluster.settle();

    const owners = await cluster.owners();
    for (const [partition, { version }] of owners)
      expect(runs(partition), `starts of ${partition}, which had ${version} owners`).toBe(version);
    const moves = [...owners.values()].reduce((sum, { version }) => sum + version - 1, 0);
    // 4 of 9 to the second worker, 3 to the third, and the 3 of the one that left to the others.
    expect(moves).toBe(10);
    expect(cluster.count("partition-restart")).toBe(0);
    expect(cluster.count("session-lost")).toBe(0);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
  }, 90_000);
});

describe("take-over of a dead worker", () => {
  test(`with default settings its partitions work elsewhere within ${TAKE_OVER_MS} ms`, async () => {
    cluster = new ChaosCluster(server, { pace: "default" });
    await cluster.start(2);
    await cluster.settle();
    const [victim, heir] = cluster.workers as [WorkerHandle, WorkerHandle];
    const lost = [...(await cluster.owners())].filter(([, { worker }]) => worker === victim.id);
    expect(lost.length).toBe(3);
    const seen = heir.events.length;
    await victim.kill();
    await waitFor(
      () =>
        lost.every(([partition]) =>
          heir.events
            .slice(seen)
            .some((event) => event.kind === "first-commit" && event.partition === partition),
        ),
      {
        deadlineMs: TAKE_OVER_MS * crowding(),
        describe: () => `the take-over of ${lost.map(([partition]) => partition).join()}; ${heir.describe()}`,
      },
    );
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
  }, 90_000);
});
