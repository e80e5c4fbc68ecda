// Strategies of watermarks in running jobs: which records are late under each, and that what a generator of one's own has
// saved goes on with the job.
import { describe, expect, test } from "vitest";
import {
  boundedOutOfOrderness,
  collect,
  collectList,
  customWatermarks,
  monotonic,
  punctuated,
  tumbling,
  type WatermarkStrategy,
} from "../../src/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { chunks, type Engine, groupBy, newJob, randomNumbers, sorted } from "./engine.ts";
import { type Step, scripted } from "./scripted-source.ts";
import { Middle, runWithTakeOver } from "./take-over.ts";

interface Beat {
  readonly id: number;
  readonly at: number;
  /** Up to where the sender has sent everything. */
  readonly complete: number | undefined;
}

const beats: readonly Beat[] = (() => {
  const random = randomNumbers(99);
  return Array.from({ length: 120 }, (_, id) => ({
    id,
    at: 1_000 + id * 10 - Math.floor(random() * 150),
    complete: id % 9 === 8 ? 1_000 + id * 10 - 30 : undefined,
  }));
})();

const batches = chunks(beats, 6);

const newestOf = (so: readonly Beat[]): number => Math.max(...so.map(({ at }) => at));

/** Name, strategy, and the watermark behind the beats so far by its definition. */
const strategies: readonly [string, WatermarkStrategy<Beat>, (so: readonly Beat[]) => number][] = [
  ["monotonic", monotonic(), (so) => newestOf(so) - 1],
  ["boundedOutOfOrderness", boundedOutOfOrderness(60), (so) => newestOf(so) - 61],
  [
    "punctuated",
    punctuated(({ complete }) => complete),
    (so) =>
      Math.max(Number.NEGATIVE_INFINITY, ...so.map(({ complete = Number.NEGATIVE_INFINITY }) => complete)),
  ],
  [
    "customWatermarks",
    customWatermarks<Beat, number>({
      create: (_split, saved) => {
        let seen = saved ?? 0;
        return {
          observe(records) {
            seen += records.length;
          },
          get watermark() {
            return 900 + seen * 10;
          },
          save: () => seen,
        };
      },
    }),
    (so) => 900 + so.length * 10,
  ],
];

export function describeStrategies(engine: Engine): void {
  describe.concurrent("watermark strategies", () => {
    for (const [name, watermarks, watermarkBehind] of strategies)
      test(`${name}: what is late follows from the strategy alone`, async () => {
        const out = collect<string>();
        const late = collect<number>();
        const middle = new Middle();
        const steps = batches.flatMap((batch, i): Step<Beat>[] => {
          const watermark = watermarkBehind(batches.slice(0, i + 1).flat());
          const seen = (): boolean => watermark === Number.NEGATIVE_INFINITY || middle.hasSeen(watermark);
          return [batch, { wait: () => waitFor(seen, { describe: `watermark of batch ${i}` }) }];
        });
        steps.splice(steps.length / 2, 0, middle.step);
        const job = newJob((builder) => {
          const windows = builder
            .source("beats", scripted<Beat>([steps]), {
              parallelism: 1,
              timestamp: ({ at }) => at,
              watermarks,
            })
            .keyBy(({ id }) => id % 3)
            .window(tumbling(100))
            .aggregate("ids", collectList());
          windows
            .map(
              "text",
              ({ key, value, window }) => `${key} ${window.start} ${value.map(({ id }) => id).sort()}`,
            )
            .to("out", out);
          windows
            .late()
            .map("id", ({ id }) => id)
            .to("late", late);
        });
        await runWithTakeOver(engine, job, middle);

        const isLate = ({ at }: Beat, batch: number): boolean =>
          Math.floor(at / 100) * 100 + 99 <= watermarkBehind(batches.slice(0, batch).flat());
        const behind = batches.flatMap((batch, i) => batch.filter((beat) => i > 0 && isLate(beat, i)));
        const inTime = beats.filter((beat) => !behind.includes(beat));
        const expected = [...groupBy(inTime, ({ id, at }) => `${id % 3} ${Math.floor(at / 100) * 100}`)].map(
          ([window, own]) => `${window} ${own.map(({ id }) => id).sort()}`,
        );
        expect(behind.length).toBeGreaterThan(0);
        expect(sorted(late.results)).toEqual(sorted(behind.map(({ id }) => id)));
        expect(sorted(out.results)).toEqual(sorted(expected));
      });
  });
}
