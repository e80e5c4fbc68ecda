// A million keys whose windows close at one watermark: how long the event loop stands still at most.
//
// Windows fire in slices of as many timers as a partition takes (timerSlice), and an epoch ends with as many writes as one of a
// partition (epochWrites); between two slices the event loop runs. Run: npx tsx bench/operators/firing.ts [--smoke] [--json]
import { performance } from "node:perf_hooks";
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
const { timerSlice, epochWrites } = defaultSettings;

const cases = [
  ["tumbling", windowOperator({ assigner: tumbling(1_000), aggregate: count() })],
  ["sliding, overlap 10", windowOperator({ assigner: sliding(1_000, 100), aggregate: count() })],
  [
    "tumbling, purging trigger",
    windowOperator({
      assigner: tumbling(1_000),
      aggregate: count(),
      trigger: triggers.purging(triggers.eventTime()),
    }),
  ],
] as const;

const figures: Figure[] = [];
for (const [windows, create] of cases) {
  let firings = 0;
  const operator = create(benchContext((results) => (firings += results)));
  for (let from = 0; from < KEYS; from += BATCH) {
    const keys = Array.from({ length: Math.min(BATCH, KEYS - from) }, (_, i) => from + i);
    const batch = createBatch(
      keys,
      keys.map(() => 50),
    );
    batch.keys = keys;
    operator.missingForBatch(batch);
    operator.onBatch(batch);
    closeEpoch(operator);
  }
  // The first window of every key closes at this watermark.
  const watermark = windows === "sliding, overlap 10" ? 99 : 999;
  const started = process.cpuUsage();
  let longestPauseMs = 0;
  for (let done = false; !done; ) {
    const before = performance.now();
    operator.missingForEventTime(watermark, timerSlice);
    done = operator.advanceEventTime(watermark, timerSlice);
    if (operator.pendingWrites >= epochWrites || done) closeEpoch(operator);
    longestPauseMs = Math.max(longestPauseMs, performance.now() - before);
    await turn();
  }
  const { user, system } = process.cpuUsage(started);
  figures.push({
    name: windows,
    perCoreSecond: Math.round((firings * 1e6) / (user + system)),
    more: { results: firings, "longest pause in ms": longestPauseMs },
  });
}
tell([
  { title: `windows of ${KEYS.toLocaleString("en")} keys that close at one watermark: results`, figures },
]);
