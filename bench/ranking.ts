// Ranking, deduplication, changes and over-windows in one thread, without channels.
//
// Run: npx tsx bench/ranking.ts [--smoke] [--json]
import { combine, count, max, sum } from "../src/operators/aggregates.ts";
import { overOperator } from "../src/operators/over/over.ts";
import { aggregateChangesOperator } from "../src/operators/ranking/aggregate-changes.ts";
import { deduplicateOperator } from "../src/operators/ranking/deduplicate.ts";
import { firstRecordOperator } from "../src/operators/ranking/first-record.ts";
import { topNOperator } from "../src/operators/ranking/top-n.ts";
import { smoke, tell } from "./figures.ts";
import { type Bid, keyedBids } from "./keyed-bids.ts";
import { runRounds } from "./operators/operator-bench.ts";

const batches = keyedBids(smoke ? 20_000 : 200_000, 1_000);
const ranking = { by: (bid: Bid) => bid.price, directions: ["desc"], ties: "first" } as const;
const price = sum((bid: Bid) => bid.price);

const operators = {
  "first record by arrival": firstRecordOperator({ by: "arrival" }),
  "last record by event time": deduplicateOperator({ keep: "last", by: "eventTime", atEnd: false }),
  "top 10 with numbers": topNOperator({ ...ranking, n: 10, numbering: "rowNumber", rankColumn: true }),
  "top 10 without": topNOperator({ ...ranking, n: 10, numbering: "rowNumber", rankColumn: false }),
  "aggregateChanges: count and max": aggregateChangesOperator({
    aggregate: combine({ rows: count(), most: max((bid: Bid) => bid.price) }),
  }),
  "over 10 rows, event time": overOperator({
    frame: { kind: "rows", preceding: 9 },
    order: "eventTime",
    aggregate: price,
  }),
  "over 1,000 rows, event time": overOperator({
    frame: { kind: "rows", preceding: 999 },
    order: "eventTime",
    aggregate: price,
  }),
  "over 10 s, event time": overOperator({
    frame: { kind: "range", precedingMs: 10_000 },
    order: "eventTime",
    aggregate: price,
  }),
};

const figures = Object.entries(operators).map(([name, create]) => {
  const rates = runRounds(create, batches, { watermarkEvery: 4 });
  return { name, perCoreSecond: rates.recordsPerSecond, more: { "results/s": rates.resultsPerSecond } };
});
tell([{ title: "ranking and over-windows: records of 1,000 keys", figures }]);
