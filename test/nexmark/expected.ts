// What a result is compared by: rows as sorted lines, or what is certain of them.
import type { NexmarkQuery } from "../../src/nexmark/queries.ts";

/** q12 counts by the clock: only the sum over all windows of a bidder is certain. */
export function comparable(query: NexmarkQuery, lines: readonly string[]): string[] {
  if (query !== "q12") return [...lines].sort();
  const totals = new Map<number, number>();
  for (const line of lines) {
    const { bidder, total_bids } = JSON.parse(line) as { bidder: number; total_bids: number };
    totals.set(bidder, (totals.get(bidder) ?? 0) + total_bids);
  }
  return [...totals].map(([bidder, total_bids]) => JSON.stringify({ bidder, total_bids })).sort();
}
