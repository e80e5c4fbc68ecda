// Counting words: keyed state without windows. `aggregate` emits the count so far after every word.
import { collect, collection, connect, count, defineJob, type KeyedValue } from "weir";

const lines = [
  "So much depends upon",
  "a red wheel barrow",
  "glazed with rain water",
  "beside the white chickens",
  "and so much rain upon the barrow",
];

const counts = collect<KeyedValue<string, number>>();

const job = defineJob("word-count", (job) => {
  job
    .source("lines", collection(lines))
    .flatMap((line) => line.toLowerCase().split(/\W+/))
    .filter((word) => word !== "")
    .keyBy((word) => word)
    .aggregate("counts", count())
    .to("counts-out", counts);
});

const weir = await connect();
const run = await weir.run(job);
await run.finished;

// Counts of one word come in order, so the last one is the total.
const totals = new Map(counts.results.map(({ key, value }) => [key, value]));
const sorted = [...totals].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
console.log(`${counts.results.length} words, ${totals.size} different ones`);
for (const [word, number] of sorted.filter(([, number]) => number > 1)) console.log(`${number}  ${word}`);
