// Fault: Redis dies by SIGKILL, loses the tail of its append-only file, and comes back; twice in a row (hole H28).
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster, letRun } from "./cluster.ts";

let server: RedisServer;
let cluster: ChaosCluster;

afterEach(async () => {
  await cluster.stop();
  await server.stop();
});

const history = async (): Promise<string> =>
  /master_replid:(\w+)/.exec(String(await server.cli("INFO", "replication")))![1]!;

/** Kills Redis and cuts its file. @returns commits that are gone, at least */
async function loseTail(): Promise<number> {
  const known = await cluster.epochs();
  const before = await history();
  await server.kill();
  server.cutAof("random");
  await server.restart({ repair: true });
  expect(await history()).not.toBe(before);
  // Workers may have committed again already: what was lost is seen at least in part.
  const restored = await cluster.epochs();
  return cluster.partitions.reduce(
    (lost, partition) => lost + Math.max(0, known.get(partition)! - restored.get(partition)!),
    0,
  );
}

describe("Redis killed and restarted", () => {
  test("killed without loss, again and again: every record is counted exactly once", async () => {
    server = await RedisServer.start({ appendOnly: true });
    cluster = new ChaosCluster(server);
    await cluster.start(2);
    for (let round = 0; round < 3; round++) {
      await server.restart({ repair: true });
      await cluster.waitForProgress(2, 30_000);
    }
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
    expect(cluster.count("session-lost")).toBeGreaterThan(0);
  }, 90_000);

  test("its file cut at a random byte and repaired, twice in a row: every record is counted exactly once", async () => {
    server = await RedisServer.start({ appendOnly: true });
    cluster = new ChaosCluster(server);
    await cluster.start(2);
    let lost = 0;
    for (let round = 0; round < 4; round++) {
      await cluster.waitForProgress(5, 30_000);
      lost += await loseTail();
      await letRun(0, 300);
      await server.restart({ repair: true });
    }
    await cluster.waitForProgress(1, 30_000);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
    expect(lost, "commits that the cuts took back").toBeGreaterThan(0);
  }, 120_000);

  test("control: clients that go on over the restored past with what they hold from the lost future", async () => {
    server = await RedisServer.start({ appendOnly: true });
    cluster = new ChaosCluster(server, { control: "unprotected" });
    await cluster.start(2);
    let lost = 0;
    while (lost === 0) {
      await cluster.waitForProgress(5, 30_000);
      lost = await loseTail();
    }
    await cluster.waitForProgress(2, 30_000);
    const verdict = await cluster.finish();
    expect(verdict.exactlyOnce).toBe(false);
  }, 90_000);

  test("control: a torn transaction that is not repaired is executed at the second restart, and noticed", async () => {
    server = await RedisServer.start({ appendOnly: true, loadTruncated: true });
    cluster = new ChaosCluster(server);
    await cluster.start(2);
    await cluster.waitForProgress(5, 30_000);
    await server.kill();
    const { bytesBefore, file } = server.cutAof(0);
    const tornAt = insideLastCommit(readFileSync(file));
    server.cutAof(bytesBefore - tornAt);
    await server.restart();
    await cluster.waitForProgress(2, 30_000);
    await server.restart();
    // Half a commit was applied: nobody may go on as if nothing had happened.
    await waitFor(() => cluster.workers.every((worker) => !worker.isAlive), {
      deadlineMs: 30_000,
      describe: () => `the job to fail; ${cluster.describe()}`,
    });
    for (const worker of cluster.workers) {
      expect(worker.exit).toEqual({ code: 1, signal: null });
      expect(worker.events.find((event) => event.kind === "failed")?.code).toMatch(/TORN/);
    }
  }, 60_000);
});

/**
 * @returns a position inside the last commit of the file, behind its first write and in the middle of a command: a cut
 *   between two commands is the one case that Redis itself takes back as a whole
 */
function insideLastCommit(aof: Buffer): number {
  const begun = aof.lastIndexOf("\r\nbegun\r\n");
  if (begun < 0) throw new Error("the append-only file has no commit");
  const nextCommand = aof.indexOf("\r\n*", begun) + 2;
  return nextCommand + 8;
}
