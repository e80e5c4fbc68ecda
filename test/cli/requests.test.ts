// What waits for the outside: weir status shows how many requests are under way, since when, and what went wrong.
import { describe, expect, onTestFinished, test } from "vitest";
import { formatRequests } from "../../src/cli/request-text.ts";
import type { RequestFigures } from "../../src/operators/async/async-operator.ts";
import { deleteJob } from "../../src/redis/delete-job.ts";
import { PastFigures } from "../../src/runtime/past-figures.ts";
import { requestsOf, sumRequests } from "../../src/runtime/request-figures.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { callWeir } from "./call-weir.ts";
import { jobFile, jsonLines, startWeir } from "./start-weir.ts";

const file = jobFile("waiting-requests.ts");

describe("requests on the command line", () => {
  test("status names the operator, how many requests are under way and how long the oldest record waits", async () => {
    const name = uniqueTag("requests");
    onTestFinished(async () => {
      await deleteJob(testRedisUrl(), name);
    });
    const env = { WEIR_TEST_JOB: name };
    const redis = ["--redis", testRedisUrl()];
    // One worker: when partitions move, requests are made again, and counted again.
    const args = ["run", file, ...redis, "--workers", "1", "--parallelism", "2", "--dead-after-ms", "60000"];
    const run = startWeir([...args, "--json"], env);
    const requests = await run.until("all records are taken, and two were asked again", async () => {
      const { code, stdout } = await callWeir(["status", name, ...redis, "--json"]);
      if (code !== 0) return false;
      const [found] = (jsonLines(stdout)[0]?.["requests"] ?? []) as readonly RequestFigures[];
      return found?.inFlight === 7 && found.retries === 2 && found;
    });
    expect(requests).toEqual({
      ...{ operator: "ask", inFlight: 7, held: 7, oldestMs: expect.any(Number) },
      ...{ retries: 2, timeouts: 0 },
    });
    const { stdout } = await callWeir(["status", name, ...redis]);
    expect(stdout).toMatch(/^requests of +in flight +held +oldest +retries +timeouts$/m);
    expect(stdout).toMatch(/^ask +7 +7 +\S+ +2 +0$/m);
    expect((await callWeir(["cancel", name, ...redis])).code).toBe(0);
    await run.ended;
  });
});

const figures = (changes: Partial<RequestFigures>): RequestFigures => ({
  ...{ operator: "ask", inFlight: 1, held: 2, oldestMs: 30, retries: 4, timeouts: 5 },
  ...changes,
});

test("figures of partitions and workers add up; of ages the oldest stays", () => {
  const none = { inFlight: 0, held: 0, oldestMs: null };
  expect(
    sumRequests([figures({}), figures({ operator: "rows" }), figures({ oldestMs: 31 }), figures(none)]),
  ).toEqual([
    figures({ inFlight: 2, held: 4, oldestMs: 31, retries: 12, timeouts: 15 }),
    figures({ operator: "rows" }),
  ]);
});

test("of an attempt that is over its repeats and time-outs stay; nothing is under way any more", () => {
  const partition = (requests: readonly RequestFigures[]) => ({
    ...{ partition: "ask.0" as const, stage: "ask", state: "running" as const, recordsIn: 1, recordsOut: 1 },
    ...{ watermark: 0, backlogEntries: 0, mailboxEntries: 0, commits: 0, operators: {}, requests },
    time: { busyMs: 0, idleMs: 0, backpressuredMs: 0, stateWaitMs: 0, commitWaitMs: 0 },
  });
  const past = new PastFigures();
  past.add(partition([figures({})]));
  past.add(partition([figures({})]));
  expect(requestsOf([partition([figures({ retries: 0, timeouts: 1 })])], past.all())).toEqual([
    figures({ retries: 8, timeouts: 11 }),
  ]);
});

test("a job that makes no requests has no table of them", () => {
  expect(formatRequests([])).toEqual([]);
  expect(
    formatRequests([figures({ oldestMs: null }), figures({ operator: "rows", oldestMs: 72_000 })]),
  ).toEqual([
    "requests of  in flight  held  oldest  retries  timeouts",
    "ask                  1     2       -        4         5",
    "rows                 1     2   1m12s        4         5",
  ]);
});
