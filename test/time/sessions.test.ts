import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidDurationError } from "../../src/time/duration.ts";
import { belongTogether, cover, session } from "../../src/time/sessions.ts";
import type { Window } from "../../src/time/window.ts";

const windows = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 8 }))
    .map(([start, length]) => ({ start, end: start + length })),
  { minLength: 1, maxLength: 12 },
);

/** Adds one window after the other to disjoint ones. */
function mergeAll(all: readonly Window[]): Window[] {
  let open: Window[] = [];
  for (const added of all) {
    const parts = open.filter((window) => belongTogether(window, added));
    open = open.filter((window) => !parts.includes(window));
    open.push(parts.reduce(cover, added));
  }
  return open.sort((a, b) => a.start - b.start);
}

describe("sessions", () => {
  test("W8 any order and any grouping of merges leaves the same windows, which cover what their parts covered", () => {
    fc.assert(
      fc.property(windows, fc.infiniteStream(fc.nat()), fc.nat(), (all, random, cut) => {
        const shuffled = all
          .map((window) => ({ window, by: random.next().value }))
          .sort((a, b) => a.by - b.by)
          .map(({ window }) => window);
        const expected = mergeAll(all);
        expect(mergeAll(shuffled)).toEqual(expected);
        const at = cut % all.length;
        expect(mergeAll([...mergeAll(all.slice(0, at)), ...mergeAll(all.slice(at))])).toEqual(expected);
        for (let time = -1; time < 70; time++) {
          const isIn = ({ start, end }: Window): boolean => start <= time && time < end;
          expect(expected.filter(isIn).length).toBe(all.some(isIn) ? 1 : 0);
        }
        for (let i = 1; i < expected.length; i++)
          expect(belongTogether(expected[i - 1] as Window, expected[i] as Window)).toBe(false);
      }),
    );
  });

  test("records that are exactly a gap apart are in one session, a millisecond more and they are in two", () => {
    const opened = (timestamp: number): Window => ({ start: timestamp, end: timestamp + 10 });
    expect(belongTogether(opened(0), opened(10))).toBe(true);
    expect(belongTogether(opened(0), opened(11))).toBe(false);
  });

  test("a gap is longer than zero, also when each record has its own", () => {
    expect(() => session(0)).toThrow(InvalidDurationError);
    expect(() => session(() => 0).gapOf(undefined as never)).toThrow(InvalidDurationError);
    expect(session((record: { gap: "5s" }) => record.gap).gapOf({ gap: "5s" })).toBe(5_000);
    expect(session("1m").processingTime()).toMatchObject({
      kind: "session",
      time: "processing",
      gapMs: 60_000,
    });
  });
});
