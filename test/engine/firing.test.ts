// Thousands of keys whose windows close at one watermark: slices of timers, of which a few make an epoch, and an attempt
// that fails in the middle.
import { describe, expect, test } from "vitest";
import {
  type CollectSink,
  collect,
  collection,
  count,
  type KeyedStream,
  type Sink,
  sliding,
  triggers,
  tumbling,
  type WindowedStream,
} from "../../src/index.ts";
import { type Engine, embedded, onRedis, runToEnd, sorted } from "./engine.ts";

const KEYS = 3_000;
const TIMER_SLICE = 100;
const EPOCH_WRITES = 250;
/** A firing ends a timer and changes a state entry, at least. An epoch is over with the slice that fills it. */
const MOST_PER_EPOCH = EPOCH_WRITES / 2 + TIMER_SLICE;

const keys = Array.from({ length: KEYS }, (_, key) => key);

type MakeWindows = (keyed: KeyedStream<number, number>) => WindowedStream<number, number>;

/** One per kind of operator, with the starts of the windows of every key; all of them close at the end of the input. */
const kinds: readonly [string, readonly number[], MakeWindows][] = [
  ["tumbling", [0], (keyed) => keyed.window(tumbling(1_000))],
  ["sliding", [-500, 0], (keyed) => keyed.window(sliding(1_000, 500))],
  [
    "triggered",
    [0],
    (keyed) => keyed.window(tumbling(1_000)).trigger(triggers.purging(triggers.eventTime())),
  ],
];

const text = (key: number, start: number, value: number): string => `${key} from ${start}: ${value}`;
const allResults = (starts: readonly number[]): string[] =>
  sorted(keys.flatMap((key) => starts.map((start) => text(key, start, 1))));
const most = (counts: readonly number[]): number => counts.reduce((a, b) => Math.max(a, b), 0);

/** How many results came at once, which is those of one slice, and how many per epoch. */
interface Delivery {
  readonly slices: number[];
  readonly epochs: number[];
}

function counting(delivery: Delivery, onSlice: () => void): Sink<unknown> {
  return {
    description: "counts what it is given",
    guarantee: "append",
    needs: "same-process",
    open() {
      let epoch = 0;
      return {
        write(records) {
          delivery.slices.push(records.length);
          epoch += records.length;
          onSlice();
        },
        prepare() {
          delivery.epochs.push(epoch);
          epoch = 0;
          return {};
        },
        committed() {},
        close() {},
      };
    },
  };
}

async function fireAll(
  engine: Engine,
  windows: MakeWindows,
  out: CollectSink<string>,
  onSlice: () => void,
): Promise<Delivery> {
  const delivery: Delivery = { slices: [], epochs: [] };
  await runToEnd(
    engine,
    (job) => {
      const keyed = job
        .source("numbers", collection(keys), { timestamp: () => 50, parallelism: 1 })
        .keyBy((key) => key);
      const results = windows(keyed)
        .aggregate("counts", count())
        .map(({ key, value, window }) => text(key, window.start, value));
      results.to("out", out);
      results.to("counting", counting(delivery, onSlice));
    },
    {
      parallelism: 1,
      settings: { timerSlice: TIMER_SLICE, epochWrites: EPOCH_WRITES },
      restart: { initialBackoffMs: 1 },
    },
  );
  return delivery;
}

describe("thousands of keys at one watermark", { timeout: 120_000 }, () => {
  describe.each([embedded, onRedis])("$name", (engine) => {
    test.each(kinds)("%s windows fire in slices, few of which make an epoch", async (_, starts, windows) => {
      const out = collect<string>();
      const { slices, epochs } = await fireAll(engine, windows, out, () => {});
      expect(sorted(out.results)).toEqual(allResults(starts));
      expect(most(slices)).toBeLessThanOrEqual(TIMER_SLICE);
      expect(most(epochs)).toBeLessThanOrEqual(MOST_PER_EPOCH);
    });
  });

  // Of an embedded job a failing sink is the end; its attempts are killed in test/testing/test-job.test.ts.
  test.each(kinds)(
    "%s windows: after a failure the firing goes on where it was",
    async (_, starts, windows) => {
      const out = collect<string>();
      let taken = 0;
      const { slices } = await fireAll(onRedis, windows, out, () => {
        if (++taken === 20) throw new Error("in the middle");
      });
      expect(sorted(out.results)).toEqual(allResults(starts));
      // Only what no commit carried was made again: two epochs at most, of which one was on its way.
      const again = slices.reduce((a, b) => a + b, 0) - out.results.length;
      expect(again).toBeGreaterThan(0);
      expect(again).toBeLessThanOrEqual(2 * MOST_PER_EPOCH);
    },
  );
});
