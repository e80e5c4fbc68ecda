// Which windows a reading is in: every assigner and its options, each with every way to fold.
import {
  countWindow,
  cumulative,
  globalWindow,
  session,
  sliding,
  triggers,
  tumbling,
} from "../../../src/index.ts";
import { countResults, forEver, resultText, type Span, sessionResults, spansOf, tell } from "./folds.ts";
import { applied, folded, once, ruled, type WindowOption } from "./option.ts";
import { HOUR, moments, type Reading } from "./readings.ts";
import { atEnd, every } from "./rules.ts";

/** The midnights of Berlin in these days, as its wall clocks have them: the day from the third to the fourth has 23 hours. */
const MIDNIGHTS = [
  "2025-03-26T23:00Z",
  "2025-03-27T23:00Z",
  "2025-03-28T23:00Z",
  "2025-03-29T23:00Z",
  "2025-03-30T22:00Z",
  "2025-03-31T22:00Z",
  "2025-04-01T22:00Z",
  "2025-04-02T22:00Z",
].map((text) => Date.parse(text));

function dayInBerlin({ at }: Reading): Span[] {
  const day = MIDNIGHTS.findLastIndex((midnight) => midnight <= at);
  return [[MIDNIGHTS[day] as number, MIDNIGHTS[day + 1] as number]];
}

/** The day so far, every six hours. */
function quartersSoFar({ at }: Reading): Span[] {
  const start = Math.floor(at / (24 * HOUR)) * 24 * HOUR;
  return [6, 12, 18, 24].map((hours): Span => [start, start + hours * HOUR]).filter(([, end]) => at < end);
}

const inSixHours = spansOf(6 * HOUR, 6 * HOUR);

const heaviest = tell(moments, inSixHours).stories.map(({ key, span: [start], moments: own }) => {
  const weights = own.flatMap((moment) => ("reading" in moment ? [moment.reading.weight] : []));
  return `${key} ${start} ${Math.max(...weights)}`;
});

export const assigners: readonly WindowOption[] = [
  {
    name: 'tumbling("6h")',
    build: (readings, name) => folded(readings.byKey.window(tumbling("6h")), name),
    expected: once(ruled(inSixHours, atEnd)),
  },
  {
    name: 'tumbling("6h"), reduce',
    build: (readings, name) =>
      readings.byKey
        .window(tumbling("6h"))
        .reduce(name, (a, b) => (a.weight >= b.weight ? a : b))
        .map(`${name}-weight`, ({ key, window, value }) => `${key} ${window.start} ${value.weight}`),
    expected: heaviest,
  },
  {
    name: 'tumbling("6h"), apply',
    build: (readings, name) => applied(readings.byKey.window(tumbling("6h")), name),
    expected: ruled(inSixHours, atEnd),
  },
  {
    name: 'tumbling("6h", { offset: "-2h" })',
    build: (readings, name) => folded(readings.byKey.window(tumbling("6h", { offset: "-2h" })), name),
    expected: once(ruled(spansOf(6 * HOUR, 6 * HOUR, -2 * HOUR), atEnd)),
  },
  {
    name: 'sliding("7h", "3h")',
    build: (readings, name) => folded(readings.byKey.window(sliding("7h", "3h")), name),
    expected: once(ruled(spansOf(7 * HOUR, 3 * HOUR), atEnd)),
  },
  {
    name: 'sliding("7h", "3h"), apply',
    build: (readings, name) => applied(readings.byKey.window(sliding("7h", "3h")), name),
    expected: ruled(spansOf(7 * HOUR, 3 * HOUR), atEnd),
  },
  {
    name: 'cumulative("1d", "6h")',
    build: (readings, name) => folded(readings.byKey.window(cumulative("1d", "6h")), name),
    expected: once(ruled(quartersSoFar, atEnd)),
  },
  {
    name: 'tumbling("1d", { timeZone: "Europe/Berlin" })',
    build: (readings, name) =>
      folded(readings.byKey.window(tumbling("1d", { timeZone: "Europe/Berlin" })), name),
    expected: once(ruled(dayInBerlin, atEnd)),
  },
  {
    name: 'sliding("2d", "1d", { timeZone: "Europe/Berlin" })',
    build: (readings, name) =>
      folded(readings.byKey.window(sliding("2d", "1d", { timeZone: "Europe/Berlin" })), name),
    expected: once(
      ruled((reading) => {
        const [[start, end]] = dayInBerlin(reading) as [Span];
        const at = MIDNIGHTS.indexOf(start);
        return [
          [MIDNIGHTS[at - 1] as number, end],
          [start, MIDNIGHTS[at + 2] as number],
        ];
      }, atEnd),
    ),
  },
  {
    name: 'session("2h")',
    build: (readings, name) => folded(readings.byKey.window(session("2h")), name),
    expected: sessionResults(moments, () => 2 * HOUR),
  },
  {
    name: "session((reading) => reading.gapMs)",
    build: (readings, name) =>
      folded(readings.byKey.window(session((reading: Reading) => reading.gapMs)), name),
    expected: sessionResults(moments, ({ gapMs }) => gapMs),
  },
  {
    name: "session((reading) => reading.gapMs), apply",
    build: (readings, name) =>
      applied(readings.byKey.window(session((reading: Reading) => reading.gapMs)), name),
    expected: sessionResults(moments, ({ gapMs }) => gapMs),
  },
  {
    name: "countWindow(4)",
    build: (readings, name) => folded(readings.byKey.window(countWindow(4)), name),
    expected: countResults(moments, 4, 4),
  },
  {
    name: "countWindow(5, 2)",
    build: (readings, name) => folded(readings.byKey.window(countWindow(5, 2)), name),
    expected: countResults(moments, 5, 2),
  },
  {
    name: "countWindow(2, 3), apply",
    build: (readings, name) =>
      readings.byKey
        .window(countWindow(2, 3))
        .apply(name, (key, { start, end }, own) => [resultText(key, [start, end], own, "")]),
    expected: countResults(moments, 2, 3),
  },
  {
    name: "globalWindow(), trigger(count(3))",
    build: (readings, name) => folded(readings.byKey.window(globalWindow()).trigger(triggers.count(3)), name),
    expected: ruled(forEver, every(3)),
  },
  {
    name: "globalWindow(), trigger(eventTime()), apply",
    build: (readings, name) =>
      applied(readings.byKey.window(globalWindow()).trigger(triggers.eventTime()), name),
    expected: ruled(forEver, atEnd),
  },
];
