// OpenWindow — what the general window operator remembers of one window of one key, besides what the window holds.
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import type { Window } from "../../time/window.ts";

/** Never changed in place: storage may hold the same object. */
export interface OpenWindow extends Window {
  /** Of the trigger. */
  readonly state: unknown;
  /** Results so far. */
  readonly fired: number;
  /** A result at or after the end was emitted. */
  readonly wasOnTime: boolean;
  /** Newest event time among its records; undefined for none. Kept for windows without an end only. */
  readonly newest: number | undefined;
}

export function openWindow({ start, end }: Window): OpenWindow {
  return { start, end, state: undefined, fired: 0, wasOnTime: false, newest: undefined };
}

/** As an array: field names would be most of the bytes. */
export const openWindowCodec: Codec<OpenWindow> = {
  name: "open-window",
  version: 1,
  encode: ({ start, end, fired, wasOnTime, newest, state }) =>
    msgpackCodec.encode([
      start,
      end,
      fired,
      wasOnTime,
      newest ?? null,
      ...(state === undefined ? [] : [state]),
    ]),
  decode(bytes) {
    const [start, end, fired, wasOnTime, newest, state] = msgpackCodec.decode(bytes) as [
      number,
      number,
      number,
      boolean,
      number | null,
      unknown,
    ];
    return { start, end, state, fired, wasOnTime, newest: newest ?? undefined };
  },
};
