// q21 — bids with the id of their channel: a fixed one for four channels, else what the URL says; others are dropped.
import type { Bid, BidEvent } from "../events.ts";
import type { AppendQuery } from "./query.ts";
import { isBid } from "./query-parts.ts";

interface Q21Row {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly channel_id: string;
}

const fixedIds: ReadonlyMap<string, string> = new Map([
  ["apple", "0"],
  ["google", "1"],
  ["facebook", "2"],
  ["baidu", "3"],
]);

const parameter = "channel_id=";
const noRows: readonly Q21Row[] = Object.freeze([]);

export const q21: AppendQuery<Q21Row> = {
  result: "append",
  rows: (events) => events.filter("bids", isBid).flatMap("channel-ids", toRows),
};

function toRows({ bid }: BidEvent): readonly Q21Row[] {
  const channelId = channelIdOf(bid);
  if (channelId === undefined) return noRows;
  const { auction, bidder, price, channel } = bid;
  return [{ auction, bidder, price, channel, channel_id: channelId }];
}

function channelIdOf({ channel, url }: Bid): string | undefined {
  const fixed = fixedIds.get(channel.toLowerCase());
  if (fixed !== undefined) return fixed;
  const from = parameterStart(url);
  if (from === undefined) return undefined;
  const end = url.indexOf("&", from);
  const id = end < 0 ? url.slice(from) : url.slice(from, end);
  return id === "" ? undefined : id;
}

/** Behind the first `channel_id=` that begins the text or follows an `&`. */
function parameterStart(url: string): number | undefined {
  if (url.startsWith(parameter)) return parameter.length;
  const at = url.indexOf(`&${parameter}`);
  return at < 0 ? undefined : at + 1 + parameter.length;
}
