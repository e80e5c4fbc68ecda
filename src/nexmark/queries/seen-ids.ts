// SeenIds — in which ranks of price each bidder and each auction was met under one key: what q16 counts distinct ones by.
//
// Most channels meet few. Those stand side by side in one small array, which is stored whole with the counts of the channel.
// Once there are many they move to maps, of whose entries each tells of ten ids: ids that are met at one time are close
// together, so a bid for a busy channel writes a number here and there.
import { type MapDescriptor, map } from "../../state/descriptors.ts";
import type { MapState } from "../../state/map-state.ts";
import type { PriceRank } from "./query-parts.ts";
import { meet, type Novelty, noveltyOf } from "./rank-counts.ts";

/** In turn an id and what is known of it: one of the bits below, and its ranks as {@link meet} has them. */
export type FewIds = readonly number[];

export type IdKind = typeof bidderBit | typeof auctionBit;

export const bidderBit = 1;
export const auctionBit = 16;
const kinds = bidderBit | auctionBit;

export const noIds: FewIds = Object.freeze([]);

/** Looking one of them up and writing them all takes about as long as it takes to write two entries of a map. */
const most = 128;

/** State of keys that have met many. */
export const manyIds: {
  readonly bidders: MapDescriptor<number, number>;
  readonly auctions: MapDescriptor<number, number>;
} = { bidders: map<number, number>(), auctions: map<number, number>() };

interface ManyIds {
  readonly bidders: MapState<number, number>;
  readonly auctions: MapState<number, number>;
}

/** @param few a copy of its own, which is changed */
export function seeAmongFew(id: number, kind: IdKind, rank: PriceRank, few: number[]): Novelty {
  for (let i = 0; i < few.length; i += 2) {
    const known = few[i + 1] as number;
    if (few[i] !== id || (known & kind) === 0) continue;
    few[i + 1] = meet(known, rank);
    return noveltyOf(known & ~kinds, rank);
  }
  few.push(id, meet(kind, rank));
  return 2;
}

export function areMany(few: FewIds): boolean {
  return few.length > 2 * most;
}

export function moveToMany(few: FewIds, { bidders, auctions }: ManyIds): void {
  for (let i = 0; i < few.length; i += 2) {
    const known = few[i + 1] as number;
    const ids = (known & bidderBit) === 0 ? auctions : bidders;
    for (const rank of [1, 2, 3] as const)
      if ((known & (1 << rank)) !== 0) seeAmongMany(few[i] as number, rank, ids);
  }
}

/** Three bits each, one per rank. */
const idsPerEntry = 10;

export function seeAmongMany(id: number, rank: PriceRank, ids: MapState<number, number>): Novelty {
  const offset = id % idsPerEntry;
  const entry = (id - offset) / idsPerEntry;
  const bits = ids.get(entry) ?? 0;
  const shift = 3 * offset;
  // The bit of rank 0, which does not exist, is not stored.
  const novelty = noveltyOf(((bits >> shift) & 7) << 1, rank);
  if (novelty > 0) ids.set(entry, bits | (1 << (shift + rank - 1)));
  return novelty;
}
