// Fault: worker processes die by SIGKILL while requests to the outside are under way.
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

const KILLS = 4;
/** Many commits pass while a request is under way. */
const REQUESTS = { requestMs: 300 };

async function killWorkers(kills: number): Promise<void> {
  await cluster.start(1);
  for (let kill = 0; kill < kills; kill++) {
    const spare = cluster.add({ standby: true });
    await spare.waitForEvent((event) => event.kind === "standing-by", "to stand by");
    const [victim] = cluster.alive;
    await letRun(100, 500);
    await victim!.kill();
    spare.command("go");
    await spare.joined();
    await cluster.waitForProgress(2);
  }
}

describe("SIGKILL of workers with requests under way", () => {
  test(`Y1 ${KILLS} kills: the result of every record leaves exactly once, and no window misses one`, async () => {
    cluster = new ChaosCluster(server, { job: REQUESTS });
    await killWorkers(KILLS);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
    expect(cluster.workers.filter((worker) => worker.exit?.signal === "SIGKILL")).toHaveLength(KILLS);
  });

  test("control: without the records under way in the commits, results are lost", async () => {
    const verdict = await untilBroken(
      async (trial) => {
        if (trial > 0) await cluster.stop();
        cluster = new ChaosCluster(server, { job: REQUESTS, control: "forgetful" });
        await killWorkers(1);
        return cluster.finish();
      },
      () => cluster,
    );
    expect(verdict.exactlyOnce).toBe(false);
    expect(verdict.counted).toBeLessThan(verdict.records);
  });
});
