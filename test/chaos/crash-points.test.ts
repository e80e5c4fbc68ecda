// Fault: a worker process dies right before and right after each step of the protocol.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster } from "./cluster.ts";
import { untilBroken } from "./until-broken.ts";
import { CRASH_STEPS, type CrashStep } from "./worker-config.ts";
import type { WorkerHandle } from "./worker-handle.ts";

let server: RedisServer;
let cluster: ChaosCluster;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterEach(() => cluster.stop());
afterAll(() => server.stop());

/** Partitions are released when their input has ended, so these come last. */
const AT_THE_END: readonly CrashStep[] = ["before-release", "released"];
const WHILE_RUNNING = CRASH_STEPS.filter((step) => !AT_THE_END.includes(step));

/** Attaches and releases are few; of the others a later one, so that the attempt has done something. */
function addVictim(step: CrashStep): WorkerHandle {
  const times = /attach|release/.test(step) ? 1 : 2 + Math.floor(Math.random() * 5);
  return cluster.add({ crashAt: `${step}:${times}` });
}

async function dies(victim: WorkerHandle, step: CrashStep): Promise<void> {
  await waitFor(() => !victim.isAlive, {
    describe: () => `a worker to die at ${step}; ${victim.describe()}`,
  });
  expect(victim.exit, `the worker that dies at ${step}`).toEqual({ code: null, signal: "SIGKILL" });
}

describe("SIGKILL at each step", () => {
  test(`one death at each of ${CRASH_STEPS.length} steps: every record is counted exactly once`, async () => {
    cluster = new ChaosCluster(server);
    await cluster.start(1);
    for (const step of WHILE_RUNNING) await dies(addVictim(step), step);
    const last = AT_THE_END.map(addVictim);
    for (const victim of last) await victim.waitForEvent((event) => event.kind === "first-commit", "to work");
    await cluster.waitForProgress(1);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
    for (const [i, step] of AT_THE_END.entries()) await dies(last[i]!, step);
  });

  test("control: when positions follow one commit behind the work, a death after a commit counts twice", async () => {
    const verdict = await untilBroken(
      async (trial) => {
        if (trial > 0) await cluster.stop();
        cluster = new ChaosCluster(server, { control: "late-positions" });
        await cluster.start(1);
        for (let death = 0; death < 2; death++) await dies(addVictim("after-commit"), "after-commit");
        await cluster.waitForProgress(1);
        return cluster.finish();
      },
      () => cluster,
    );
    expect(verdict.exactlyOnce).toBe(false);
    expect(verdict.counted).toBeGreaterThan(verdict.records);
  });
});
