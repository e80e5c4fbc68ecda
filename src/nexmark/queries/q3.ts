// q3 — who sells in three states in one category: a join of two streams without end.
//
// Both sides are filtered and cut down to what the result needs before they are shuffled. Either side may come first,
// at any distance, so both are kept for ever; that is what the query asks for.
import { emits, type ProcessDefinition } from "../../operators/keyed-process.ts";
import { list, value } from "../../state/descriptors.ts";
import type { AuctionEvent, NexmarkEvent, PersonEvent } from "../events.ts";
import type { AppendQuery } from "./query.ts";
import { isAuction, isPerson } from "./query-parts.ts";

interface Q3Row {
  readonly name: string;
  readonly city: string;
  readonly state: string;
  /** Of the auction. */
  readonly id: number;
}

interface Seller {
  readonly kind: "seller";
  readonly seller: number;
  readonly name: string;
  readonly city: string;
  readonly state: string;
}

interface Sale {
  readonly kind: "sale";
  readonly seller: number;
  readonly auction: number;
}

const states: ReadonlySet<string> = new Set(["OR", "ID", "CA"]);
const category = 10;

/** More than one person of an id is possible in recorded input, and each joins; auctions are many. */
const bothSides = { sellers: value<readonly Seller[]>({ default: [] }), auctions: list<number>() };

const sellersWithAuctions: ProcessDefinition<number, Seller | Sale, Q3Row, typeof bothSides> = {
  state: bothSides,
  emits: emits<Q3Row>(),
  onRecord(record, context) {
    const { sellers, auctions } = context.state;
    if (record.kind === "seller") {
      sellers.set([...sellers.peek(), record]);
      for (const auction of auctions.peek()) context.emit(toRow(record, auction));
    } else {
      auctions.append(record.auction);
      for (const seller of sellers.peek()) context.emit(toRow(seller, record.auction));
    }
  },
};

export const q3: AppendQuery<Q3Row> = {
  result: "append",
  rows(events) {
    const sellers = events.filter("persons", isWantedPerson).map("sellers", toSeller);
    const sales = events.filter("auctions", isWantedAuction).map("sales", toSale);
    return sellers
      .union(sales)
      .keyBy((record) => record.seller)
      .process("sellers-with-auctions", sellersWithAuctions);
  },
};

function isWantedPerson(event: NexmarkEvent): event is PersonEvent {
  return isPerson(event) && states.has(event.person.state);
}

function isWantedAuction(event: NexmarkEvent): event is AuctionEvent {
  return isAuction(event) && event.auction.category === category;
}

function toSeller({ person }: PersonEvent): Seller {
  return { kind: "seller", seller: person.id, name: person.name, city: person.city, state: person.state };
}

function toSale({ auction }: AuctionEvent): Sale {
  return { kind: "sale", seller: auction.seller, auction: auction.id };
}

function toRow({ name, city, state }: Seller, auction: number): Q3Row {
  return { name, city, state, id: auction };
}
