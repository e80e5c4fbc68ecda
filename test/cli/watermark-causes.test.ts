// Why does my window not fire: weir status and weir explain --live name the split that event time waits for.
import { describe, expect, onTestFinished, test } from "vitest";
import { formatCauses } from "../../src/cli/watermark-text.ts";
import { deleteJob } from "../../src/redis/delete-job.ts";
import type { WatermarkCause } from "../../src/runtime/watermark-causes.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { callWeir } from "./call-weir.ts";
import { jobFile, jsonLines, startWeir, weir } from "./start-weir.ts";

const file = jobFile("silent-split.ts");

describe("event time on the command line", () => {
  test("status and explain --live name the silent split, since when, and the way to it", async () => {
    const name = uniqueTag("silent");
    onTestFinished(async () => {
      await deleteJob(testRedisUrl(), name);
    });
    const env = { WEIR_TEST_JOB: name };
    const redis = ["--redis", testRedisUrl()];
    const run = startWeir(["run", file, ...redis, "--workers", "1", "--parallelism", "2", "--json"], env);
    const causes = await run.until("the silent split is named", async () => {
      const { code, stdout } = await callWeir(["status", name, ...redis, "--json"]);
      if (code !== 0) return false;
      const found = (jsonLines(stdout)[0]?.["watermarks"] ?? []) as readonly WatermarkCause[];
      return found.some(({ stage, state }) => stage === "counts" && state === "silent") && found;
    });
    expect(causes).toEqual([
      {
        ...{ stage: "readings", watermark: 39_999, path: ["readings.1"], kind: "split", input: "silent" },
        ...{ inputWatermark: 39_999, forMs: expect.any(Number), state: "silent" },
      },
      {
        ...{ stage: "counts", watermark: 39_999, kind: "split", input: "silent" },
        path: [expect.stringMatching(/^counts\.[01]$/), "readings.1"],
        ...{ inputWatermark: 39_999, forMs: expect.any(Number), state: "silent" },
      },
    ]);
    const line =
      /^counts: watermark 1970-01-01T00:00:39\.999Z, held by split silent of readings\.1: no newer records for \S+$/m;
    expect((await callWeir(["status", name, ...redis])).stdout).toMatch(line);
    const live = await weir(["explain", file, "--live", ...redis], env);
    expect(live.stdout).toMatch(/^stage counts × 2$/m);
    expect(live.stdout).toMatch(line);
    expect((await weir(["explain", file, "--live", ...redis], { WEIR_TEST_JOB: `${name}-none` })).code).toBe(
      4,
    );
    expect((await callWeir(["cancel", name, ...redis])).code).toBe(0);
    await run.ended;
  });
});

test("a line says what is waited for and why", () => {
  const cause: WatermarkCause = {
    ...{ stage: "counts", watermark: 5, path: ["counts.0", "orders.1"], kind: "split", input: "eu" },
    ...{ inputWatermark: 5, forMs: 72_000, state: "silent" },
  };
  const lineOf = (change: Partial<WatermarkCause>): string | undefined =>
    formatCauses([{ ...cause, ...change }])[0]?.replace("counts: watermark ", "");
  const at = "1970-01-01T00:00:00.005Z";
  expect([
    lineOf({}),
    lineOf({ state: "aligned" }),
    lineOf({ state: "idle" }),
    lineOf({ state: "active" }),
    lineOf({ kind: "channel", input: "x:0>1", state: "active", watermark: null, inputWatermark: null }),
    lineOf({ kind: "channel", input: "x:0>1", state: "unreported" }),
  ]).toEqual([
    `${at}, held by split eu of orders.1: no newer records for 1m12s`,
    `${at}, held by split eu of orders.1: stands at ${at} for 1m12s, waits for slower sources of its alignment group`,
    `${at}, held by split eu of orders.1: stands at ${at} for 1m12s, idle like all other inputs`,
    `${at}, held by split eu of orders.1: stands at ${at} for 1m12s`,
    "not known yet, held by channel x:0>1 into orders.1: stands at not known yet for 1m12s, newer records are on their way",
    `${at}, held by channel x:0>1 into orders.1: stands at ${at} for 1m12s, its producer is not reported`,
  ]);
});
