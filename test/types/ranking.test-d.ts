// Ranking and over-windows as the compiler sees them: right calls and what they infer, wrong calls and that they are refused.
import { expectTypeOf } from "vitest";
import {
  type Change,
  combine,
  count,
  type DeclareUpdates,
  type KeyedStream,
  type KeyedValue,
  type LateStream,
  max,
  type OperatorStream,
  type OverResult,
  type Ranked,
  sum,
  topN,
  tumbling,
  type WindowResult,
} from "../../src/index.ts";

interface Bid {
  readonly auction: number;
  readonly bidder: string;
  readonly price: number;
}

declare const bids: KeyedStream<number, Bid>;
declare const changes: KeyedStream<number, Change<Bid>>;

expectTypeOf(bids.topN("t", 3, { by: (bid) => bid.price })).toEqualTypeOf<
  OperatorStream<Change<Ranked<Bid>>>
>();
expectTypeOf(
  bids.topN("t", 3, { by: (bid) => [bid.price, bid.bidder], order: ["desc", "asc"], rankColumn: false }),
).toEqualTypeOf<OperatorStream<Change<Bid>>>();
expectTypeOf(changes.topN("t", 3, { by: (bid) => bid.price, numbering: "denseRank" })).toEqualTypeOf<
  OperatorStream<Change<Ranked<Bid>>>
>();
// @ts-expect-error a row is needed to rank by
bids.topN("t", 3, {});
// @ts-expect-error no such column
bids.topN("t", 3, { by: (bid) => bid.prize });
// @ts-expect-error nothing that has an order
bids.topN("t", 3, { by: (bid) => ({ price: bid.price }) });

expectTypeOf(bids.deduplicate("d", { keep: "first" })).toEqualTypeOf<LateStream<Bid, Bid>>();
expectTypeOf(bids.deduplicate("d", { keep: "first", by: "arrival", ttl: "1h" })).toEqualTypeOf<
  LateStream<Bid, Bid>
>();
expectTypeOf(bids.deduplicate("d", { keep: "first", emit: "updates" })).toEqualTypeOf<
  OperatorStream<Change<Bid>>
>();
expectTypeOf(bids.deduplicate("d", { keep: "last" })).toEqualTypeOf<OperatorStream<Change<Bid>>>();
expectTypeOf(bids.deduplicate("d", { keep: "last", emit: "append" })).toEqualTypeOf<OperatorStream<Bid>>();
expectTypeOf(changes.deduplicate("d", { keep: "last" })).toEqualTypeOf<OperatorStream<Change<Bid>>>();
expectTypeOf(changes.deduplicate("d", { keep: "last", emit: "append" })).toEqualTypeOf<OperatorStream<Bid>>();
// A first record is never taken back: the type says what to do.
expectTypeOf(changes.deduplicate("d", { keep: "first" })).toEqualTypeOf<
  LateStream<DeclareUpdates, Change<Bid>>
>();
// @ts-expect-error a row that was forgotten could not be taken back
bids.deduplicate("d", { keep: "last", ttl: "1h" });
// @ts-expect-error which one stays must be said
bids.deduplicate("d", { by: "arrival" });

expectTypeOf(
  changes.aggregateChanges("a", combine({ n: count(), most: max((bid: Bid) => bid.price) })),
).toEqualTypeOf<OperatorStream<Change<KeyedValue<number, { n: number; most: number }>>>>();
expectTypeOf(
  changes.aggregateChanges(
    "a",
    sum((bid) => bid.price),
  ),
).toEqualTypeOf<OperatorStream<Change<KeyedValue<number, number>>>>();
expectTypeOf(changes.materialize("m")).toEqualTypeOf<OperatorStream<Bid>>();
expectTypeOf(bids.materialize("m", { every: "1m" })).toEqualTypeOf<OperatorStream<Bid>>();

expectTypeOf(
  bids.over(
    "o",
    { rows: 9 },
    sum((bid) => bid.price),
  ),
).toEqualTypeOf<LateStream<OverResult<Bid, number>, Bid>>();
bids.over("o", { range: "unbounded", order: "arrival" }, count());
// @ts-expect-error either rows or range
bids.over("o", { rows: 9, range: "1h" }, count());
// @ts-expect-error no such frame
bids.over("o", { rows: "all" }, count());

expectTypeOf(
  bids.window(tumbling("1m")).aggregate(
    "w",
    topN(3, (bid) => bid.price),
  ),
).toExtend<OperatorStream<WindowResult<number, Bid[]>>>();
