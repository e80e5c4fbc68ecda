// Windows without an end, as whole jobs: what is left of keys that fall silent leaves with the timeout, or with the input.
import { describe, expect, test } from "vitest";
import { collect, collection, count, globalWindow, triggers } from "../../src/index.ts";
import { embedded, newJob, onRedis, runToEnd, sorted, until, withWeir } from "./engine.ts";
import { SMALL } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

const KEYS = 20;
const numbers = Array.from({ length: 250 }, (_, i) => i);

describe.each([embedded, onRedis])("windows with a timeout, $name", (engine) => {
  test("in event time the end of the input emits what is left of every key", async () => {
    const results = collect<string>();
    await runToEnd(
      engine,
      (job) =>
        job
          .source("numbers", collection(numbers), { timestamp: (n) => n, parallelism: 1 })
          .keyBy((n) => n % KEYS)
          .window(globalWindow())
          .trigger(triggers.timeout(triggers.purging(triggers.count(5)), "1h", { time: "event" }))
          .aggregate("fives", count())
          .map("text", ({ key, value }) => `${key}: ${value}`)
          .to("out", results),
      { settings: SMALL },
    );
    const expected = Array.from({ length: KEYS }, (_, key) => {
      const all = numbers.filter((n) => n % KEYS === key).length;
      const fives = new Array<string>(Math.floor(all / 5)).fill(`${key}: 5`);
      return all % 5 === 0 ? fives : [...fives, `${key}: ${all % 5}`];
    });
    expect(sorted(results.results)).toEqual(sorted(expected.flat()));
  });

  test("on the clock a silent key emits while the job runs", async () => {
    const results = collect<string>();
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const job = newJob((builder) =>
      builder
        .source("letters", scripted<string>([[["a", "b", "a"], { wait: () => ended }]]))
        .keyBy((letter) => letter)
        .window(globalWindow())
        .trigger(triggers.timeout(triggers.count(100), "50ms"))
        .aggregate("counts", count())
        .map("text", ({ key, value }) => `${key}: ${value}`)
        .to("out", results),
    );
    await withWeir(engine, job.name, async (weir) => {
      const run = await weir.run(job, { parallelism: 2, settings: SMALL });
      await until(run, "both keys", () => results.results.length === 2);
      end();
      await run.finished;
    });
    expect(sorted(results.results)).toEqual(sorted(["a: 2", "b: 1"]));
  });
});
