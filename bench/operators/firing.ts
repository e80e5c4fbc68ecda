// A million keys, first seen one after the other, then closing their windows at one watermark: how long the event loop stands
// still at most, garbage collections included.
//
// Windows fire in slices of as many timers as a partition takes at most (timerSlice), and an epoch ends with as many writes as
// one of a partition (epochWrites); between two slices the event loop runs.
// Run: npx tsx bench/operators/firing.ts [--smoke] [--json]
import { PerformanceObserver, performance } from "node:perf_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { defaultSettings } from "../../src/actors/settings.ts";
import { createBatch } from "../../src/core/batch.ts";
import { count } from "../../src/operators/aggregates.ts";
import { triggers } from "../../src/operators/triggers.ts";
import { windowOperator } from "../../src/operators/window.ts";
import { sliding, tumbling } from "../../src/time/windows.ts";
import { type Figure, smoke, tell } from "../figures.ts";
import { benchContext, closeEpoch } from "./operator-bench.ts";

const KEYS = smoke ? 20_000 : 1_000_000;
const BATCH = 512;
const ROUNDS = smoke ? 1 : 3;
const { timerSlice, epochWrites } = defaultSettings;

type Create = ReturnType<typeof windowOperator>;

/** The first window of every key closes at the watermark. */
const cases: readonly (readonly [string, Create, number])[] = [
  ["tumbling", windowOperator({ assigner: tumbling(1_000), aggregate: count() }), 999],
  ["sliding, overlap 10", windowOperator({ assigner: sliding(1_000, 100), aggregate: count() }), 99],
  [
    "tumbling, purging trigger",
    windowOperator({
      assigner: tumbling(1_000),
      aggregate: count(),
      trigger: triggers.purging(triggers.eventTime()),
    }),
    999,
  ],
];

/** Pauses of the garbage collector since the start of the process. */
const collections = { totalMs: 0 };
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collections.totalMs += duration;
}).observe({ entryTypes: ["gc"] });

/** What one phase of a run cost: slices of work, between which the event loop runs. */
class Phase {
  longestPauseMs = 0;
  #beganMs = 0;
  readonly #before = process.cpuUsage();
  readonly #gcBefore = collections.totalMs;

  begin(): void {
    this.#beganMs = performance.now();
  }

  async end(): Promise<void> {
    await turn();
    this.longestPauseMs = Math.max(this.longestPauseMs, performance.now() - this.#beganMs);
  }

  /** Of all threads, in ms. */
  get cpuMs(): number {
    const { user, system } = process.cpuUsage(this.#before);
    return (user + system) / 1e3;
  }

  /** Garbage collections stood in the way for so long, in ms. */
  get gcMs(): number {
    return collections.totalMs - this.#gcBefore;
  }
}

interface Run {
  readonly load: Phase;
  readonly loadMs: number;
  readonly fire: Phase;
  readonly fireMs: number;
}

async function measureRun(create: Create, watermark: number): Promise<Run> {
  let firings = 0;
  const operator = create(benchContext((results) => (firings += results)));
  const load = new Phase();
  for (let from = 0; from < KEYS; from += BATCH) {
    const keys = Array.from({ length: Math.min(BATCH, KEYS - from) }, (_, i) => from + i);
    const batch = createBatch(
      keys,
      keys.map(() => 50),
    );
    batch.keys = keys;
    load.begin();
    operator.missingForBatch(batch);
    operator.onBatch(batch);
    closeEpoch(operator);
    await load.end();
  }
  const loadMs = load.cpuMs;
  const fire = new Phase();
  for (let done = false; !done; ) {
    fire.begin();
    operator.missingForEventTime(watermark, timerSlice);
    done = operator.advanceEventTime(watermark, timerSlice);
    if (operator.pendingWrites >= epochWrites || done) closeEpoch(operator);
    await fire.end();
  }
  if (firings !== KEYS) throw new Error(`${KEYS} windows should have fired, and ${firings} did`);
  return { load, loadMs, fire, fireMs: fire.cpuMs };
}

const smallest = (runs: readonly Run[], of: (run: Run) => number): number =>
  Number(Math.min(...runs.map(of)).toFixed(1));

const loading: Figure[] = [];
const firing: Figure[] = [];
for (const [name, create, watermark] of cases) {
  const runs: Run[] = [];
  // Of several runs the smallest numbers: the machine may be shared, and what disturbs makes pauses longer.
  for (let round = 0; round < ROUNDS; round++) runs.push(await measureRun(create, watermark));
  loading.push({
    name,
    perCoreSecond: Math.round((KEYS * 1e3) / smallest(runs, (run) => run.loadMs)),
    more: {
      "longest pause in ms": smallest(runs, ({ load }) => load.longestPauseMs),
      "ms of garbage collection": smallest(runs, ({ load }) => load.gcMs),
    },
  });
  firing.push({
    name,
    perCoreSecond: Math.round((KEYS * 1e3) / smallest(runs, (run) => run.fireMs)),
    more: {
      "longest pause in ms": smallest(runs, ({ fire }) => fire.longestPauseMs),
      "ms of garbage collection": smallest(runs, ({ fire }) => fire.gcMs),
    },
  });
}
const keys = KEYS.toLocaleString("en");
tell([
  { title: `${keys} new keys, a window each: records`, figures: loading },
  { title: `windows of ${keys} keys that close at one watermark: results`, figures: firing },
]);
