// Sliding windows as the overlap grows: what a record costs when it is in 1 to 60 windows at once.
//
// "dense" keys have many records per slide, so that the cost is that of folding a record; "sparse" keys have two, so that
// nearly every record makes a window of its key emit.
//
// Guards the layout of src/operators/window/sliced-window.ts.
// Run: npx tsx bench/operators/sliding-windows.ts [--smoke] [--json]
import { type Batch, createBatch } from "../../src/core/batch.ts";
import { mean } from "../../src/operators/aggregates.ts";
import { windowOperator } from "../../src/operators/window.ts";
import { type AlignedAssigner, sliding, tumbling } from "../../src/time/windows.ts";
import { type Figure, type FigureGroup, smoke, tell } from "../figures.ts";
import { runRounds } from "./operator-bench.ts";

const BATCH = 512;
const RECORDS = smoke ? 50_000 : 2_000_000;
const SLIDE_MS = 20_000;

interface Bid {
  readonly price: number;
}

/** One record per ms of event time. */
function batches(keys: number): Batch[] {
  const made: Batch[] = [];
  for (let turn = 0; turn * BATCH < RECORDS; turn++) {
    const values: Bid[] = [];
    const timestamps: number[] = [];
    const ofRecord: unknown[] = [];
    for (let i = 0; i < BATCH; i++) {
      const n = turn * BATCH + i;
      values.push({ price: n % 100 });
      timestamps.push(n);
      ofRecord.push((Math.imul(n, 2_654_435_761) >>> 0) % keys);
    }
    const batch = createBatch(values, timestamps);
    batch.keys = ofRecord;
    made.push(batch);
  }
  return made;
}

const groups: FigureGroup[] = [];
for (const [keys, number] of [
  ["dense", 100],
  ["sparse", 10_000],
] as const) {
  const input = batches(number);
  const figures: Figure[] = [];
  for (const overlap of [1, 2, 5, 10, 20, 40, 60]) {
    const assigner: AlignedAssigner =
      overlap === 1 ? tumbling(SLIDE_MS) : sliding(SLIDE_MS * overlap, SLIDE_MS);
    const operator = windowOperator({ assigner, aggregate: mean((bid: Bid) => bid.price) });
    const { recordsPerSecond, resultsPerSecond } = runRounds(operator, input, { watermarkEvery: 4 });
    const name = `overlap ${overlap}`;
    figures.push({ name, perCoreSecond: recordsPerSecond, more: { "results/s": resultsPerSecond } });
  }
  groups.push({ title: `sliding windows, ${keys} keys: mean`, figures });
}
tell(groups);
