// q5 — the auctions with the most bids per window of 10 s that slides by 2 s, all of them when tied.
//
// Two steps: bids are counted per auction and window, and one key per window compares the counts when they come in.
// Only auction ids travel to the first step, three numbers per auction and window to the second.
import { count } from "../../operators/aggregates.ts";
import { emits, type ProcessDefinition } from "../../operators/keyed-process.ts";
import type { WindowResult } from "../../operators/window.ts";
import { list, value } from "../../state/descriptors.ts";
import { sliding } from "../../time/windows.ts";
import type { AppendQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q5Row {
  readonly auction: number;
  readonly num: number;
}

interface AuctionCount {
  /** End of the window in epoch ms. */
  readonly end: number;
  readonly auction: number;
  readonly bids: number;
}

/** The highest count so far, and the auctions that have it. */
const leaders = { most: value({ default: 0 }), auctions: list<number>() };

/** Key: end of the window. */
const hottestAuctions: ProcessDefinition<number, AuctionCount, Q5Row, typeof leaders> = {
  state: leaders,
  emits: emits<Q5Row>(),
  onRecord({ end, auction, bids }, { state, timers }) {
    const most = state.most.get();
    if (bids < most) return;
    if (bids === most) {
      state.auctions.append(auction);
      return;
    }
    // All counts of a window carry the time of its last millisecond: none can follow once that has passed.
    if (most === 0) timers.event(end - 1);
    state.most.set(bids);
    state.auctions.update([auction]);
  },
  onTimer(_timer, context) {
    const { most, auctions } = context.state;
    const num = most.get();
    for (const auction of auctions.peek()) context.emit({ auction, num });
    most.clear();
    auctions.clear();
  },
};

export const q5: AppendQuery<Q5Row> = {
  result: "append",
  rows: (events) =>
    events
      .filter("bids", isBid)
      .map("auctions", ({ bid }) => bid.auction)
      .keyBy((auction) => auction)
      .window(sliding("10s", "2s"))
      .aggregate("bids-per-auction", count())
      .map("counts", toCount)
      .keyBy(({ end }) => end)
      .process("hottest-auctions", hottestAuctions),
};

function toCount({ key, value: bids, window }: WindowResult<number, number>): AuctionCount {
  return { end: window.end, auction: key, bids };
}
