// Every window option in a job whose attempts die half-way, at each step at which one can: the results are those of plain
// folds over the readings. (Embedded and on Redis, with a take-over: test/engine/window-suite.ts.)
import { describe, expect, test } from "vitest";
import { type CollectSink, defineJob, evictors, triggers } from "../../src/index.ts";
import { type KillStep, manualSource, runTestJob } from "../../src/testing/index.ts";
import { KILL_STEPS } from "../../src/testing/kill-switch.ts";
import { assigners } from "../engine/windows/assigners.ts";
import { emission } from "../engine/windows/emission.ts";
import { eviction } from "../engine/windows/eviction.ts";
import { addOptions } from "../engine/windows/job.ts";
import { onTheClock } from "../engine/windows/on-the-clock.ts";
import type { WindowOption } from "../engine/windows/option.ts";
import { batches, clockMs, type Reading } from "../engine/windows/readings.ts";

const third = Math.floor(batches.length / 3);

/** Kills an attempt after a third of the batches, and all of them after two thirds. */
async function runOptions(options: readonly WindowOption[], step?: KillStep): Promise<void> {
  const source = manualSource<Reading>();
  let results: ReadonlyMap<string, CollectSink<string>> = new Map();
  const job = defineJob("windows", (builder) => {
    results = addOptions(builder, source, options);
  });
  const test = await runTestJob(job, { settings: { cacheEntries: 100, timerSlice: 2 }, timeoutMs: 60_000 });
  const kill = (scope: "partition" | "job"): void => {
    // A new attempt comes after a failure.
    if (step === "afterAttach") test.killAt("beforeCommit", { scope });
    if (step !== undefined) test.killAt(step, { scope });
  };
  for (const [i, batch] of batches.entries()) {
    if (i === third) kill("partition");
    if (i === 2 * third) kill("job");
    test.clock.advance((clockMs[i] as number) - test.clock.nowMs());
    await test.settle();
    source.push(...batch);
    await test.settle();
  }
  await test.finish();
  for (const { name, expected } of options) {
    expect(expected.length).toBeGreaterThan(0);
    expect({ name, results: [...(results.get(name)?.results ?? [])].sort() }).toEqual({
      name,
      results: [...expected].sort(),
    });
  }
}

describe("every window option", () => {
  test("no ready trigger and no ready evictor is missing", () => {
    const names = [...assigners, ...emission, ...eviction, ...onTheClock].map(({ name }) => name).join("\n");
    const ready = [...Object.keys(triggers), ...Object.keys(evictors).map((name) => `evictors.${name}`)];
    // test/engine/window-timeout.test.ts runs it in jobs.
    const elsewhere = ["timeout"];
    expect(ready.filter((name) => !names.includes(`${name}(`))).toEqual(elsewhere);
  });

  const inEventTime = [...assigners, ...emission, ...eviction];
  test.each([undefined, ...KILL_STEPS])("in event time, killed at %s", { timeout: 120_000 }, (step) =>
    runOptions(inEventTime, step),
  );

  test.each([undefined, ...KILL_STEPS])("on the clock, killed at %s", { timeout: 120_000 }, (step) =>
    runOptions(onTheClock, step),
  );
});
