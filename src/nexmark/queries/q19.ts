// q19 — the ten highest bids of every auction, numbered: a row that comes in moves all behind it.
//
// Ten rows are kept, best first. Equal prices stand in the order of arrival.
import { MAX_WATERMARK } from "../../core/batch.ts";
import { type Change, insert, updateAfter, updateBefore } from "../../operators/change.ts";
import { emits, type ProcessDefinition } from "../../operators/keyed-process.ts";
import { value } from "../../state/descriptors.ts";
import { type BidColumns, type NumberedBid, toNumberedBid } from "./bid-columns.ts";
import type { TableOutput, TableQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q19Row extends BidColumns {
  /** From 1. */
  readonly rank_number: number;
}

type Ranking = readonly NumberedBid[];

/** The best, and the price of the tenth: most bids are below it and need not look at the rows. */
const ranking = { best: value<Ranking>(), floor: value({ default: Number.NEGATIVE_INFINITY }) };

type Auctions = ProcessDefinition<number, NumberedBid, Change<Q19Row>, typeof ranking>;

const ranks = 10;
const nobody: Ranking = Object.freeze([]);

export const q19: TableQuery<Q19Row> = {
  result: "table",
  changes: (events, output) =>
    events
      .filter("bids", isBid)
      .map("numbered", toNumberedBid)
      .keyBy(({ auction }) => auction)
      .process("ranking", auctions(output)),
};

/** Key: id of the auction. */
function auctions(output: TableOutput): Auctions {
  return {
    state: ranking,
    emits: emits<Change<Q19Row>>(),
    onRecord(bid, context) {
      const { best, floor } = context.state;
      if (bid.price < floor.get()) return;
      const before = best.peek() ?? nobody;
      const place = placeOf(bid, before);
      if (place === ranks) return;
      const after = [...before.slice(0, place), bid, ...before.slice(place, ranks - 1)];
      best.set(after);
      if (after.length === ranks) floor.set((after[ranks - 1] as NumberedBid).price);
      if (output === "changelog") {
        for (const change of changesFrom(place, before, after)) context.emit(change);
      } else if (before.length === 0) {
        context.timers.event(MAX_WATERMARK);
      }
    },
    onTimer(_timer, context) {
      const last = context.state.best.peek() ?? nobody;
      for (let i = 0; i < last.length; i++) context.emit(insert(toRow(last, i)));
    },
  };
}

/** How many stand before the bid. Not simply the end among equals: partitions do not keep the order of arrival. */
function placeOf({ price, seq }: NumberedBid, ranking: Ranking): number {
  let place = ranking.length;
  for (; place > 0; place--) {
    const other = ranking[place - 1] as NumberedBid;
    if (other.price > price || (other.price === price && other.seq < seq)) break;
  }
  return place;
}

function changesFrom(place: number, before: Ranking, after: Ranking): Change<Q19Row>[] {
  const changes: Change<Q19Row>[] = [];
  for (let i = place; i < after.length; i++) {
    if (i === before.length) changes.push(insert(toRow(after, i)));
    else changes.push(updateBefore(toRow(before, i)), updateAfter(toRow(after, i)));
  }
  return changes;
}

function toRow(ranking: Ranking, index: number): Q19Row {
  const { auction, bidder, price, channel, url, date_time, extra } = ranking[index] as NumberedBid;
  return { auction, bidder, price, channel, url, date_time, extra, rank_number: index + 1 };
}
