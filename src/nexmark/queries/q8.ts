// q8 — who registered and opened an auction in the same tumbling window of 10 s: a join of two streams per window.
//
// A row goes out as soon as both sides are there, once per person, name and window; the window's end only clears.
import { emits, type ProcessDefinition } from "../../operators/keyed-process.ts";
import { value } from "../../state/descriptors.ts";
import { paneOf, tumbling } from "../../time/windows.ts";
import type { AuctionEvent, PersonEvent } from "../events.ts";
import type { AppendQuery } from "./query.ts";
import { isAuction, isPerson } from "./query-parts.ts";

interface Q8Row {
  /** Of the person. */
  readonly id: number;
  readonly name: string;
  /** Start of the window in epoch ms. */
  readonly starttime: number;
}

interface Registration {
  readonly kind: "registration";
  readonly person: number;
  readonly name: string;
  /** Start of the window in epoch ms. */
  readonly start: number;
}

interface Sale {
  readonly kind: "sale";
  readonly person: number;
  /** Start of the window in epoch ms. */
  readonly start: number;
}

/** What one person did in one window. */
interface Activity {
  /** Start of the window in epoch ms. */
  readonly start: number;
  readonly names: readonly string[];
  readonly sold: boolean;
}

const windowMs = 10_000;
const tenSeconds = tumbling(windowMs);

/** The windows that are open: one, or two around the end of a window. */
const activities = { open: value<readonly Activity[]>({ default: [] }) };

/** Key: id of the person. */
const newSellers: ProcessDefinition<number, Registration | Sale, Q8Row, typeof activities> = {
  state: activities,
  emits: emits<Q8Row>(),
  onRecord(record, context) {
    const { person: id, start } = record;
    const last = start + windowMs - 1;
    if (last <= context.watermark) return; // late: the window has been cleared
    const open = context.state.open.peek();
    const known = open.find((activity) => activity.start === start);
    if (known === undefined) context.timers.event(last);
    const names = known?.names ?? [];
    const sold = known?.sold ?? false;
    const others = open.filter((activity) => activity !== known);
    if (record.kind === "registration") {
      if (names.includes(record.name)) return;
      context.state.open.set([...others, { start, names: [...names, record.name], sold }]);
      if (sold) context.emit({ id, name: record.name, starttime: start });
    } else if (!sold) {
      context.state.open.set([...others, { start, names, sold: true }]);
      for (const name of names) context.emit({ id, name, starttime: start });
    }
  },
  onTimer({ time }, context) {
    const { open } = context.state;
    const left = open.peek().filter(({ start }) => start + windowMs - 1 !== time);
    if (left.length === 0) open.clear();
    else open.set(left);
  },
};

export const q8: AppendQuery<Q8Row> = {
  result: "append",
  rows(events) {
    const registrations = events.filter("persons", isPerson).map("registrations", toRegistration);
    const sales = events.filter("auctions", isAuction).map("sales", toSale);
    return registrations
      .union(sales)
      .keyBy(({ person }) => person)
      .process("new-sellers", newSellers);
  },
};

function toRegistration({ person }: PersonEvent): Registration {
  const start = paneOf(tenSeconds, person.dateTime);
  return { kind: "registration", person: person.id, name: person.name, start };
}

function toSale({ auction }: AuctionEvent): Sale {
  return { kind: "sale", person: auction.seller, start: paneOf(tenSeconds, auction.dateTime) };
}
