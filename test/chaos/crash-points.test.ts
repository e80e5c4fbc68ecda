// Fault: a worker process dies right before and right after each step of the protocol.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster } from "./cluster.ts";
import { CRASH_STEPS, type CrashStep } from "./worker-config.ts";

let server: RedisServer;
let cluster: ChaosCluster;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterEach(() => cluster.stop());
afterAll(() => server.stop());

/** Attaches and releases are few; of the others a later one, so that the attempt has done something. */
function timesOf(step: CrashStep): number {
  switch (step) {
    case "before-attach":
    case "attached":
    case "before-release":
    case "released":
      return 1;
    default:
      return 2 + Math.floor(Math.random() * 5);
  }
}

/** Lets one worker join, and die at the step; the worker that stays takes its partitions over. */
async function crashAt(step: CrashStep): Promise<void> {
  const crashAtText = `${step}:${timesOf(step)}`;
  const victim = cluster.add({ crashAt: crashAtText });
  await victim.joined();
  if (step === "before-release" || step === "released") {
    await victim.waitForEvent((event) => event.kind === "first-commit", "to work", 20_000);
    victim.command("leave");
  }
  await waitFor(() => !victim.isAlive, {
    deadlineMs: 20_000,
    describe: () => `the worker to die at ${crashAtText}; ${victim.describe()}`,
  });
  expect(victim.exit, `the worker that dies at ${crashAtText}`).toEqual({ code: null, signal: "SIGKILL" });
}

describe("SIGKILL at each step", () => {
  test(`one death at each of ${CRASH_STEPS.length} steps: every record is counted exactly once`, async () => {
    cluster = new ChaosCluster(server);
    await cluster.start(1);
    for (const step of CRASH_STEPS) await crashAt(step);
    await cluster.waitForProgress(1, 30_000);
    expect(await cluster.finish()).toMatchObject({ exactlyOnce: true, problems: [] });
  }, 90_000);

  test("control: when positions follow one commit behind the work, a death after a commit counts twice", async () => {
    cluster = new ChaosCluster(server, { control: "late-positions" });
    await cluster.start(1);
    for (let death = 0; death < 2; death++) await crashAt("after-commit");
    await cluster.waitForProgress(1, 30_000);
    const verdict = await cluster.finish();
    expect(verdict.exactlyOnce).toBe(false);
    expect(verdict.counted).toBeGreaterThan(verdict.records);
  }, 60_000);
});
