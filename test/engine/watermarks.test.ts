// Watermarks of whole jobs: strategies, idleness that is committed, sources that wait for each other, and the answer to
// why a window does not fire; embedded, and on Redis with several workers.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import {
  collect,
  count,
  defineJob,
  type Job,
  type JobRun,
  punctuated,
  tumbling,
  type WindowResult,
} from "../../src/index.ts";
import { findWatermarkCauses } from "../../src/runtime/watermark-causes.ts";
import { uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";
import { DEADLINE_MS, type Engine, embedded, onRedis, PATIENT, until, withWeir } from "./engine.ts";
import { FedSource } from "./fed-source.ts";

interface Reading {
  readonly at: number;
  readonly complete?: number;
}

/** Counts per 100 ms of event time. */
function countsOf(
  name: string,
  source: FedSource<Reading>,
  options: { readonly idleAfter?: number | "1h" },
  out: ReturnType<typeof collect<WindowResult<string, number>>>,
): Job {
  return defineJob(name, (job) => {
    job
      .source("readings", source, { timestamp: ({ at }) => at, parallelism: 1, ...options })
      .keyBy(() => "all")
      .window(tumbling(100))
      .aggregate("counts", count())
      .to("out", out);
  });
}

for (const engine of [embedded, onRedis])
  describe(`watermarks, ${engine.name}`, () => {
    test("a punctuation in the data closes windows", async () => {
      const out = collect<WindowResult<string, number>>();
      const source = new FedSource<Reading>(["only"]);
      const job = defineJob(uniqueTag("punctuated"), (builder) => {
        builder
          .source("readings", source, {
            timestamp: ({ at }) => at,
            watermarks: punctuated(({ complete }) => complete),
          })
          .keyBy(() => "all")
          .window(tumbling(100))
          .aggregate("counts", count())
          .to("out", out);
      });
      await withWeir(engine, job.name, async (weir) => {
        const run = await weir.run(job, { parallelism: 1 });
        source.feed("only", { at: 10 }, { at: 250 }, { at: 20 });
        source.feed("only", { at: 30, complete: 99 });
        await until(run, "the first window", () => out.results.length > 0);
        expect(out.results.map(({ value, window }) => [window.start, value])).toEqual([[0, 3]]);
        source.end();
        await run.finished;
        expect(out.results.map(({ value, window }) => [window.start, value])).toEqual([
          [0, 3],
          [200, 1],
        ]);
      });
    });

    test("the split that a window waits for is named, until it brings records", async () => {
      const out = collect<WindowResult<string, number>>();
      const source = new FedSource<Reading>(["active", "silent"]);
      const job = countsOf(uniqueTag("cause"), source, {}, out);
      await withWeir(engine, job.name, async (weir) => {
        const run = await weir.run(job, { parallelism: 2 });
        source.feed("active", { at: 10 }, { at: 500 });
        source.feed("silent", { at: 40 });
        const causeOf = async (stage: string) => {
          const edges = run.plan.edges;
          const stages = run.plan.stages.map(({ id }) => id);
          const reports =
            engine.name === "embedded"
              ? [run.report()]
              : ((await weir.status(job.name))?.workers ?? []).flatMap(({ report }) => report ?? []);
          return findWatermarkCauses(stages, edges, reports).find((cause) => cause.stage === stage);
        };
        const named = await waitFor(
          async () => {
            const cause = await causeOf("counts");
            return cause?.state === "silent" && cause.watermark === 39 && cause.forMs > 300 && cause;
          },
          { deadlineMs: DEADLINE_MS, describe: "the silent split is named" },
        );
        expect(named).toMatchObject({
          kind: "split",
          input: "silent",
          inputWatermark: 39,
          path: [expect.stringMatching(/^counts\.\d$/), "readings.0"],
        });
        if (engine.name === "embedded")
          expect(run.watermarks().map(({ stage, input }) => [stage, input])).toEqual([
            ["readings", "silent"],
            ["counts", "silent"],
          ]);
        source.feed("silent", { at: 900 });
        await until(run, "the first window", () => out.results.length > 0);
        await waitFor(async () => (await causeOf("counts"))?.input === "active", {
          deadlineMs: DEADLINE_MS,
          describe: "the other split is the slowest now",
        });
        source.end();
        await run.finished;
      });
    });

    for (const isAligned of [true, false])
      test(`sources ${isAligned ? "of one group wait" : "without a group do not wait"} for the slower one`, async () => {
        const drifts = await runTwoSources(engine, 1, isAligned);
        if (isAligned) expect(Math.max(...drifts)).toBeLessThanOrEqual(MAX_DRIFT);
        else expect(Math.max(...drifts)).toBeGreaterThan(MAX_DRIFT);
      });
  });

describe("watermarks on Redis with several workers", () => {
  test("sources of one group wait for each other across workers", async () => {
    const drifts = await runTwoSources(onRedis, 2, true);
    expect(Math.max(...drifts)).toBeLessThanOrEqual(MAX_DRIFT);
  });

  test("a split that was declared idle is still idle after a take-over", async () => {
    const out = collect<WindowResult<string, number>>();
    const source = new FedSource<Reading>(["active", "silent"]);
    const name = uniqueTag("idle");
    await withWeir(onRedis, name, async (weir) => {
      const first = await weir.run(countsOf(name, source, { idleAfter: 50 }, out), { parallelism: 1 });
      source.feed("active", { at: 10 }, { at: 150 });
      source.feed("silent", { at: 40 });
      await until(first, "the first window", () => out.results.length === 1);
      await first.stop();
      // The successor would wait an hour for a split that it had to find silent by itself.
      const second = await weir.run(countsOf(name, source, { idleAfter: "1h" }, out), { parallelism: 1 });
      source.feed("active", { at: 500 });
      await until(second, "the second window", () => out.results.length === 2);
      source.end();
      await second.finished;
      expect(out.results.map(({ value, window }) => [window.start, value])).toEqual([
        [0, 2],
        [100, 1],
        [500, 1],
      ]);
    });
  });
});

const MAX_DRIFT = 300;
const STEPS = 15;
const STEP = 100;

/**
 * A fast and a slow source, in one group or not.
 * @returns how far the fast one was ahead in event time, each time that it was read
 */
async function runTwoSources(engine: Engine, workers: number, isAligned: boolean): Promise<number[]> {
  const drifts: number[] = [];
  let fastAt = Number.NEGATIVE_INFINITY;
  let slowAt = Number.NEGATIVE_INFINITY;
  const fast = new FedSource<Reading>(["only"], ([{ at } = { at: 0 }]) => {
    // Its first batch is read before anybody has said anything.
    if (fastAt > Number.NEGATIVE_INFINITY) drifts.push(fastAt - slowAt);
    fastAt = at;
  });
  const slow = new FedSource<Reading>(["only"], ([{ at } = { at: 0 }]) => {
    slowAt = at;
  });
  const outs = [collect<number>(), collect<number>()] as const;
  const job = defineJob(uniqueTag("aligned"), (builder) => {
    const alignment = isAligned ? { group: "both", maxDrift: MAX_DRIFT } : undefined;
    for (const [name, source, out] of [["fast", fast, outs[0]] as const, ["slow", slow, outs[1]] as const])
      builder
        .source(name, source, { timestamp: ({ at }) => at, parallelism: 1, alignment })
        .map(`${name}-at`, ({ at }) => at)
        .to(`${name}-out`, out);
  });
  await withWeir(engine, job.name, async (weir) => {
    const runs: JobRun[] = [await weir.run(job, { ...PATIENT, parallelism: 1 })];
    if (workers === 2) {
      runs.push(await weir.run(job, { ...PATIENT, parallelism: 1 }));
      await waitFor(
        () => runs.every((run) => run.report().stages.some(({ partitions }) => partitions === 1)),
        { deadlineMs: DEADLINE_MS, describe: "each worker has one source" },
      );
    }
    for (let step = 0; step < STEPS; step++) fast.feed("only", { at: step * STEP });
    fast.end();
    // The slow one is given its records while the other could read all of its own.
    const begun = isAligned ? 0 : 2 * MAX_DRIFT;
    await until(runs[0]!, "the fast one is read", () => fastAt >= begun);
    for (let step = 0; step < STEPS; step++) {
      slow.feed("only", { at: step * STEP });
      await sleep(10);
    }
    slow.end();
    await Promise.all(runs.map((run) => run.finished));
  });
  const all = Array.from({ length: STEPS }, (_, step) => step * STEP);
  expect(outs.map(({ results }) => results)).toEqual([all, all]);
  return drifts;
}
