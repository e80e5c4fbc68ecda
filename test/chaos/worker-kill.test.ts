// Fault: worker processes die by SIGKILL at random moments.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisServer } from "../support/redis-server.ts";
import { ChaosCluster, letRun } from "./cluster.ts";
import { untilBroken } from "./until-broken.ts";

let server: RedisServer;
let cluster: ChaosCluster;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterEach(() => cluster.stop());
afterAll(() => server.stop());

const KILLS = 20;

/** Kills one worker after the other; a new one stands ready before each kill, as a supervisor would keep it. */
async function killWorkers(kills: number): Promise<void> {
  await cluster.start(2);
  let spare = cluster.add({ standby: true });
  for (let kill = 0; kill < kills; kill++) {
    await spare.waitForEvent((event) => event.kind === "standing-by", "to stand by");
    const running = cluster.alive.filter((worker) => worker !== spare);
    const victim = running[Math.floor(Math.random() * running.length)]!;
    await letRun(0, 300);
    await victim.kill();
    spare.command("go");
    await spare.joined();
    if (kill < kills - 1) spare = cluster.add({ standby: true });
  }
}

describe("SIGKILL of workers", () => {
  test(`${KILLS} kills at random moments: every record is counted exactly once`, async () => {
    cluster = new ChaosCluster(server);
    await killWorkers(KILLS);
    await cluster.waitForProgress(1);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
    expect(cluster.workers.filter((worker) => worker.exit?.signal === "SIGKILL")).toHaveLength(KILLS);
  });

  test("control: with positions that follow one commit behind the work, records are counted twice", async () => {
    const verdict = await untilBroken(
      async (trial) => {
        if (trial > 0) await cluster.stop();
        cluster = new ChaosCluster(server, { control: "late-positions" });
        await killWorkers(3);
        await cluster.waitForProgress(1);
        return cluster.finish();
      },
      () => cluster,
    );
    expect(verdict.exactlyOnce).toBe(false);
    expect(verdict.problems.join()).toMatch(/counted|progress|window|count \d+ came/);
  });
});
