// Which windows records are in, as Apache Flink's tests of its assigners have it.
// Source: apache/flink, streaming runtime, operators/windowing: TumblingEventTimeWindowsTest, SlidingEventTimeWindowsTest,
// EventTimeSessionWindowsTest, DynamicEventTimeSessionWindowsTest.
import { describe, expect, test } from "vitest";
import { belongTogether, cover, session } from "../../src/time/sessions.ts";
import type { Window } from "../../src/time/window.ts";
import { type AlignedAssigner, sliding, tumbling, windowsOf } from "../../src/time/windows.ts";

interface Assignment {
  readonly name: string;
  readonly assigner: AlignedAssigner;
  readonly timestamp: number;
  /** Start of the first window and of the last one. */
  readonly starts: readonly [number, number];
}

const tumblings: Assignment[] = [
  ...[
    [0, 0],
    [4999, 0],
    [5000, 5000],
  ].map(([timestamp, start]) => at("no offset", tumbling(5000), timestamp, start)),
  ...[
    [100, 100],
    [5099, 100],
    [5100, 5100],
  ].map(([timestamp, start]) => at("offset 100", tumbling(5000, { offset: 100 }), timestamp, start)),
  ...[
    [0, -100],
    [4899, -100],
    [4900, 4900],
  ].map(([timestamp, start]) => at("offset -100", tumbling(5000, { offset: -100 }), timestamp, start)),
  ...[
    [1000, 1000],
    [5999, 1000],
    [6000, 6000],
  ].map(([timestamp, start]) => at("in seconds", tumbling("5s", { offset: "1s" }), timestamp, start)),
];

const slidings: Assignment[] = [
  ...[
    [0, -4000, 0],
    [4999, 0, 4000],
    [5000, 1000, 5000],
  ].map(([timestamp, first, last]) => at("no offset", sliding(5000, 1000), timestamp, first, last)),
  ...[
    [100, -3900, 100],
    [5099, 100, 4100],
    [5100, 1100, 5100],
  ].map(([timestamp, first, last]) =>
    at("offset 100", sliding(5000, 1000, { offset: 100 }), timestamp, first, last),
  ),
  ...[
    [0, -4100, -100],
    [4899, -100, 3900],
    [4900, 900, 4900],
  ].map(([timestamp, first, last]) =>
    at("offset -100", sliding(5000, 1000, { offset: -100 }), timestamp, first, last),
  ),
  ...[
    [100, -4500, -500],
    [5499, 500, 4500],
    [5100, 500, 4500],
  ].map(([timestamp, first, last]) =>
    at("in seconds", sliding("5s", "1s", { offset: 500 }), timestamp, first, last),
  ),
];

function at(
  name: string,
  assigner: AlignedAssigner,
  timestamp = Number.NaN,
  first = Number.NaN,
  last = first,
): Assignment {
  return { name, assigner, timestamp, starts: [first, last] };
}

describe("Flink's tests of assigners", () => {
  test.each([...tumblings, ...slidings])(
    "$assigner.kind, $name: $timestamp",
    ({ assigner, timestamp, starts }) => {
      const expected: Window[] = [];
      for (let start = starts[0]; start <= starts[1]; start += assigner.slideMs)
        expected.push({ start, end: start + assigner.sizeMs });
      expect(windowsOf(assigner, timestamp)).toEqual(expected);
    },
  );

  test("sessions begin with their record and last for the gap, also one of the record", () => {
    expect(session(5000).gapOf(undefined as never)).toBe(5000);
    const gaps: Record<string, number> = {
      gap5000: 5000,
      gap4000: 4000,
      gap9000: 9000,
      none: 0,
      negative: -1,
    };
    const { gapOf } = session((record: string) => gaps[record] as number);
    expect(["gap5000", "gap4000", "gap9000"].map(gapOf)).toEqual([5000, 4000, 9000]);
    for (const refused of ["none", "negative"]) expect(() => gapOf(refused)).toThrow("longer than zero");
  });

  test("windows merge when they touch or overlap, consecutive ones and ones inside others", () => {
    const merged = (windows: readonly (readonly [number, number])[]): Window[] => {
      const sessions: Window[] = [];
      for (const [start, end] of windows) {
        let all: Window = { start, end };
        for (let i = sessions.length - 1; i >= 0; i--)
          if (belongTogether(sessions[i] as Window, all))
            all = cover(all, sessions.splice(i, 1)[0] as Window);
        sessions.push(all);
      }
      return sessions;
    };
    expect(merged([[0, 1]])).toEqual([{ start: 0, end: 1 }]);
    expect(
      merged([
        [0, 1],
        [1, 2],
        [2, 3],
        [4, 5],
        [5, 6],
      ]),
    ).toEqual([
      { start: 0, end: 3 },
      { start: 4, end: 6 },
    ]);
    expect(
      merged([
        [1, 1],
        [0, 2],
        [4, 7],
        [5, 6],
      ]),
    ).toEqual([
      { start: 0, end: 2 },
      { start: 4, end: 7 },
    ]);
  });
});
