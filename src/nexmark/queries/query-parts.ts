// What several queries have in common: kinds of events, days, keys of two parts, ranks of price.
import type { AuctionEvent, BidEvent, NexmarkEvent, PersonEvent } from "../events.ts";

export function isPerson(event: NexmarkEvent): event is PersonEvent {
  return event.event_type === 0;
}

export function isAuction(event: NexmarkEvent): event is AuctionEvent {
  return event.event_type === 1;
}

export function isBid(event: NexmarkEvent): event is BidEvent {
  return event.event_type === 2;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** Days in UTC since the epoch. */
export function dayOf(timestamp: number): number {
  return Math.floor(timestamp / dayMs);
}

/** Minutes in UTC since the day began. */
export function minuteOf(timestamp: number): number {
  return Math.floor((timestamp - dayOf(timestamp) * dayMs) / minuteMs);
}

/** @returns `YYYY-MM-DD` */
export function dayText(day: number): string {
  const text = new Date(day * dayMs).toISOString();
  return text.slice(0, text.indexOf("T"));
}

/** @returns `HH:MM` */
export function minuteText(minute: number): string {
  return new Date(minute * minuteMs).toISOString().slice(11, 16);
}

/** Two of these side by side are a safe integer. */
const halfKey = 2 ** 26;

/** A key made of two integers: a number while both are small, which is cheaper to send and to look up than a text. */
export function pairKey(first: number, second: number): number | string {
  return first >= 0 && first < halfKey && second >= 0 && second < halfKey
    ? first * halfKey + second
    : `${first}/${second}`;
}

/** The class of a price in cents, as q15, q16 and q17 count them. */
export type PriceRank = 1 | 2 | 3;

export function rankOf(price: number): PriceRank {
  if (price < 10_000) return 1;
  return price < 1_000_000 ? 2 : 3;
}

/**
 * sum / count, truncated towards zero.
 *
 * @param sum a safe integer; the difference is divisible, so nothing is rounded
 * @param count at least 1
 */
export function truncatedMean(sum: number, count: number): number {
  return (sum - (sum % count)) / count;
}
