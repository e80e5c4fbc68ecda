// Pattern detection in one thread, without channels: what a record costs on its way to a match.
//
// Run: npx tsx bench/pattern.ts [--smoke] [--json]
import { type Batch, createBatch } from "../src/core/batch.ts";
import { type Pattern, pattern } from "../src/dataflow/pattern.ts";
import type { Captures } from "../src/dataflow/pattern-types.ts";
import { patternOperator } from "../src/operators/pattern/pattern-operator.ts";
import { skipPastLastEvent } from "../src/operators/pattern/skip-strategy.ts";
import { type Figure, measure, smoke, tell } from "./figures.ts";
import { benchContext, closeEpoch } from "./operators/operator-bench.ts";

const RECORDS = smoke ? 10_000 : 200_000;
const BATCH = 512;
const BATCHES_PER_EPOCH = 40;
const KEYS = 1_000;

interface Tick {
  readonly kind: number;
  readonly price: number;
}

let seed = 88_172_645;
function next(): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}

/** Every key sees kinds 0 to 7 at random; one record per millisecond of event time. */
const batches: readonly Batch[] = Array.from({ length: Math.ceil(RECORDS / BATCH) }, (_, turn) => {
  const values: Tick[] = [];
  const keys: unknown[] = [];
  const timestamps: number[] = [];
  for (let i = 0; i < BATCH; i++) {
    const random = next();
    values.push({ kind: (random >>> 3) & 7, price: random % 1_000 });
    keys.push((random >>> 8) % KEYS);
    timestamps.push(turn * BATCH + i);
  }
  const batch: Batch = { ...createBatch(values, timestamps), keys };
  return batch;
});

/** With the number of matches, without which a rate says little. */
async function measurePattern(
  name: string,
  what: Pattern<Tick, Captures, string>,
  time: "event" | "processing",
): Promise<Figure> {
  let matches = 0;
  const figure = await measure(name, () => {
    matches = run(what, time);
    return batches.length * BATCH;
  });
  return { ...figure, more: { matches } };
}

function run({ shape }: Pattern<Tick, Captures, string>, time: "event" | "processing"): number {
  let matches = 0;
  const select = (): void => {
    matches++;
  };
  const operator = patternOperator({ shape, time, codec: undefined, select, decodeKey: undefined })(
    benchContext(() => {}),
  );
  batches.forEach((batch, turn) => {
    if (operator.missingForBatch(batch).length > 0) throw new Error("nothing should be missing");
    operator.onBatch(batch);
    if (turn % 4 === 3) operator.onWatermark(turn * BATCH);
    if (turn % BATCHES_PER_EPOCH === 0) closeEpoch(operator);
  });
  return matches;
}

const kind = (wanted: number) => (tick: Tick) => tick.kind === wanted;
const strict = pattern<Tick>().begin("a", kind(0)).next("b", kind(1)).next("c", kind(2));
const relaxed = pattern<Tick>()
  .begin("a", kind(0))
  .followedBy("b", kind(1))
  .followedBy("c", kind(2))
  .within("1m");
const rising = pattern<Tick>()
  .begin("a", kind(0))
  .followedBy("rise", (tick, { a, rise }) => tick.price > (rise.at(-1) ?? a[0]).price)
  .oneOrMore()
  .consecutive()
  .followedBy("c", kind(2))
  .within("1m")
  .afterMatch(skipPastLastEvent());

const figures = [
  await measurePattern("nothing begins, processing time", pattern<Tick>().begin("a", kind(9)), "processing"),
  await measurePattern("a next b next c, processing time", strict, "processing"),
  await measurePattern("a next b next c, event time", strict, "event"),
  await measurePattern("a followedBy b followedBy c within 1m, processing time", relaxed, "processing"),
  await measurePattern("a followedBy b followedBy c within 1m, event time", relaxed, "event"),
  await measurePattern("a, rising prices, c, skipping, event time", rising, "event"),
];

tell([{ title: "pattern: records of 1,000 keys", figures }]);
