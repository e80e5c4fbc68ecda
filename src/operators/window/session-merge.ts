// Sessions of one key become one: which of them a new one connects, and what is remembered of them together.
import type { MapCells } from "../../state/map-state.ts";
import { belongTogether, cover } from "../../time/sessions.ts";
import type { Window } from "../../time/window.ts";
import type { OpenWindow } from "./open-window.ts";

/** A session of the current key, by the name under which it is open. */
export type NamedSession = readonly [id: number, open: OpenWindow];

/** The open sessions that overlap or touch `opened`, and the window that covers all of them. */
export function connectedSessions(
  windows: MapCells<number, OpenWindow>,
  opened: Window,
): { readonly parts: NamedSession[]; readonly merged: Window } {
  const parts: NamedSession[] = [];
  let merged = opened;
  for (const [id, open] of windows.peekAll()) {
    if (!belongTogether(open, opened)) continue;
    parts.push([id, open]);
    merged = cover(merged, open);
  }
  // Oldest first, so that the result does not depend on the order in which the windows were opened.
  if (parts.length > 1) parts.sort(([, a], [, b]) => a.start - b.start);
  return { parts, merged };
}

/** What is remembered of the parts as one window; the state of its trigger is the trigger's to make. */
export function mergedSession(
  parts: readonly NamedSession[],
  { start, end }: Window,
  hasEnded: boolean,
): OpenWindow {
  let fired = 0;
  let wasOnTime = false;
  for (const [, open] of parts) {
    fired = Math.max(fired, open.fired);
    wasOnTime ||= open.wasOnTime;
  }
  return { start, end, state: undefined, fired, wasOnTime: wasOnTime && hasEnded, newest: undefined };
}
