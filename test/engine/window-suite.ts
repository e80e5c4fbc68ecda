// Every way of saying which windows there are, when they emit and what of, in running jobs: against plain folds over the
// same readings. On Redis each job is stopped half-way, and another connection goes on with it.
import { describe, expect, test } from "vitest";
import {
  type CollectSink,
  collect,
  globalWindow,
  type KeyedStream,
  session,
  triggers,
  tumbling,
  type WindowedStream,
} from "../../src/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { type Engine, newJob } from "./engine.ts";
import { type Step, scripted } from "./scripted-source.ts";
import { Middle, runWithTakeOver } from "./take-over.ts";
import { assigners } from "./windows/assigners.ts";
import { emission } from "./windows/emission.ts";
import { eviction } from "./windows/eviction.ts";
import { addOptions } from "./windows/job.ts";
import type { WindowOption } from "./windows/option.ts";
import { batches, type Reading, watermarks } from "./windows/readings.ts";
import { sharedWindows } from "./windows/shared-windows.ts";

const groups = { assigners, emission, eviction, "shared windows": sharedWindows };

export function describeWindows(engine: Engine): void {
  describe.concurrent("windows", () => {
    for (const [group, options] of Object.entries(groups))
      describe(group, () => {
        let run: Promise<Results> | undefined;
        for (const { name, expected } of options)
          test(name, async () => {
            run ??= runOptions(engine, options);
            const results = (await run).get(name)?.results ?? [];
            expect(expected.length).toBeGreaterThan(0);
            expect([...results].sort()).toEqual([...expected].sort());
          });
      });

    test("results by the clock come while the input goes on, and hold every reading once", async () => {
      const byClock: Readonly<Record<string, (readings: KeyedStream<string, Reading>) => Windows>> = {
        session: (readings) => readings.window(session(30).processingTime()),
        continuous: (readings) =>
          readings.window(globalWindow()).trigger(triggers.continuousProcessingTime(30)).discarding(),
        delayed: (readings) =>
          readings
            .window(globalWindow())
            .trigger(triggers.repeatedly(triggers.afterProcessingTime(30)))
            .discarding(),
        early: (readings) =>
          readings
            .window(tumbling("365d"))
            .trigger(triggers.afterWatermark({ early: triggers.afterProcessingTime(30) }))
            .discarding(),
      };
      const sinks = new Map(Object.keys(byClock).map((name) => [name, collect<number>()]));
      const half = batches.slice(0, batches.length / 2).flat();
      const all = batches.flat();
      const emitted = (readings: readonly Reading[]): Step<Reading> => ({
        wait: () =>
          waitFor(() => [...sinks.values()].every(({ results }) => results.length === readings.length), {
            describe: `${readings.length} readings in results of each operator`,
          }),
      });
      const middle = new Middle();
      const steps = [
        half.slice(0, 20),
        half.slice(20),
        emitted(half),
        middle.step,
        all.slice(half.length),
        emitted(all),
      ];
      const job = newJob((builder) => {
        const readings = builder
          .source("readings", scripted<Reading>([steps]), {
            parallelism: 1,
            timestamp: ({ at }) => at,
            outOfOrderness: "1d",
          })
          .keyBy(({ key }) => key);
        for (const [name, windows] of Object.entries(byClock))
          windows(readings)
            .apply(name, (_key, _window, own) => own.map(({ id }) => id))
            .to(`${name}-out`, sinks.get(name) as CollectSink<number>);
      });
      await runWithTakeOver(engine, job, middle);
      for (const { results } of sinks.values())
        expect([...results].sort((a, b) => a - b)).toEqual(all.map(({ id }) => id));
    });
  });
}

type Results = ReadonlyMap<string, CollectSink<string>>;
type Windows = WindowedStream<string, Reading>;

async function runOptions(engine: Engine, options: readonly WindowOption[]): Promise<Results> {
  const middle = new Middle();
  /** Before the next batch comes, every operator has seen the watermark: so it is known which readings are late. */
  const seen = (i: number): Step<Reading> => ({
    wait: () =>
      waitFor(() => middle.hasSeen(watermarks[i] as number), { describe: `watermark of batch ${i}` }),
  });
  const steps: Step<Reading>[] = batches.flatMap((batch, i) => [batch, seen(i)]);
  steps.splice(steps.length / 2, 0, middle.step);
  let results: Results = new Map();
  const job = newJob((builder) => {
    results = addOptions(builder, scripted<Reading>([steps]), options);
  });
  await runWithTakeOver(engine, job, middle);
  return results;
}
