// Contest — the bids for one auction and the best of them: the join of q4, q6 and q9.
//
// A bid counts when its time lies between the opening of its auction and its end, both included. The best bid has the
// highest price, then the earliest time, then the first arrival. Auction and bids may come in any order, at any distance:
// bids that are there before their auction wait; afterwards only the best is kept. Most bids are below it, and are told
// by one number.
import type { Stream } from "../../dataflow/stream.ts";
import { emits, type ProcessDefinition } from "../../operators/keyed-process.ts";
import { type ListDescriptor, list, type ValueDescriptor, value } from "../../state/descriptors.ts";
import type { ListState } from "../../state/list-state.ts";
import type { ValueState } from "../../state/value-state.ts";
import type { Auction, BidEvent, NexmarkEvent } from "../events.ts";
import { isAuction, isBid } from "./query-parts.ts";

/** What a contest must know of an auction. */
export interface Lot {
  readonly kind: "lot";
  readonly auction: number;
  /** Epoch ms. */
  readonly opens: number;
  /** Epoch ms: an offer at this very instant still counts. */
  readonly expires: number;
}

/** What a contest must know of a bid. */
export interface Offer {
  readonly kind: "offer";
  readonly auction: number;
  readonly price: number;
  /** Epoch ms. */
  readonly time: number;
  /** Order of arrival. */
  readonly seq: number;
}

/** State of one auction. */
export type Contest<L extends Lot, O extends Offer> = {
  readonly lot: ValueDescriptor<L, undefined>;
  readonly best: ValueDescriptor<O, undefined>;
  /** Price of the best. */
  readonly floor: ValueDescriptor<number, undefined>;
  /** Offers that came before the lot. */
  readonly early: ListDescriptor<O>;
};

interface ContestHandles<L extends Lot, O extends Offer> {
  readonly lot: ValueState<L>;
  readonly best: ValueState<O>;
  readonly floor: ValueState<number>;
  readonly early: ListState<O>;
}

export function contest<L extends Lot, O extends Offer>(): Contest<L, O> {
  return { lot: value<L>(), best: value<O>(), floor: value<number>(), early: list<O>() };
}

/** @returns whether there is a best offer now that was not there before */
export function enterContest<L extends Lot, O extends Offer>(
  record: L | O,
  state: ContestHandles<L, O>,
): boolean {
  const { lot, floor, early } = state;
  if (record.kind === "offer") {
    const price = floor.get();
    if (price !== undefined && record.price < price) return false;
    const known = lot.peek();
    if (known !== undefined) return challenge(known, record, state);
    early.append(record);
    return false;
  }
  lot.set(record);
  let changed = false;
  for (const offer of early.peek()) changed = challenge(record, offer, state) || changed;
  early.clear();
  return changed;
}

function challenge<L extends Lot, O extends Offer>(
  { opens, expires }: Lot,
  offer: O,
  { best, floor }: ContestHandles<L, O>,
): boolean {
  if (offer.time < opens || offer.time > expires) return false;
  const leader = best.peek();
  if (leader !== undefined && !beats(offer, leader)) return false;
  best.set(offer);
  floor.set(offer.price);
  return true;
}

function beats(a: Offer, b: Offer): boolean {
  if (a.price !== b.price) return a.price > b.price;
  return a.time === b.time ? a.seq < b.seq : a.time < b.time;
}

/** A bid that has become the best of its auction. */
export interface Winner {
  readonly auction: number;
  /** What the winners are grouped by. */
  readonly group: number;
  readonly price: number;
  /** Epoch ms. */
  readonly time: number;
  readonly seq: number;
  /** Price of the winner whose place it takes; undefined for the first one. */
  readonly pricePassed: number | undefined;
}

interface GroupedLot extends Lot {
  readonly group: number;
}

const narrowContest = contest<GroupedLot, Offer>();

/** Key: id of the auction. */
const winningBids: ProcessDefinition<number, GroupedLot | Offer, Winner, typeof narrowContest> = {
  state: narrowContest,
  emits: emits<Winner>(),
  onRecord(record, context) {
    const { state } = context;
    const pricePassed = state.floor.get();
    if (!enterContest(record, state)) return;
    const { group } = state.lot.peek() as GroupedLot;
    const { auction, price, time, seq } = state.best.peek() as Offer;
    context.emit({ auction, group, price, time, seq, pricePassed });
  },
};

/**
 * The best bid of every auction, each time there is a better one.
 *
 * @param groupOf what the winners of an auction will be grouped by
 */
export function winnersOf(
  events: Stream<NexmarkEvent>,
  groupOf: (auction: Auction) => number,
): Stream<Winner> {
  const lots = events.filter("auctions", isAuction).map("lots", ({ auction }): GroupedLot => {
    const { id, dateTime, expires } = auction;
    return { kind: "lot", auction: id, opens: dateTime, expires, group: groupOf(auction) };
  });
  return lots
    .union(events.filter("bids", isBid).map("offers", toOffer))
    .keyBy(({ auction }) => auction)
    .process("winning-bids", winningBids);
}

function toOffer({ bid, seq }: BidEvent): Offer {
  return { kind: "offer", auction: bid.auction, price: bid.price, time: bid.dateTime, seq };
}
