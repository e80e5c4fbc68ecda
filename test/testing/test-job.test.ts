import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Codec } from "../../src/core/codec.ts";
import { EngineError } from "../../src/core/errors.ts";
import { collect, count, defineJob, emits, type Job, tumbling, value } from "../../src/index.ts";
import {
  KillNotReachedError,
  type KillStep,
  type ManualSource,
  manualSource,
  NotSettledError,
  runTestJob,
} from "../../src/testing/index.ts";
import { KILL_STEPS } from "../../src/testing/kill-switch.ts";

interface Visit {
  readonly page: string;
  readonly at: number;
}

const PAGES = ["a", "b", "c", "d", "e"];
const visits: readonly Visit[] = Array.from({ length: 40 }, (_, i) => ({
  page: PAGES[i % PAGES.length] as string,
  at: i * 250,
}));
/** In pushes of four, as steps are counted by batch. */
const pushes = Array.from({ length: 10 }, (_, i) => visits.slice(i * 4, i * 4 + 4));

type JobWithResults = readonly [job: Job, results: () => unknown[]];
type Build = (source: ManualSource<Visit>) => JobWithResults;

/** The running number of visits per page. */
const countPerPage: Build = (source) => {
  const out = collect<{ page: string; visit: number }>();
  const job = defineJob("visits", (job) => {
    job
      .source("visits", source)
      .keyBy((visit) => visit.page)
      .process("count", {
        state: { visits: value<{ total: number }>() },
        emits: emits<{ page: string; visit: number }>(),
        onRecord(visit, context) {
          const { visits } = context.state;
          const seen = visits.get() ?? { total: 0 };
          seen.total++; // in place: what is stored must not see it before the commit
          visits.set(seen);
          context.emit({ page: visit.page, visit: seen.total });
        },
      })
      .to("out", out);
  });
  return [job, () => sorted(out.results)];
};

/** Visits per page and second. */
const countPerSecond: Build = (source) => {
  const out = collect<unknown>();
  const job = defineJob("windows", (job) => {
    job
      .source("visits", source, { timestamp: (visit) => visit.at })
      .keyBy((visit) => visit.page)
      .window(tumbling("1s"))
      .aggregate("count", count())
      .to("out", out);
  });
  return [job, () => sorted(out.results)];
};

function sorted(results: readonly unknown[]): unknown[] {
  return results.map((result) => JSON.stringify(result)).sort();
}

/** Runs the whole input, with a kill if one is given; every timer is a slice of its own. */
async function run(
  build: Build,
  kill?: { step: KillStep; occurrence: number; scope?: "partition" | "job" },
): Promise<unknown[]> {
  const source = manualSource<Visit>();
  const [job, results] = build(source);
  const test = await runTestJob(job, { parallelism: 2, settings: { timerSlice: 2 } });
  await test.settle();
  const asked = kill && test.killAt(kill.step, { occurrence: kill.occurrence, scope: kill.scope });
  // A new attempt comes after a failure.
  if (kill?.step === "afterAttach") test.killAt("beforeCommit", { occurrence: 7 });
  for (const push of pushes) {
    source.push(...push);
    await test.settle();
  }
  await test.finish();
  expect(asked?.happened).toBe(kill && true);
  return results();
}

const undisturbedRuns = new Map<Build, Promise<unknown[]>>();

function undisturbed(build: Build): Promise<unknown[]> {
  const results = undisturbedRuns.get(build) ?? run(build);
  undisturbedRuns.set(build, results);
  return results;
}

/** With timers that fire in slices only where there are any. */
const kills = [countPerPage, countPerSecond].flatMap((build) =>
  KILL_STEPS.filter((step) => build === countPerSecond || !/imer/.test(step)).flatMap((step) =>
    (["partition", "job"] as const).flatMap((scope) =>
      (step === "afterAttach" || /imer/.test(step) ? [1] : scope === "job" ? [2] : [1, 5]).map(
        (occurrence) => [build.name, step, occurrence, scope, build] as const,
      ),
    ),
  ),
);

describe("killAt", () => {
  test.each(kills)(
    "%s, killed at %s the %ith time (%s): results are those of an undisturbed run",
    async (...args) => {
      const [, step, occurrence, scope, build] = args;
      expect(await run(build, { step, occurrence, scope })).toEqual(await undisturbed(build));
    },
  );

  test("strikes the partition that it names", async () => {
    const source = manualSource<Visit>();
    const [job] = countPerPage(source);
    const restarts: string[] = [];
    const test = await runTestJob(job, {
      onEvent: (event) => {
        if (event.kind === "partition-restart") restarts.push(event.partition);
      },
    });
    const kill = test.killAt("beforeCommit", { partition: "count.1" });
    source.push(...visits);
    await test.finish();
    expect({ kill: { ...kill }.partition, restarts }).toEqual({ kill: "count.1", restarts: ["count.1"] });
  });

  test("several kills strike one after the other", async () => {
    const source = manualSource<Visit>();
    const [job, results] = countPerPage(source);
    const test = await runTestJob(job);
    const asked = KILL_STEPS.filter((step) => !/imer/.test(step)).map((step) => test.killAt(step));
    for (const push of pushes) source.push(...push);
    await test.finish();
    expect(asked.map((kill) => kill.happened)).toEqual(asked.map(() => true));
    expect(results()).toEqual(await undisturbed(countPerPage));
  });

  test("a kill that never happens fails the test", async () => {
    const source = manualSource<Visit>();
    const test = await runTestJob(countPerPage(source)[0]);
    test.killAt("duringTimers");
    source.push(...visits);
    await expect(test.finish()).rejects.toThrow(KillNotReachedError);
  });

  test("refuses steps, partitions and scopes that do not exist", async () => {
    const test = await runTestJob(countPerPage(manualSource())[0], { parallelism: 1 });
    expect(() => test.killAt("sometimes" as never)).toThrow(/one of beforeBatch/);
    expect(() => test.killAt("beforeBatch", { partition: "count.1" })).toThrow(/one of visits.0, count.0/);
    expect(() => test.killAt("beforeBatch", { scope: "world" as never })).toThrow(/"partition" or "job"/);
    expect(() => test.killAt("beforeBatch", { occurrence: 0 })).toThrow(/at least 1/);
    await test.stop();
  });
});

describe("killAt finds", () => {
  test("state that is kept outside of the state descriptors", async () => {
    const outside: Build = (source) => {
      const totals = new Map<string, number>();
      const out = collect<unknown>();
      const job = defineJob("outside", (job) => {
        job
          .source("visits", source)
          .keyBy((visit) => visit.page)
          .process("count", {
            emits: emits<unknown>(),
            onRecord(visit, context) {
              totals.set(visit.page, (totals.get(visit.page) ?? 0) + 1);
              context.emit({ page: visit.page, visit: totals.get(visit.page) });
            },
          })
          .to("out", out);
      });
      return [job, () => sorted(out.results)];
    };
    const expected = await run(outside);
    expect(expected).toEqual(await undisturbed(countPerPage));
    expect(await run(outside, { step: "duringBatch", occurrence: 3 })).not.toEqual(expected);
  });

  test("a codec that does not bring back what it was given", async () => {
    /** Forgets what is more than three. */
    const broken: Codec<number> = {
      name: "broken",
      version: 1,
      encode: (n) => Uint8Array.of(n),
      decode: ([n = 0]) => n % 4,
    };
    const coded: Build = (source) => {
      const out = collect<unknown>();
      const job = defineJob("coded", (job) => {
        job
          .source("visits", source)
          .keyBy((visit) => visit.page)
          .process("count", {
            state: { total: value<number>({ codec: broken }) },
            emits: emits<unknown>(),
            onRecord(visit, context) {
              const total = (context.state.total.get() ?? 0) + 1;
              context.state.total.set(total);
              context.emit({ page: visit.page, visit: total });
            },
          })
          .to("out", out);
      });
      return [job, () => sorted(out.results)];
    };
    const expected = await run(coded);
    expect(expected).toEqual(await undisturbed(countPerPage));
    expect(await run(coded, { step: "beforeCommit", occurrence: 20, scope: "job" })).not.toEqual(expected);
  });
});

describe("runTestJob", () => {
  test("settles when everything that was pushed is processed and committed", async () => {
    const source = manualSource<Visit>();
    const [job, results] = countPerPage(source);
    const test = await runTestJob(job, { parallelism: 3 });
    await test.settle();
    expect(results()).toEqual([]);
    for (const [i, push] of pushes.entries()) {
      source.push(...push);
      await test.settle();
      expect(results()).toHaveLength(4 * (i + 1));
    }
    await test.stop();
  });

  test("fires processing-time windows when the clock is moved, and not before", async () => {
    const source = manualSource<Visit>();
    const out = collect<{ value: number }>();
    const job = defineJob("now", (job) => {
      job
        .source("visits", source)
        .keyBy(() => "all")
        .window(tumbling("1m", { time: "processing" }))
        .aggregate("count", count())
        .to("out", out);
    });
    const test = await runTestJob(job, { startMs: 30_000 });
    source.push(...visits);
    await test.settle();
    test.clock.advance("29s");
    await test.settle();
    expect(out.results).toEqual([]);
    test.clock.advance("1s");
    await test.settle();
    expect(test.results(out)).toMatchObject([{ value: 40, window: { start: 0, end: 60_000 } }]);
    expect(test.results("out")).toBe(out.results);
    await test.finish();
  });

  test("a split holds event time back until it is idle by the test's clock", async () => {
    const source = manualSource<Visit>({ splits: 2 });
    const out = collect<{ value: number }>();
    const job = defineJob("idle", (job) => {
      job
        .source("visits", source, { timestamp: (visit) => visit.at, idleAfter: "10s", parallelism: 1 })
        .keyBy(() => "all")
        .window(tumbling("1s"))
        .aggregate("count", count())
        .to("out", out);
    });
    const test = await runTestJob(job);
    source.push(...visits);
    await test.settle();
    expect(out.results).toEqual([]);
    test.clock.advance("20s");
    await test.settle();
    expect(out.results.map((result) => result.value)).toEqual([4, 4, 4, 4, 4, 4, 4, 4, 4]);
    source.split(1).push({ page: "a", at: 9_999 });
    await test.finish();
    expect(out.results.at(-1)?.value).toBe(5);
  });

  test("puts sources and sinks of its own in the place of the job's", async () => {
    const [job] = countPerPage(manualSource());
    const source = manualSource<Visit>();
    const out = collect<unknown>();
    const test = await runTestJob(job, { sources: { visits: source }, sinks: { out } });
    source.push(...visits);
    await test.finish();
    expect(sorted(out.results)).toEqual(await undisturbed(countPerPage));
    await expect(runTestJob(job, { sources: { visitors: source } })).rejects.toThrow(
      /a name of the job: visits/,
    );
    await expect(runTestJob(job, { sinks: { in: out } })).rejects.toThrow(/a name of the job: out/);
  });

  test("a source that fails costs an attempt, or the job", async () => {
    const source = manualSource<Visit>();
    const [job, results] = countPerPage(source);
    const test = await runTestJob(job);
    source.push(...visits.slice(0, 20));
    source.fail(new EngineError("LINK", "gone for a moment", { retry: "partition" }));
    source.push(...visits.slice(20));
    await test.settle();
    expect(results()).toHaveLength(40);
    source.fail(new Error("gone for good"));
    await expect(test.settle()).rejects.toThrow(/gone for good/);
    await expect(test.finish()).rejects.toThrow(/gone for good/);
  });

  test("says what it waits for when the job does not settle or end", async () => {
    const answers: (() => void)[] = [];
    const source = manualSource<Visit>();
    const out = collect<unknown>();
    const job = defineJob("asking", (job) => {
      job
        .source("visits", source)
        .asyncMap("ask", (visit) => new Promise((resolve) => answers.push(() => resolve(visit.page))))
        .to("out", out);
    });
    const test = await runTestJob(job, { timeoutMs: 100 });
    source.push(...visits.slice(0, 2));
    await expect(test.settle()).rejects.toThrow(NotSettledError);
    await expect(test.finish()).rejects.toThrow(/waits for requests/);
    for (const answer of answers) answer();
    await test.finish();
    expect(out.results).toEqual(["a", "b"]);
  });

  test("pushing behind the end is refused, and so is a split that does not exist", async () => {
    const source = manualSource<Visit>({ splits: 2 });
    source.split(1).end();
    expect(() => source.split(1).push()).toThrow(/split 1 of the manual source has ended/);
    expect(() => source.split(2)).toThrow(/below 2/);
    source.push(...visits);
    await wait(0);
    expect(() => manualSource({ splits: 0 })).toThrow(/at least 1/);
  });
});
