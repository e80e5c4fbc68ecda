// RankCounts — how many bids, distinct bidders and distinct auctions there are, in all and by rank of price: q15 and q16.
import type { PriceRank } from "./query-parts.ts";

/** In the order of the columns: bids, bidders, auctions; of each the total and the three ranks. */
export type RankCounts = readonly number[];

export interface RankCountColumns {
  readonly total_bids: number;
  readonly rank1_bids: number;
  readonly rank2_bids: number;
  readonly rank3_bids: number;
  readonly total_bidders: number;
  readonly rank1_bidders: number;
  readonly rank2_bidders: number;
  readonly rank3_bidders: number;
  readonly total_auctions: number;
  readonly rank1_auctions: number;
  readonly rank2_auctions: number;
  readonly rank3_auctions: number;
}

export const noCounts: RankCounts = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/** In which counts one is met for the first time: 0 none, 1 its rank's, 2 its rank's and the total. */
export type Novelty = 0 | 1 | 2;

/**
 * The ranks in which one was met, as bits.
 *
 * @param met those before, 0 for none
 */
export function noveltyOf(met: number, rank: PriceRank): Novelty {
  if (met === 0) return 2;
  return (met & (1 << rank)) === 0 ? 1 : 0;
}

export function meet(met: number, rank: PriceRank): number {
  return met | (1 << rank);
}

/** The counts with one bid more. */
export function withBid(counts: RankCounts, rank: PriceRank, bidder: Novelty, auction: Novelty): RankCounts {
  const next = counts.slice();
  increment(next, 0, rank, 2);
  increment(next, 4, rank, bidder);
  increment(next, 8, rank, auction);
  return next;
}

function increment(counts: number[], total: number, rank: PriceRank, novelty: Novelty): void {
  if (novelty > 1) (counts[total] as number)++;
  if (novelty > 0) (counts[total + rank] as number)++;
}

export function toColumns(counts: RankCounts): RankCountColumns {
  const at = (index: number): number => counts[index] as number;
  return {
    total_bids: at(0),
    rank1_bids: at(1),
    rank2_bids: at(2),
    rank3_bids: at(3),
    total_bidders: at(4),
    rank1_bidders: at(5),
    rank2_bidders: at(6),
    rank3_bidders: at(7),
    total_auctions: at(8),
    rank1_auctions: at(9),
    rank2_auctions: at(10),
    rank3_auctions: at(11),
  };
}
