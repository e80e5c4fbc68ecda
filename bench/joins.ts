// Joins of two streams in one thread, without channels: what a record costs on either side.
//
// Batches come from left and right in turn. Run: npx tsx bench/joins.ts [--smoke] [--json]
import { intervalJoinOperator } from "../src/operators/joins/interval-join.ts";
import type { AnyJoinFunction } from "../src/operators/joins/join-context.ts";
import { latestJoinOperator } from "../src/operators/joins/latest-join.ts";
import { tableJoinOperator } from "../src/operators/joins/table-join.ts";
import { temporalJoinOperator } from "../src/operators/joins/temporal-join.ts";
import { smoke, tell } from "./figures.ts";
import { type Bid, keyedBids } from "./keyed-bids.ts";
import { runRounds } from "./operators/operator-bench.ts";

const batches = keyedBids(smoke ? 20_000 : 200_000, 10_000);
const join: AnyJoinFunction = (left: Bid, right: Bid | undefined) => ({ id: left?.id, price: right?.price });
/** Ten rows per key, of which each new one replaces an older one. */
const primaryKey = (bid: Bid): number => bid.id % 10;

const operators = {
  "latest, left": latestJoinOperator({ kind: "left", join }),
  "temporal, left": temporalJoinOperator({ kind: "left", join }),
  "interval of 20 s, inner": intervalJoinOperator({ kind: "inner", lowerMs: 0, upperMs: 20_000, join }),
  "interval of 20 s, full": intervalJoinOperator({ kind: "full", lowerMs: 0, upperMs: 20_000, join }),
  "tables, inner, both sides with a primary key": tableJoinOperator({
    kind: "inner",
    leftKey: primaryKey,
    rightKey: primaryKey,
    join,
  }),
  "tables, anti": tableJoinOperator({ kind: "anti", leftKey: undefined, rightKey: undefined, join }),
};

const figures = Object.entries(operators).map(([name, create]) => {
  const rates = runRounds(create, batches, { watermarkEvery: 4, inputs: 2 });
  return { name, perCoreSecond: rates.recordsPerSecond, more: { "results/s": rates.resultsPerSecond } };
});
tell([{ title: "joins: records of both sides, 10,000 keys", figures }]);
