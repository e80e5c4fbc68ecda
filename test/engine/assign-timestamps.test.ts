// assignTimestamps in whole jobs: windows over times that no source knew, through kills and take-overs, and the answer
// to why such a window does not fire.
import { describe, expect, test } from "vitest";
import {
  collect,
  collectList,
  defineJob,
  type Job,
  LATE_TAG,
  sideTag,
  tumbling,
  type WindowResult,
} from "../../src/index.ts";
import { manualSource, runTestJob } from "../../src/testing/index.ts";
import { uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  DEADLINE_MS,
  embedded,
  onRedis,
  randomNumbers,
  runToEnd,
  sorted,
  until,
  withWeir,
} from "./engine.ts";
import { FedSource } from "./fed-source.ts";
import { scripted } from "./scripted-source.ts";

interface Entry {
  readonly key: string;
  readonly at: number;
}

type Sums = WindowResult<string, readonly Entry[]>;

const parse = (line: string): Entry => {
  const [key = "", at] = line.split(" ");
  return { key, at: Number(at) };
};

/** Lines of two keys; their times are at most `disorder` behind the newest one before them. */
function lines(total: number, disorder: number): string[] {
  const random = randomNumbers(total);
  return Array.from(
    { length: total },
    (_, i) => `${random() < 0.5 ? "a" : "b"} ${1_000 + i * 10 - Math.floor(random() * disorder)}`,
  );
}

/** Every window of 100 ms with the times in it, by brute force. */
function expected(input: readonly string[]): string[] {
  const windows = new Map<string, number[]>();
  for (const { key, at } of input.map(parse)) {
    const name = `${key} ${Math.floor(at / 100) * 100}`;
    windows.set(name, [...(windows.get(name) ?? []), at]);
  }
  return sorted([...windows].map(([name, times]) => [name, times.sort((a, b) => a - b)]));
}

const found = (results: readonly Sums[]): string[] =>
  sorted(
    results.map(({ key, window, value }) => [
      `${key} ${window.start}`,
      value.map(({ at }) => at).sort((a, b) => a - b),
    ]),
  );

for (const engine of [embedded, onRedis])
  describe.concurrent(`assignTimestamps, ${engine.name}`, () => {
    test("windows close by times that a map found, and count what is late by them", async () => {
      const input = lines(400, 80);
      const closed = (): Promise<unknown> =>
        waitFor(() => out.results.length > 0, { deadlineMs: DEADLINE_MS, describe: "the first window" });
      const late = ["a 1", "b 2"];
      const out = collect<Sums>();
      const behind = collect<Entry>();
      const { stages } = await runToEnd(engine, (job) => {
        const windows = job
          .source("lines", scripted([[input.slice(0, 100), input.slice(100), { wait: closed }, late]]))
          .map("parse", parse)
          .assignTimestamps("times", { timestamp: ({ at }) => at, outOfOrderness: 80 })
          .keyBy(({ key }) => key)
          .window(tumbling(100))
          .aggregate("sums", collectList<Entry>());
        windows.to("out", out);
        windows.sideOutput(sideTag<Entry>(LATE_TAG)).to("behind", behind);
      });
      expect(found(out.results)).toEqual(expected(input));
      expect(sorted(behind.results)).toEqual(sorted(late.map(parse)));
      expect(stages.reduce((total, stage) => total + stage.late, 0)).toBe(2);
    });

    test("a source's own times end there, and reach the function", async () => {
      const out = collect<Sums>();
      await runToEnd(engine, (job) =>
        job
          .source("entries", scripted<Entry>([[[{ key: "a", at: 5 }], [{ key: "a", at: 250 }]]]), {
            timestamp: ({ at }) => at,
          })
          .assignTimestamps("later", { timestamp: (_entry, timestamp) => (timestamp ?? 0) + 1_000 })
          .keyBy(({ key }) => key)
          .window(tumbling(100))
          .aggregate("sums", collectList<Entry>())
          .to("out", out),
      );
      expect(out.results.map(({ window }) => window.start)).toEqual([1_000, 1_200]);
    });

    test("status names the operator whose watermark a window waits for", async () => {
      const source = new FedSource<Entry>(["only"]);
      const out = collect<Sums>();
      const job = windowsOf(uniqueTag("times"), source, out);
      await withWeir(engine, job.name, async (weir) => {
        const run = await weir.run(job, { parallelism: 1 });
        source.feed("only", { key: "a", at: 10 });
        await until(run, "the operator is named", () =>
          run
            .watermarks()
            .some(
              ({ stage, timedBy, watermark }) => stage === "sums" && timedBy === "times" && watermark === 9,
            ),
        );
        expect(run.watermarks().find(({ stage }) => stage === "sums")).toMatchObject({
          kind: "channel",
          path: ["sums.0"],
        });
        source.feed("only", { key: "a", at: 110 });
        await until(run, "the window", () => out.results.length === 1);
        source.end();
        await run.finished;
      });
    });
  });

describe("assignTimestamps after a restart", () => {
  test("a successor goes on from the committed watermark: what was late stays late", {
    timeout: 3 * DEADLINE_MS,
  }, async () => {
    const source = new FedSource<Entry>(["only"]);
    const out = collect<Sums>();
    const name = uniqueTag("times");
    await withWeir(onRedis, name, async (weir) => {
      const first = await weir.run(windowsOf(name, source, out), { parallelism: 1 });
      source.feed("only", { key: "a", at: 10 }, { key: "a", at: 500 });
      await until(first, "the first window", () => out.results.length === 1);
      await first.stop();
      const second = await weir.run(windowsOf(name, source, out), { parallelism: 1 });
      source.feed("only", { key: "a", at: 20 });
      source.feed("only", { key: "a", at: 450 });
      source.end();
      await second.finished;
      expect(out.results.map(({ window, value }) => [window.start, value.length])).toEqual([
        [0, 1],
        [500, 1],
      ]);
    });
  });

  const input = lines(60, 50);

  async function killed(
    step?: Parameters<Awaited<ReturnType<typeof runTestJob>>["killAt"]>[0],
  ): Promise<string[]> {
    const source = manualSource<string>();
    const out = collect<Sums>();
    const job = defineJob("times", (builder) => {
      builder
        .source("lines", source)
        .map("parse", parse)
        .assignTimestamps("times", { timestamp: ({ at }) => at, outOfOrderness: 50 })
        .keyBy(({ key }) => key)
        .window(tumbling(100))
        .aggregate("sums", collectList<Entry>())
        .to("out", out);
    });
    const run = await runTestJob(job);
    if (step !== undefined) run.killAt(step, { occurrence: 3, scope: "job" });
    for (const line of input) {
      source.push(line);
      await run.settle();
    }
    await run.finish();
    return found(out.results);
  }

  test.each(["beforeBatch", "duringBatch", "beforeCommit", "afterCommit"] as const)(
    "results are those of a run without kills: %s",
    async (step) => {
      expect(await killed(step)).toEqual(expected(input));
    },
  );
});

function windowsOf(name: string, source: FedSource<Entry>, out: ReturnType<typeof collect<Sums>>): Job {
  return defineJob(name, (job) => {
    job
      .source("entries", source)
      .assignTimestamps("times", { timestamp: ({ at }) => at })
      .keyBy(({ key }) => key)
      .window(tumbling(100))
      .aggregate("sums", collectList<Entry>())
      .to("out", out);
  });
}
