// q4 — the average price for which auctions of a category were sold: two aggregations, the second of a changing result.
//
// Each new winner of an auction travels as the difference that it makes, so a category holds two numbers.
import { value } from "../../state/descriptors.ts";
import { type Winner, winnersOf } from "./contest.ts";
import type { TableQuery } from "./query.ts";
import { truncatedMean } from "./query-parts.ts";
import { type TableStep, tableStep } from "./table-step.ts";

interface Q4Row {
  readonly category: number;
  /** Cents, truncated. */
  readonly avg_final: number;
}

/** What one winner does to its category. */
interface Difference {
  readonly category: number;
  readonly auctions: number;
  readonly cents: number;
}

/** Auctions that have a winner, and the sum of the winning prices. */
const totals = { auctions: value({ default: 0 }), cents: value({ default: 0 }) };

/** Key: category. */
const averages: TableStep<number, Difference, typeof totals, Q4Row> = {
  state: totals,
  update(difference, { auctions, cents }) {
    const before = auctions.get();
    auctions.set(before + difference.auctions);
    cents.set(cents.get() + difference.cents);
    return before === 0 ? "begun" : "changed";
  },
  row({ auctions, cents }, category) {
    const count = auctions.get();
    return count === 0 ? undefined : { category, avg_final: truncatedMean(cents.get(), count) };
  },
};

export const q4: TableQuery<Q4Row> = {
  result: "table",
  changes: (events, output) =>
    winnersOf(events, ({ category }) => category)
      .map("differences", toDifference)
      .keyBy(({ category }) => category)
      .process("averages", tableStep(output, averages)),
};

function toDifference({ group, price, pricePassed }: Winner): Difference {
  return pricePassed === undefined
    ? { category: group, auctions: 1, cents: price }
    : { category: group, auctions: 0, cents: price - pricePassed };
}
