// Fault: Redis dies by SIGKILL, loses the tail of its append-only file, and comes back; twice in a row (hole H28).
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster, letRun } from "./cluster.ts";
import { untilBroken } from "./until-broken.ts";

/** The first write of every commit, as it stands in the append-only file. */
const COMMIT_MARK = "\r\nbegun\r\n";

let server: RedisServer;
let cluster: ChaosCluster;

afterEach(async () => {
  await cluster.stop();
  await server.stop();
});

/** Kills Redis and cuts its file. @returns commits that began in the part that is gone */
async function loseTail(): Promise<number> {
  const before = await server.history();
  await server.kill();
  const { removed } = server.cutAof("random");
  await server.restart({ repair: true });
  expect(await server.history()).not.toBe(before);
  return removed.toString("latin1").split(COMMIT_MARK).length - 1;
}

describe("Redis killed and restarted", () => {
  test("killed again and again, its file as it is: every record is counted exactly once", async () => {
    server = await RedisServer.start({ appendOnly: true });
    cluster = new ChaosCluster(server);
    await cluster.start(2);
    for (let round = 0; round < 3; round++) {
      await server.restart({ repair: true });
      await cluster.waitForProgress(2);
    }
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
    expect(cluster.count("session-lost")).toBeGreaterThan(0);
  });

  test("its file cut at a random byte and repaired, twice in a row: every record is counted exactly once", async () => {
    server = await RedisServer.start({ appendOnly: true });
    cluster = new ChaosCluster(server);
    await cluster.start(2);
    let lost = 0;
    for (let round = 0; round < 4; round++) {
      await cluster.waitForProgress(5);
      lost += await loseTail();
      await letRun(0, 300);
      await server.restart({ repair: true });
    }
    await cluster.waitForProgress(1);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
    expect(lost, "commits that the cuts took back").toBeGreaterThan(0);
  });

  test("control: clients that go on over the restored past with what they hold from the lost future", async () => {
    server = await RedisServer.start({ appendOnly: true });
    const verdict = await untilBroken(
      async (trial) => {
        if (trial > 0) await cluster.stop();
        cluster = new ChaosCluster(server, { control: "unprotected" });
        await cluster.start(2);
        let lost = 0;
        while (lost === 0) {
          await cluster.waitForProgress(5);
          lost = await loseTail();
        }
        await cluster.waitForProgress(2);
        return cluster.finish();
      },
      () => cluster,
    );
    expect(verdict.exactlyOnce).toBe(false);
  });

  test("control: a torn transaction that is not repaired is executed at the second restart, and noticed", async () => {
    // Always: the second start must find the end of the torn transaction, which a later commit has written.
    server = await RedisServer.start({ appendOnly: true, fsync: "always", loadTruncated: true });
    cluster = new ChaosCluster(server);
    await cluster.start(2);
    await cluster.waitForProgress(5);
    await server.kill();
    const { bytesBefore, file } = server.cutAof(0);
    const tornAt = insideLastCommit(readFileSync(file));
    server.cutAof(bytesBefore - tornAt);
    await server.restart();
    await cluster.waitForProgress(2);
    await server.restart();
    // Half a commit was applied: nobody may go on as if nothing had happened.
    await waitFor(() => cluster.workers.every((worker) => !worker.isAlive), {
      describe: () => `the job to fail; ${cluster.describe()}`,
    });
    for (const worker of cluster.workers) {
      expect(worker.exit).toEqual({ code: 1, signal: null });
      expect(worker.events.find((event) => event.kind === "failed")?.code).toMatch(/TORN/);
    }
  });
});

/**
 * @returns a position inside the last commit of the file, behind its first write and in the middle of a command: a cut
 *   between two commands is the one case that Redis itself takes back as a whole
 */
function insideLastCommit(aof: Buffer): number {
  const begun = aof.lastIndexOf(COMMIT_MARK);
  if (begun < 0) throw new Error("the append-only file has no commit");
  const nextCommand = aof.indexOf("\r\n*", begun) + 2;
  return nextCommand + 8;
}
