// q7 — the bids that equal the highest price of a tumbling window of 10 s and lie in it, both ends included.
//
// A bid at the very end of a window is compared with the prices of that window, too, without being one of them: it is a
// guest there, and a member of the next window.
//
// One key per window would put the whole stream on one partition. So each window is divided by price into shares that
// keep only the bids with their highest price, and one key per window then compares the few bids that are left. Equal
// prices are in the same share, so a guest meets all members it could equal.
import { emits, type ProcessDefinition } from "../../operators/keyed-process.ts";
import { value } from "../../state/descriptors.ts";
import { paneOf, tumbling } from "../../time/windows.ts";
import type { Bid, BidEvent } from "../events.ts";
import type { AppendQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q7Row {
  readonly auction: number;
  readonly price: number;
  readonly bidder: number;
  /** Epoch ms. */
  readonly date_time: number;
  readonly extra: string;
}

/** A bid in one of its windows; a guest when `date_time` equals `end`. */
interface Candidate extends Q7Row {
  /** End of the window in epoch ms. */
  readonly end: number;
}

const windowMs = 10_000;
const tenSeconds = tumbling(windowMs);

/** Shares of a window, a power of two: enough for many partitions to have work, few enough to write little for each. */
const shares = 128;

/** Highest price of the members, the members that have it (hardly ever more than one), and the guests that may equal it. */
const leaders = {
  highest: value<number>(),
  winners: value<readonly Candidate[]>({ default: [] }),
  guests: value<readonly Candidate[]>({ default: [] }),
};

/** Both steps: the winners of a share, and of the winners of all shares those of the window. */
const highestBids: ProcessDefinition<number, Candidate, Candidate, typeof leaders> = {
  state: leaders,
  emits: emits<Candidate>(),
  onRecord(bid, { state, timers, watermark }) {
    if (bid.end <= watermark) return; // late: the window has been answered
    const highest = state.highest.get();
    if (highest !== undefined && bid.price < highest) return;
    if (bid.date_time === bid.end) {
      state.guests.set([...state.guests.peek(), bid]);
      timers.event(bid.end);
    } else if (bid.price === highest) {
      state.winners.set([...state.winners.peek(), bid]);
    } else {
      if (highest === undefined) timers.event(bid.end);
      state.highest.set(bid.price);
      state.winners.set([bid]);
    }
  },
  /** At the end of the window and not a millisecond before it: guests have exactly that time. */
  onTimer(_timer, context) {
    const { highest, winners, guests } = context.state;
    const price = highest.get();
    for (const winner of winners.peek()) context.emit(winner);
    for (const guest of guests.peek()) if (guest.price === price) context.emit(guest);
    highest.clear();
    winners.clear();
    guests.clear();
  },
};

export const q7: AppendQuery<Q7Row> = {
  result: "append",
  rows: (events) =>
    events
      .filter("bids", isBid)
      .flatMap("candidates", toCandidates)
      .keyBy(shareOf)
      .process("highest-of-share", highestBids)
      .keyBy(({ end }) => end)
      .process("highest-of-window", highestBids)
      .map("columns", toRow),
};

function toCandidates({ bid }: BidEvent): readonly Candidate[] {
  const start = paneOf(tenSeconds, bid.dateTime);
  const member = toCandidate(bid, start + windowMs);
  return bid.dateTime === start ? [member, toCandidate(bid, start)] : [member];
}

function toCandidate({ auction, price, bidder, dateTime, extra }: Bid, end: number): Candidate {
  return { auction, price, bidder, date_time: dateTime, extra, end };
}

/** One number per window and share. Hot: twice per bid. The low bits of a price below 2^53 are exact. */
function shareOf({ end, price }: Candidate): number {
  return (end / windowMs) * shares + (price & (shares - 1));
}

function toRow({ auction, price, bidder, date_time, extra }: Candidate): Q7Row {
  return { auction, price, bidder, date_time, extra };
}
