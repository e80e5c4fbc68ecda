// Every query with one of its two workers killed in the middle. The jobs of a round share the two worker processes: one
// kill, and the other process takes over its partitions of all of them.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, type RedisClientType } from "redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { partitionId } from "../../src/core/ids.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";
import { type NexmarkQuery, nexmarkQueries } from "../../src/nexmark/queries.ts";
import { JobKeys } from "../../src/redis/keys.ts";
import { connect, type Weir } from "../../src/runtime/weir.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";
import { DuckDbOracle } from "./duckdb-oracle.ts";
import { comparable } from "./expected.ts";
import type { SharedJob, SharedWork } from "./shared-worker.ts";
import { tableOf } from "./table.ts";

const script = fileURLToPath(new URL("shared-worker.ts", import.meta.url));
const queries = Object.keys(nexmarkQueries) as NexmarkQuery[];
const tables = queries.filter((query) => nexmarkQueries[query].result === "table");

/** What runs together: enough to share the start of processes, few enough to be under way at the same time. */
const rounds: readonly {
  readonly name: string;
  readonly jobs: readonly (readonly [NexmarkQuery, number])[];
}[] = [queries.slice(0, 8), queries.slice(8, 16), queries.slice(16)].map((some) => ({
  name: some.join(" "),
  jobs: some.map((query, index) => [query, index % 4 === 3 ? 8 : 3]),
}));

describe("Nexmark queries whose worker is killed in the middle", () => {
  const count = 5_000;
  // 25 s of event time over midnight in 4 s of real time, out of order by up to 2 s.
  const shape = {
    seed: 7,
    eventsPerSecond: 200,
    outOfOrderGroupSize: 400,
    baseTimestamp: Date.UTC(2015, 6, 15) - 10_000,
    bidderOffsetTwice: false,
  };
  let folder: string;
  let oracle: DuckDbOracle;
  let weir: Weir;
  let redis: RedisClientType;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "weir-killed-"));
    const generator = createNexmarkGenerator(shape);
    oracle = await DuckDbOracle.load(Array.from({ length: count }, (_, n) => generator.event(n)));
    weir = await connect({ redis: testRedisUrl() });
    redis = createClient({ url: testRedisUrl() });
    await redis.connect();
  });
  afterAll(async () => {
    redis.destroy();
    await weir.close();
    oracle.close();
    await rm(folder, { recursive: true });
  });

  /** Whether every partition of the source has committed what it read. */
  async function haveCommitted({ name, parallelism }: SharedJob): Promise<boolean> {
    const keys = new JobKeys(name).incarnation(1);
    const partitions = Array.from({ length: parallelism }, (_, index) => partitionId("events", index));
    const epochs = await Promise.all(partitions.map((id) => redis.hGet(keys.meta(id), "seq")));
    return epochs.every((epoch) => Number(epoch) > 0);
  }

  async function runWithKill(jobs: readonly SharedJob[]): Promise<void> {
    const source = { ...shape, events: count, ratePerSecond: count / 4 };
    const work: SharedWork = { redis: testRedisUrl(), source, jobs };
    const start = (): ChildProcess =>
      spawn(process.execPath, ["--import", "tsx", script, JSON.stringify(work)], {
        stdio: ["ignore", "inherit", "inherit"],
      });
    const [victim, survivor] = [start(), start()];
    const ended = new Promise<number | null>((resolve) => survivor.on("exit", resolve));
    try {
      await waitFor(async () => (await Promise.all(jobs.map(haveCommitted))).every(Boolean), {
        describe: "the first commits of all jobs",
      });
      victim.kill("SIGKILL");
      for (const { name } of jobs)
        expect((await weir.status(name))?.job.status, `${name}, whose worker was killed`).toBe("running");
      expect(await ended, "exit code of the worker that is left").toBe(0);
    } finally {
      victim.kill("SIGKILL");
      survivor.kill("SIGKILL");
    }
  }

  function jobOf(query: NexmarkQuery, parallelism: number, changelog: boolean): SharedJob {
    const name = uniqueTag(`killed-${query}`);
    return { query, name, parallelism, changelog, output: join(folder, `${name}.ndjson`) };
  }

  test.each(rounds)("$name give the rows of the oracle", async ({ jobs }) => {
    const started = jobs.map(([query, parallelism]) => jobOf(query, parallelism, false));
    await runWithKill(started);
    for (const { query, name, output } of started) {
      const expected = await oracle.sortedLines(query);
      expect(expected.length).toBeGreaterThan(0);
      expect(comparable(query, await linesOf(output)), query).toEqual(expected);
      await weir.remove(name);
    }
  });

  test("the changelogs still take back nothing that is not there, and give the tables", async () => {
    const started = tables.map((query) => jobOf(query, 3, true));
    await runWithKill(started);
    for (const { query, name, output } of started) {
      const changes = (await linesOf(output)).map((line) => JSON.parse(line) as object);
      expect(tableOf(changes), query).toEqual(await oracle.sortedLines(query));
      await weir.remove(name);
    }
  });
});

async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, "utf8")).trimEnd().split("\n");
}
