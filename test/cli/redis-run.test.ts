import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { deleteJob } from "../../src/redis/delete-job.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { callWeir } from "./call-weir.ts";
import {
  type Ended,
  holdSource,
  jobFile,
  jsonLines,
  sortedLines,
  startWeir,
  type WeirProcess,
  weir,
} from "./start-weir.ts";
import { expectedLines } from "./window-counts.ts";

const file = jobFile("window-counts.mjs");

/** A job of its own on the shared Redis, deleted when the test is over. */
function newJob(records: number, rate?: number): { name: string; env: Record<string, string> } {
  const name = uniqueTag("cli");
  onTestFinished(async () => {
    await deleteJob(testRedisUrl(), name);
  });
  const env = {
    ...{ WEIR_TEST_JOB: name, WEIR_TEST_RECORDS: String(records) },
    ...(rate === undefined ? {} : { WEIR_TEST_RATE: String(rate) }),
  };
  return { name, env };
}

function onRedis(...args: string[]): string[] {
  return [...args, "--redis", testRedisUrl()];
}

/** A worker that a busy machine holds up is not taken for dead: only what the test does to workers happens to them. */
const patient = ["--dead-after-ms", "60000"];

/** The results of runs, without the repetitions that a console may have when partitions move: it is written at least once. */
function printed(...runs: readonly Ended[]): string[] {
  const lines = runs.flatMap(({ stdout }) => sortedLines(stdout));
  return [...new Set(lines.filter((line) => line.includes('"count"')))].sort();
}

/** The last JSON object that `weir run --json` prints. */
function summaryOf(ended: Ended): Record<string, unknown> {
  return jsonLines(ended.stdout).at(-1)?.["summary"] as Record<string, unknown>;
}

async function readStatus(job: string): Promise<Record<string, unknown> | undefined> {
  const { code, stdout } = await callWeir(onRedis("status", job, "--json"));
  return code === 0 ? jsonLines(stdout)[0] : undefined;
}

interface WorkerStatus {
  readonly id: string;
  readonly pid: number;
  readonly partitions: number;
}

/** Waits until so many workers share all four partitions. */
async function untilWorkers(run: WeirProcess, job: string, count: number): Promise<readonly WorkerStatus[]> {
  return run.until(`${count} workers of job ${job}`, async () => {
    const workers = ((await readStatus(job))?.["workers"] ?? []) as readonly WorkerStatus[];
    const shared = workers.length === count && workers.every((worker) => worker.partitions === 4 / count);
    return shared && workers;
  });
}

describe("weir run --redis", () => {
  test("runs a job with two worker processes to its end; then it is over, until --fresh begins anew", async () => {
    const { env } = newJob(4_000);
    const args = onRedis("run", file, "--workers", "2", "--parallelism", "2", "--json", ...patient);
    const first = await weir(args, env);
    expect(first.code, first.stderr).toBe(0);
    expect(printed(first)).toEqual(expectedLines(4_000));
    expect(summaryOf(first)).toMatchObject({ status: "finished" });

    const again = await weir(args, env);
    expect(again.code).toBe(4);
    expect(jsonLines(again.stderr)).toMatchObject([
      { error: { code: "JOB_OVER", details: { status: "finished" } } },
    ]);

    // Nothing moves from one worker alone: what it has done is what the job has done.
    const fresh = await weir([...args, "--workers", "1", "--fresh"], env);
    expect(fresh.code, fresh.stderr).toBe(0);
    expect(summaryOf(fresh)).toMatchObject({ status: "finished", recordsRead: 4_000, recordsWritten: 40 });
  });

  test("a worker process that is killed is replaced, and the result in a file is exactly right", async () => {
    const folder = await mkdtemp(join(tmpdir(), "weir-cli-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { name, env } = newJob(6_000);
    const held = await holdSource();
    const run = startWeir(onRedis("run", file, "--workers", "2", "--parallelism", "2", "--json"), {
      ...env,
      ...held.env,
      WEIR_TEST_FILE: join(folder, "out.ndjson"),
    });
    const before = await run.until("two workers", async () => {
      const workers = ((await readStatus(name))?.["workers"] ?? []) as readonly WorkerStatus[];
      return workers.length === 2 && workers.every((worker) => worker.partitions > 0) && workers;
    });
    const victim = before[0]!.pid;
    process.kill(victim, "SIGKILL");
    await held.release();
    const ended = await run.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(jsonLines(ended.stderr)).toContainEqual({
      event: { kind: "worker-crash", pid: victim, how: "signal SIGKILL", respawnInMs: 100 },
    });
    expect(summaryOf(ended)).toMatchObject({ status: "finished" });
    // One file per partition of the sink.
    const parts = (await readdir(folder)).filter((part) => /^out-\d-of-2\.ndjson$/.test(part));
    const texts = await Promise.all(parts.map((part) => readFile(join(folder, part), "utf8")));
    expect(sortedLines(texts.join(""))).toEqual(expectedLines(6_000));
  });

  test("a job that fails ends all workers with one error and code 1", async () => {
    const { env } = newJob(0);
    const { code, stderr } = await weir(
      onRedis("run", jobFile("failing.mjs"), "--workers", "2", "--parallelism", "2", "--quiet", ...patient),
      env,
    );
    expect(stderr).toMatch(
      /^weir: job "cli-\w+" failed in partition numbers\.\d: .*fifty is too much.*\[JOB_FAILED\]\n$/,
    );
    expect(code).toBe(1);
  });

  test("--restart says how often a partition that fails is tried again", async () => {
    const { env } = newJob(0);
    const args = onRedis("run", jobFile("refused.ts"), "--parallelism", "1", "--json", ...patient);
    const ended = await weir([...args, "--restart", "maxRestarts=2", "--restart", "max-backoff-ms=100"], env);
    expect(ended.code).toBe(1);
    expect(jsonLines(ended.stderr).at(-1)).toMatchObject({
      error: { code: "JOB_FAILED", details: { code: "SINK_FAILED" } },
    });
    expect(summaryOf(ended)).toMatchObject({ status: "failed", restarts: 2 });
  });

  test("workers that end again and again by themselves end the run with code 1", async () => {
    const { env } = newJob(0);
    // The sooner a worker counts as dead, the sooner the next one meets the record that ends it.
    const quick = ["--dead-after-ms", "750", "--workers", "1", "--parallelism", "1", "--json"];
    const args = onRedis("run", jobFile("failing.mjs"), ...quick);
    const { code, stderr } = await weir(args, { ...env, WEIR_TEST_CRASH: "1" });
    const lines = jsonLines(stderr);
    const crashes = lines.filter(
      (line) => (line["event"] as { kind?: string } | undefined)?.kind === "worker-crash",
    );
    expect(crashes.length).toBeGreaterThan(2);
    expect(crashes[0]).toMatchObject({ event: { how: "exit code 7" } });
    expect(lines.at(-1)).toMatchObject({ error: { code: "WORKERS_CRASHED" } });
    expect(code).toBe(1);
  });

  test("SIGTERM drains all workers; the same command goes on where the job stands", async () => {
    const { name, env } = newJob(5_000);
    const held = await holdSource();
    const args = onRedis("run", file, "--workers", "2", "--parallelism", "2", "--json", ...patient);
    const run = startWeir(args, { ...env, ...held.env });
    await run.until("first results", () => run.stdout.includes("count"));
    run.signal("SIGTERM");
    const drained = await run.ended;
    expect(drained.code, drained.stderr).toBe(0);
    expect(summaryOf(drained)).toMatchObject({ status: "drained" });
    expect(await readStatus(name)).toMatchObject({ status: "running", workers: [] });

    const rest = await weir(args, env);
    expect(rest.code, rest.stderr).toBe(0);
    expect(printed(drained, rest)).toEqual(expectedLines(5_000));
  });

  test("a second signal ends the workers at once, with code 143", async () => {
    const { name, env } = newJob(1_000_000, 1_000);
    const run = startWeir(onRedis("run", file, "--workers", "1", "--parallelism", "2", ...patient), env);
    // Stopped, it cannot drain.
    const [worker] = await untilWorkers(run, name, 1);
    process.kill(worker!.pid, "SIGSTOP");
    run.signal("SIGTERM");
    await run.until("the drain", () => run.stderr.includes("SIGTERM: the workers finish"));
    let over = false;
    void run.ended.then(() => {
      over = true;
    });
    // Again and again: what comes right after the first counts as the same wish.
    await run.until("the end", () => {
      if (!over) run.signal("SIGTERM");
      return over;
    });
    expect((await run.ended).code).toBe(143);
    await run.until("the end of the worker", () => !isAlive(worker!.pid));
  });

  test("workers whose parent was killed drain by themselves", async () => {
    const { name, env } = newJob(1_000_000, 1_000);
    const args = onRedis("run", file, "--workers", "2", "--parallelism", "2", "--quiet", ...patient);
    const run = startWeir(args, env);
    const workers = await untilWorkers(run, name, 2);
    run.signal("SIGKILL");
    await run.until("the end of the workers", () => workers.every((worker) => !isAlive(worker.pid)));
    expect(await readStatus(name)).toMatchObject({ status: "running", workers: [] });
  });
});

describe("weir worker, status, cancel, remove", () => {
  test("the first worker creates the job, the second joins, cancel ends both, remove deletes it", async () => {
    const { name, env } = newJob(1_000_000, 1_000);
    const first = startWeir(onRedis("worker", file, "--parallelism", "2", ...patient), env);
    await untilWorkers(first, name, 1);
    const second = startWeir(onRedis("worker", file, ...patient), env);
    const workers = await untilWorkers(second, name, 2);

    const table = await weir(onRedis("status", file), env);
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(
      new RegExp(`^job ${name}: running, 2 workers, 0 of 4 partitions ended, led by \\S+\n`),
    );
    expect(table.stdout).toMatch(/^stage +partitions +in +out +lag +delay +busy +backpressured +idle$/m);
    for (const { id, pid } of workers)
      expect(table.stdout).toMatch(new RegExp(`^${id} +\\S+ +${pid} +2 `, "m"));
    const all = await callWeir(onRedis("status", "--json"));
    expect(jsonLines(all.stdout).map((line) => line["job"])).toContain(name);

    second.signal("SIGINT");
    expect(await second.ended).toMatchObject({ code: 0 });
    expect(await untilWorkers(first, name, 1)).toMatchObject([{ pid: first.pid }]);

    const cancelled = await callWeir(onRedis("cancel", name, "--json"));
    expect(cancelled.code).toBe(0);
    expect((await first.ended).stderr).toMatch(new RegExp(`^weir: job ${name} cancelled after `, "m"));
    expect((await first.ended).code).toBe(0);
    expect(await readStatus(name)).toMatchObject({ status: "cancelled" });
    expect(await callWeir(onRedis("cancel", name))).toMatchObject({
      code: 0,
      stdout: `job ${name} is cancelled\n`,
    });

    expect(await weir(onRedis("worker", file), env)).toMatchObject({ code: 4 });
    const removed = await callWeir(onRedis("remove", name, "--json"));
    expect(jsonLines(removed.stdout)).toMatchObject([{ job: name }]);
    expect(await callWeir(onRedis("status", name))).toMatchObject({ code: 4 });
  });

  test("--join-only refuses to create a job", async () => {
    const { env } = newJob(100);
    const { code, stderr } = await weir(onRedis("worker", file, "--join-only"), env);
    expect(stderr).toMatch(/\[JOB_NOT_FOUND\]\n$/);
    expect(code).toBe(4);
  });

  test("a worker with another graph is refused with what has changed", async () => {
    const { name, env } = newJob(1_000_000, 1_000);
    const first = startWeir(onRedis("worker", file, "--parallelism", "2", ...patient), env);
    await untilWorkers(first, name, 1);
    const { code, stderr } = await weir(onRedis("worker", jobFile("failing.mjs")), env);
    expect(stderr).toMatch(/has changed since it was started: .*\[JOB_GRAPH_CHANGED\]\n$/);
    expect(code).toBe(4);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
