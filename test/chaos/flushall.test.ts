// Fault: somebody empties Redis under a running job.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster } from "./cluster.ts";
import { type ChaosResult, resultStream } from "./job.ts";
import { findViolations } from "./verdict.ts";

let server: RedisServer;
let cluster: ChaosCluster;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterEach(() => cluster.stop());
afterAll(() => server.stop());

/** What somebody outside has already read from the results. */
async function readResults(): Promise<ChaosResult[]> {
  const entries = (await server.cli("XRANGE", resultStream(cluster.job), "-", "+")) as [string, string[]][];
  return entries.map(([, fields]) => JSON.parse(fields[1]!) as ChaosResult);
}

async function startAndPublish(): Promise<ChaosResult[]> {
  await cluster.start(2);
  await waitFor(async () => (await readResults()).length > 20, {
    describe: () => `results to be published; ${cluster.describe()}`,
  });
  return readResults();
}

describe("FLUSHALL under a running job", () => {
  test("every worker stops with a clear error, and nothing starts from zero", async () => {
    cluster = new ChaosCluster(server);
    await startAndPublish();
    await server.cli("FLUSHALL");
    await waitFor(() => cluster.workers.every((worker) => !worker.isAlive), {
      describe: () => `the workers to stop; ${cluster.describe()}`,
    });
    for (const worker of cluster.workers) {
      expect(worker.exit, worker.describe()).toEqual({ code: 1, signal: null });
      const failure = worker.events.find((event) => event.kind === "failed");
      expect(failure).toMatchObject({ code: "JOB_LOST" });
      expect(failure?.message).toContain("nothing is started from zero by itself");
    }
    expect(await server.cli("KEYS", `*${cluster.job.name}*`)).toEqual([]);
  });

  test("control: workers that create the lost job anew publish results that were published before", async () => {
    cluster = new ChaosCluster(server, { control: "recreate" });
    const published = await startAndPublish();
    await server.cli("FLUSHALL");
    await waitFor(
      async () => findViolations(cluster.job, [...published, ...(await readResults())], []).length > 0,
      { describe: () => `results that repeat; ${cluster.describe()}` },
    );
  });
});
