// The steps of the protocol model: their numbers for the search, and their words for a reader.

import {
  ALARM,
  DATABASE,
  ENTRIES,
  firstOf,
  HEAP_POSITION,
  HISTORY,
  META,
  NEXT_POSITION,
  POSITION,
  PRODUCER,
  SEQ,
  type StateLayout,
  sizeOf,
} from "./protocol-state.ts";

export const VERDICTS = ["OK", "DUP", "FENCED", "HISTORY", "ROLLBACK"] as const;
export type Verdict = (typeof VERDICTS)[number];
export const OK = 0;
export const DUP = 1;
export const FENCED = 2;
export const STALE_HISTORY = 3;
export const ROLLBACK = 4;

const KINDS = ["lag", "failover", "attach", "send", "read", "gap", "resend", "commit", "lose"] as const;
export const actionCode = (kind: Step["kind"], slot = 0, detail = 0): number =>
  KINDS.indexOf(kind) | (slot << 4) | (detail << 8);
/** Details of "commit": the verdict, whether the reply arrives, whether it was the copy of an earlier commit. */
export const REPLY_ARRIVES = 8;
export const STRAY_COPY = 16;

/** One step of a counterexample. */
export interface Step {
  readonly kind: (typeof KINDS)[number];
  /** "P1" is the first session of P; undefined for steps of the environment. */
  readonly session: string | undefined;
  readonly verdict: Verdict | undefined;
  /** Server history in which the step happened, counted from 0. */
  readonly history: number;
  /** The channel entry that was read or written. */
  readonly entry: { readonly id: number; readonly records: string } | undefined;
  readonly text: string;
}

/** Says what `action` did. */
export function describe(layout: StateLayout, before: Uint8Array, action: number, after: Uint8Array): Step {
  const kind = KINDS[action & 15]!;
  const slot = (action >> 4) & 15;
  const detail = action >> 8;
  const isServer = kind === "lag" || kind === "failover";
  const session = isServer
    ? undefined
    : `${layout.actorOf(slot) === PRODUCER ? "P" : "C"}${layout.numberOf(slot)}`;
  const verdict = kind === "commit" ? VERDICTS[detail & 7] : undefined;
  const entry = touchedEntry(layout, kind, slot, detail, before, after);
  const text = `${isServer ? "server" : session}: ${tell(layout, kind, slot, detail, before, after)}`;
  return { kind, session, verdict, history: before[HISTORY]!, entry, text };
}

function touchedEntry(
  layout: StateLayout,
  kind: Step["kind"],
  slot: number,
  detail: number,
  before: Uint8Array,
  after: Uint8Array,
): Step["entry"] {
  const isAppend = kind === "commit" && (detail & 7) === OK && layout.actorOf(slot) === PRODUCER;
  if (kind !== "read" && !isAppend) return undefined;
  const id = isAppend ? after[DATABASE + SEQ]! : detail;
  const entry = (isAppend ? after : before)[DATABASE + ENTRIES + id - 1]!;
  return { id, records: recordsOf(firstOf(entry), firstOf(entry) + sizeOf(entry)) };
}

function tell(
  layout: StateLayout,
  kind: Step["kind"],
  slot: number,
  detail: number,
  before: Uint8Array,
  after: Uint8Array,
): string {
  const at = layout.sessionAt(slot);
  const copy = (detail & STRAY_COPY) === 0 ? "commit" : "second copy of an answered commit";
  const entry = touchedEntry(layout, kind, slot, detail, before, after);
  const isProducer = layout.actorOf(slot) === PRODUCER;
  switch (kind) {
    case "lag":
      return "the replica stops following";
    case "failover":
      return `failover to the replica, history ${after[HISTORY]}: P ${lost(before, after, DATABASE)}, C ${lost(before, after, DATABASE + META)}`;
    case "attach":
      return `attaches at ${isProducer ? "input position" : "cursor"} ${after[at + HEAP_POSITION]}`;
    case "send":
      return `sends a commit with ${recordsOf(after[at + HEAP_POSITION]!, after[at + NEXT_POSITION]!)}`;
    case "read":
      return `reads entry ${entry?.id} = ${entry?.records}${before[at + NEXT_POSITION] === 0 ? " and sends its commit" : " ahead"}`;
    case "gap":
      return `expected entry ${before[at + HEAP_POSITION]! + 1}, found ${detail}: ${after[ALARM] ? "asks for a restore" : "was replaced, ends"}`;
    case "resend":
      return "the client library sends the commit again";
    case "commit": {
      const effect = entry
        ? `, entry ${entry.id} = ${entry.records}`
        : (detail & 7) === OK
          ? `, cursor ${after[DATABASE + META + POSITION]}`
          : "";
      return `${copy} reaches the server: ${VERDICTS[detail & 7]}${effect}${detail & REPLY_ARRIVES ? "" : " (reply lost)"}`;
    }
    case "lose":
      return `${copy} is lost in the network`;
  }
}

const recordsOf = (first: number, end: number): string =>
  first >= end ? "nothing" : `records ${Array.from({ length: end - first }, (_, i) => first + i).join(",")}`;

function lost(before: Uint8Array, after: Uint8Array, meta: number): string {
  const commits = before[meta + SEQ]! - after[meta + SEQ]!;
  return commits === 0 ? "loses nothing" : `loses ${commits} ${commits === 1 ? "commit" : "commits"}`;
}
