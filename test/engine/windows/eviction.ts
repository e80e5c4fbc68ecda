// What is taken out of full windows when they fire: every evictor, before and after the function.
import { type Evictor, evictors, globalWindow, session, triggers, tumbling } from "../../../src/index.ts";
import { forEver, sessionResults, spansOf } from "./folds.ts";
import { applied, ruled, type WindowOption } from "./option.ts";
import { HOUR, moments, type Reading } from "./readings.ts";
import { atEnd, every } from "./rules.ts";

type Keep = (readings: readonly Reading[]) => readonly Reading[];

const sixHours = spansOf(6 * HOUR, 6 * HOUR);
const latenessMs = 9 * HOUR;

const lastTwo: Keep = (readings) => readings.slice(-2);
const lastHour: Keep = (readings) => {
  const newest = Math.max(...readings.map(({ at }) => at));
  return readings.filter(({ at }) => at > newest - HOUR);
};
const alike: Keep = (readings) =>
  readings.filter(({ weight }) => Math.abs(weight - (readings.at(-1)?.weight ?? 0)) < 3);
const odd: Keep = (readings) => readings.filter(({ weight }) => weight % 2 === 1);

const difference = (one: Reading, last: Reading): number => Math.abs(one.weight - last.weight);

/** One of the user's own. */
const oddOnes: Evictor<Reading> = {
  label: "odd ones stay",
  select: (records) => (position) => (records[position]?.record.weight ?? 0) % 2 === 1,
};

const ready: readonly [string, Evictor<Reading>, Keep, ("before" | "after")?][] = [
  ["evictors.count(2)", evictors.count(2), lastTwo],
  ['evictors.count(2, { when: "after" })', evictors.count(2, { when: "after" }), lastTwo, "after"],
  ['evictors.time("1h")', evictors.time("1h"), lastHour],
  ['evictors.time("1h", { when: "after" })', evictors.time("1h", { when: "after" }), lastHour, "after"],
  ["evictors.delta(3, fn)", evictors.delta(3, difference), alike],
  [
    'evictors.delta(3, fn, { when: "after" })',
    evictors.delta(3, difference, { when: "after" }),
    alike,
    "after",
  ],
  ["an evictor of one's own", oddOnes, odd],
  ["an evictor of one's own, after", { ...oddOnes, when: "after" }, odd, "after"],
];

export const eviction: readonly WindowOption[] = [
  ...ready.map(
    ([name, evictor, keep, when = "before"]): WindowOption => ({
      name,
      build: (readings, operator) =>
        applied(readings.byKey.window(tumbling("6h")).evict(evictor).allowedLateness("9h"), operator),
      expected: ruled(sixHours, atEnd, { latenessMs, keep, when }),
    }),
  ),
  {
    name: "evictors.count(2) of the global window, every third reading",
    build: (readings, name) =>
      applied(
        readings.byKey.window(globalWindow()).trigger(triggers.count(3)).evict(evictors.count(2)),
        name,
      ),
    expected: ruled(forEver, every(3), { keep: lastTwo }),
  },
  {
    name: "an evictor of sessions that takes out nothing but what is even",
    build: (readings, name) => applied(readings.byKey.window(session("2h")).evict(oddOnes), name),
    expected: sessionResults(moments, () => 2 * HOUR, 0, odd),
  },
];
