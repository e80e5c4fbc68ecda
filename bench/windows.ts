// Every kind of window in one thread, without channels: what a record costs in each of the layouts of src/operators/window.
//
// Overlap: bench/operators/sliding-windows.ts; many keys at one watermark: bench/operators/firing.ts.
// Run: npx tsx bench/windows.ts [--smoke] [--json]
import { count, mean } from "../src/operators/aggregates.ts";
import { asTrigger, triggers } from "../src/operators/triggers.ts";
import { windowOperator } from "../src/operators/window.ts";
import { countWindow } from "../src/time/count-windows.ts";
import { session } from "../src/time/sessions.ts";
import { cumulative, sliding, tumbling } from "../src/time/windows.ts";
import { smoke, tell } from "./figures.ts";
import { type Bid, keyedBids } from "./keyed-bids.ts";
import { runRounds } from "./operators/operator-bench.ts";

const batches = keyedBids(smoke ? 20_000 : 1_000_000, 1_000);
const aggregate = mean((bid: Bid) => bid.price);

const operators = {
  "tumbling, 50 records per window": windowOperator({ assigner: tumbling(50_000), aggregate }),
  "sliding, overlap 10": windowOperator({ assigner: sliding(50_000, 5_000), aggregate }),
  "cumulative, 10 steps": windowOperator({ assigner: cumulative(50_000, 5_000), aggregate }),
  "tumbling, allowed lateness": windowOperator({
    assigner: tumbling(50_000),
    aggregate,
    allowedLatenessMs: 10_000,
  }),
  "tumbling, early result every 10 records": windowOperator({
    assigner: tumbling(50_000),
    aggregate,
    trigger: asTrigger(triggers.afterWatermark({ early: triggers.afterCount(10) })),
  }),
  "tumbling, apply": windowOperator({
    assigner: tumbling(50_000),
    apply: (_key, _window, bids: readonly Bid[]) => [bids.length],
  }),
  "session, 7 records each": windowOperator({ assigner: session(2_000), aggregate }),
  "count window of 50": windowOperator({ assigner: countWindow(50), aggregate: count() }),
};

const figures = Object.entries(operators).map(([name, create]) => {
  const { recordsPerSecond, resultsPerSecond } = runRounds(create, batches, { watermarkEvery: 4 });
  return { name, perCoreSecond: recordsPerSecond, more: { "results/s": resultsPerSecond } };
});
tell([{ title: "windows: mean, 1,000 keys", figures }]);
