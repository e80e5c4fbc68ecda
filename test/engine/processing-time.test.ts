// A job whose worker moves to a machine with another clock.
import { describe, expect, test } from "vitest";
import {
  collect,
  collectList,
  defineJob,
  type JobRun,
  tumbling,
  type WindowResult,
} from "../../src/index.ts";
import { Weir } from "../../src/runtime/weir.ts";
import { MachineClock } from "../support/machine-clock.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { until } from "./engine.ts";
import { FedSource } from "./fed-source.ts";

describe("processing time on Redis", { timeout: 120_000 }, () => {
  test("T4 a window that has closed stays closed on a machine whose clock is behind", async () => {
    const source = new FedSource<string>(["only"]);
    const out = collect<WindowResult<string, string[]>>();
    const job = defineJob(uniqueTag("processing-time"), (builder) =>
      builder
        .source("words", source)
        .keyBy(() => "all")
        .window(tumbling("10s").processingTime())
        .aggregate("windows", collectList<string>())
        .to("out", out),
    );
    const startOn = async (clock: MachineClock): Promise<{ run: JobRun; weir: Weir }> => {
      const weir = new Weir(testRedisUrl(), clock);
      return { weir, run: await weir.run(job, { parallelism: 1 }) };
    };
    const read = (run: JobRun): number =>
      run.stages().find((stage) => stage.stage === "windows")?.recordsIn ?? 0;

    const ahead = new MachineClock(1_000_000);
    const first = await startOn(ahead);
    source.feed("only", "before");
    await until(first.run, "the first record", () => read(first.run) === 1);
    ahead.pass(12_000);
    // Timers wait in real time: a record makes the partition look.
    source.feed("only", "tick");
    await until(first.run, "the first window", () => out.results.length === 1);
    await until(first.run, "the second record", () => read(first.run) === 2);
    await first.run.stop();

    const behind = new MachineClock(1_000_000 + 1_000);
    const second = await startOn(behind);
    source.feed("only", "after");
    await until(second.run, "the third record", () => read(second.run) === 1);
    source.end();
    await second.run.finished;
    await second.weir.remove(job.name);

    expect(out.results.map(({ window, value }) => ({ start: window.start, value }))).toEqual([
      { start: 1_000_000, value: ["before"] },
      { start: 1_010_000, value: ["tick", "after"] },
    ]);
  });
});
