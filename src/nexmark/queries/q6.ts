// q6 — per auction that a seller sold, the average price of that sale and the ten before it.
//
// The sales of a seller stand in order of the winning bid, linked from each to its neighbours, as entries of one map: a
// sale that comes or moves writes itself and its neighbours. Most belong near the newest end, where the search begins.
// A sale counts in its own average and in those of the ten after it.
import { MAX_WATERMARK } from "../../core/batch.ts";
import { type Change, insert, updateAfter, updateBefore } from "../../operators/change.ts";
import { emits, type ProcessContext, type ProcessDefinition } from "../../operators/keyed-process.ts";
import { map, value } from "../../state/descriptors.ts";
import { type Winner, winnersOf } from "./contest.ts";
import type { TableOutput, TableQuery } from "./query.ts";
import { truncatedMean } from "./query-parts.ts";

interface Q6Row {
  readonly seller: number;
  /** Cents, truncated. */
  readonly avg_price: number;
}

interface Sale {
  readonly price: number;
  /** Of the winning bid, epoch ms. */
  readonly time: number;
  readonly seq: number;
  /** Auctions whose sales stand beside this one. */
  readonly older: number | undefined;
  readonly newer: number | undefined;
  /** As it was emitted last. */
  readonly average: number | undefined;
}

/** By auction; and the newest one. */
const sales = { sales: map<number, Sale>(), newest: value<number>() };

type Sellers = ProcessDefinition<number, Winner, Change<Q6Row>, typeof sales>;
type SellerContext = ProcessContext<number, Change<Q6Row>, typeof sales>;
type SellerState = SellerContext["state"];

/** How many sales before the one it belongs to an average covers. */
const preceding = 10;

export const q6: TableQuery<Q6Row> = {
  result: "table",
  changes: (events, output) =>
    winnersOf(events, ({ seller }) => seller)
      .keyBy(({ group }) => group)
      .process("sellers", sellers(output)),
};

/** Key: id of the seller. */
function sellers(output: TableOutput): Sellers {
  if (output === "final")
    return {
      state: sales,
      emits: emits<Change<Q6Row>>(),
      onRecord(winner, { state, timers }) {
        if (state.newest.get() === undefined) timers.event(MAX_WATERMARK);
        move(winner, state);
      },
      onTimer: (_timer, context) => emitAll(context),
    };
  return {
    state: sales,
    emits: emits<Change<Q6Row>>(),
    onRecord(winner, context) {
      const { auction } = winner;
      const behind = move(winner, context.state);
      if (behind !== undefined) refresh(behind, context);
      refresh(auction, context);
    },
  };
}

/**
 * Puts the sale of an auction where it belongs now.
 *
 * @returns the auction whose sale stood behind it before; undefined when it is new or was the newest
 */
function move({ auction, price, time, seq }: Winner, { sales, newest }: SellerState): number | undefined {
  const before = sales.peek(auction);
  if (before !== undefined) link(before.older, before.newer, sales, newest);
  let newer: number | undefined;
  let older = newest.get();
  while (older !== undefined) {
    const sale = sales.peek(older) as Sale;
    if (sale.time < time || (sale.time === time && sale.seq < seq)) break;
    newer = older;
    older = sale.older;
  }
  sales.set(auction, { price, time, seq, older, newer, average: before?.average });
  link(older, auction, sales, newest);
  link(auction, newer, sales, newest);
  return before?.newer;
}

/** Makes two sales neighbours; undefined stands for the end on that side. */
function link(
  older: number | undefined,
  newer: number | undefined,
  sales: SellerState["sales"],
  newest: SellerState["newest"],
): void {
  if (newer === undefined) newest.set(older);
  else sales.set(newer, { ...(sales.peek(newer) as Sale), older });
  if (older !== undefined) sales.set(older, { ...(sales.peek(older) as Sale), newer });
}

/** Emits what is new in the averages of this sale and the ten after it. */
function refresh(first: number, context: SellerContext): void {
  const { sales } = context.state;
  const prices = pricesUpTo(sales.peek(first)?.older, preceding, sales).reverse();
  let at: number | undefined = first;
  for (let i = 0; at !== undefined && i <= preceding; i++) {
    const sale = sales.peek(at) as Sale;
    prices.push(sale.price);
    const average = meanOfLast(prices);
    if (average !== sale.average) {
      sales.set(at, { ...sale, average });
      emitChange(context, sale.average, average);
    }
    at = sale.newer;
  }
}

function emitChange(context: SellerContext, before: number | undefined, after: number): void {
  const seller = context.key;
  if (before === undefined) {
    context.emit(insert({ seller, avg_price: after }));
  } else {
    context.emit(updateBefore({ seller, avg_price: before }));
    context.emit(updateAfter({ seller, avg_price: after }));
  }
}

/** The prices of the sale of an auction and of those before it, the latest first. */
function pricesUpTo(auction: number | undefined, most: number, sales: SellerState["sales"]): number[] {
  const prices: number[] = [];
  for (let at = auction; at !== undefined && prices.length < most; ) {
    const { price, older } = sales.peek(at) as Sale;
    prices.push(price);
    at = older;
  }
  return prices;
}

function meanOfLast(prices: readonly number[]): number {
  const from = Math.max(0, prices.length - preceding - 1);
  let sum = 0;
  for (let i = from; i < prices.length; i++) sum += prices[i] as number;
  return truncatedMean(sum, prices.length - from);
}

function emitAll(context: SellerContext): void {
  const { sales, newest } = context.state;
  const latestFirst = pricesUpTo(newest.get(), Number.POSITIVE_INFINITY, sales);
  const prices: number[] = [];
  for (let i = latestFirst.length - 1; i >= 0; i--) {
    prices.push(latestFirst[i] as number);
    context.emit(insert({ seller: context.key, avg_price: meanOfLast(prices) }));
  }
}
