// All queries on Redis with one of their two worker processes killed in the middle. The jobs share the processes: one kill,
// and the other process takes over everything that the first one had.
//
//   WEIR_TEST_CAMPAIGN=2   every stream, instead of the one that has what the others have
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, type RedisClientType } from "redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parsePartitionId, partitionId } from "../../src/core/ids.ts";
import { JobKeys } from "../../src/redis/keys.ts";
import { connect, type Weir } from "../../src/runtime/weir.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";
import { expectOracle } from "./compare-branches.ts";
import { DuckDbOracle } from "./duckdb-oracle.ts";
import type { SharedJob, SharedWork } from "./shared-worker.ts";
import { overMidnight, streams } from "./streams.ts";

const script = fileURLToPath(new URL("shared-worker.ts", import.meta.url));
/** Enough for two processes on a machine that is many times slower than a quiet one. */
const deadlineMs = 120_000;

const tried = Number(process.env["WEIR_TEST_CAMPAIGN"] ?? 1) > 1 ? streams : [overMidnight];

describe.each(tried)("Nexmark queries whose worker is killed in the middle, $name", (stream) => {
  // The first process has all of the job that has one partition per stage, as the second joins it only after the kill;
  // of the others the two have parts of every stage.
  const jobs = [1, 3, 8].map((parallelism) => ({ name: uniqueTag(`killed-${parallelism}`), parallelism }));
  const [alone, ...divided] = jobs as [SharedJob, ...SharedJob[]];
  let folder: string;
  let oracle: DuckDbOracle;
  let weir: Weir;
  let redis: RedisClientType;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "weir-killed-"));
    weir = await connect({ redis: testRedisUrl() });
    redis = createClient({ url: testRedisUrl() });
    await redis.connect();
    oracle = await DuckDbOracle.load(stream.events);
    await killInTheMiddle();
  });
  afterAll(async () => {
    for (const { name } of jobs) await weir.remove(name);
    redis.destroy();
    await weir.close();
    oracle.close();
    await rm(folder, { recursive: true });
  });

  test.each(jobs)("in $parallelism partitions: the rows of the oracle", async ({ name }) => {
    await expectOracle(oracle, async (branch) =>
      (await readFile(join(folder, name, `${branch.name}.ndjson`), "utf8")).trimEnd().split("\n"),
    );
  });

  async function killInTheMiddle(): Promise<void> {
    const work: SharedWork = { redis: testRedisUrl(), stream: stream.name, jobs, folder };
    const [victim, survivor] = [startWorker(work), startWorker(work)];
    const ended = new Promise<number | null>((resolve) => survivor.on("exit", resolve));
    try {
      for (const { name } of jobs) tell(victim, `join ${name}`);
      for (const { name } of divided) tell(survivor, `join ${name}`);
      await waitFor(
        async () => (await Promise.all(jobs.map((job) => isShared(job, victim)))).every(Boolean),
        {
          describe: "a part of every stage on the worker that will be killed",
          deadlineMs,
        },
      );
      for (const worker of [victim, survivor]) tell(worker, "begin");
      await waitFor(async () => (await Promise.all(jobs.map(isInTheMiddle))).every(Boolean), {
        describe: "a commit of every source",
        deadlineMs,
      });
      victim.kill("SIGKILL");
      for (const { name } of jobs)
        expect((await weir.status(name))?.job.status, `${name}, whose worker was killed`).toBe("running");
      tell(survivor, `join ${alone.name}`);
      tell(survivor, "end");
      expect(await ended, "exit code of the worker that is left").toBe(0);
    } finally {
      victim.kill("SIGKILL");
      survivor.kill("SIGKILL");
    }
  }

  /** Whether the worker has all of a job that is not divided, and of the others a part of every stage but the sinks. */
  async function isShared({ name, parallelism }: SharedJob, { pid }: ChildProcess): Promise<boolean> {
    const assignments = Object.entries(await redis.hGetAll(new JobKeys(name).assignments));
    if (assignments.length === 0) return false;
    const owners = new Map<string, boolean[]>();
    for (const [partition, assignment] of assignments) {
      const { stage } = parsePartitionId(partition);
      const isOurs = assignment.split(" ")[1]?.startsWith(`${pid}-`) === true;
      owners.set(stage, [...(owners.get(stage) ?? []), isOurs]);
    }
    return [...owners.values()].every((ours) =>
      parallelism === 1
        ? ours.every(Boolean)
        : ours.length === 1 || (ours.includes(true) && ours.includes(false)),
    );
  }

  /** Whether every partition of the source has committed what it read of its part; each has still something to read. */
  async function isInTheMiddle({ name, parallelism }: SharedJob): Promise<boolean> {
    const control = new JobKeys(name);
    const keys = control.incarnation(Number(await redis.hGet(control.record, "incarnation")));
    const partitions = Array.from({ length: parallelism }, (_, index) => partitionId("events", index));
    const metas = await Promise.all(partitions.map((id) => redis.hGetAll(keys.meta(id))));
    // The position of a staged source.
    return metas.every((meta) => Object.values(meta).some((text) => /"read":[1-9]/.test(text)));
  }
});

function startWorker(work: SharedWork): ChildProcess {
  const worker = spawn(process.execPath, ["--import", "tsx", script, JSON.stringify(work)], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  worker.stdin?.on("error", () => undefined); // it is dead
  return worker;
}

function tell(worker: ChildProcess, command: string): void {
  worker.stdin?.write(`${command}\n`);
}
