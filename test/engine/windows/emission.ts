// When windows emit, and what of: triggers, lateness, accumulation. The rules beside the options are plain variables.
import {
  globalWindow,
  type KeyedStream,
  type Stream,
  session,
  sliding,
  type Trigger,
  triggers,
  tumbling,
  type WindowedStream,
} from "../../../src/index.ts";
import { forEver, passes, resultText, sessionResults, spansOf, tell } from "./folds.ts";
import { applied, folded, ruled, type WindowOption } from "./option.ts";
import { HOUR, moments, type Reading } from "./readings.ts";
import {
  around,
  atEnd,
  atMultiples,
  every,
  fiveAndEnd,
  onceAt,
  onceAtEnd,
  secondThenEnd,
  thirdOrEnd,
} from "./rules.ts";

const LATENESS_MS = 9 * HOUR;
const sixHours = spansOf(6 * HOUR, 6 * HOUR);
const overlapping = spansOf(8 * HOUR, 4 * HOUR);

/** One of the user's own: when readings weigh 14 together, two hours into the window, and when it goes. */
const heavy: Trigger<Reading, number> = {
  label: "heavy",
  clocks: ["event"],
  onElement({ weight }, context) {
    const { window, watermark, timers } = context;
    const sum = (context.state ?? 0) + weight;
    const isHeavy = sum >= 14;
    context.state = isHeavy ? undefined : sum;
    if (watermark < window.start + 2 * HOUR) timers.event(window.start + 2 * HOUR);
    return isHeavy ? "fireAndPurge" : "continue";
  },
  onEventTime: (time, { window }) =>
    time === window.start + 2 * HOUR || time === window.end - 1 ? "fire" : "continue",
  clear: ({ window, timers }) => timers.deleteEvent(window.start + 2 * HOUR),
};

/** Results of {@link heavy}, which takes with it what it emits for its weight only. */
function heavyResults(): string[] {
  return tell(moments, sixHours).stories.flatMap(({ key, span, opened, moments: own }) => {
    const [start, end] = span;
    const alarm = start + 2 * HOUR;
    const results: string[] = [];
    let watermark = opened;
    let sum = 0;
    let held: Reading[] = [];
    let armed = false;
    const emit = (timing: string): void => {
      if (held.length === 0) return;
      results.push(resultText(key, span, held, `${timing} ${results.length}`));
    };
    for (const moment of own) {
      if ("reading" in moment) {
        held.push(moment.reading);
        sum += moment.reading.weight;
        armed ||= watermark < alarm;
        if (sum < 14) continue;
        emit("early");
        held = [];
        sum = 0;
      } else {
        if (armed && watermark < alarm && alarm <= moment.watermark) emit("early");
        if (passes(moment.watermark, watermark, end)) emit("onTime");
        watermark = moment.watermark;
      }
    }
    return results;
  });
}

const { afterCount, afterEndOfWindow, afterWatermark, allOf, anyOf, inOrder, repeatedly } = triggers;

type Windows = WindowedStream<string, Reading>;

function option(
  name: string,
  windows: (readings: KeyedStream<string, Reading>) => Windows,
  expected: readonly string[],
  fold: (windows: Windows, name: string) => Stream<string> = folded,
): WindowOption {
  return { name, build: (readings, operator) => fold(windows(readings.byKey), operator), expected };
}

const six = (readings: KeyedStream<string, Reading>): Windows => readings.window(tumbling("6h"));
const lasting = (readings: KeyedStream<string, Reading>): Windows => six(readings).allowedLateness("9h");
const latenessMs = LATENESS_MS;

export const emission: readonly WindowOption[] = [
  option("eventTime()", (r) => six(r).trigger(triggers.eventTime()), ruled(sixHours, atEnd)),
  option('allowedLateness("9h")', lasting, ruled(sixHours, atEnd, { latenessMs })),
  option('allowedLateness("9h"), apply', lasting, ruled(sixHours, atEnd, { latenessMs }), applied),
  option(
    'allowedLateness("9h"), accumulating()',
    (r) => lasting(r).discarding().accumulating(),
    ruled(sixHours, atEnd, { latenessMs }),
  ),
  option(
    'allowedLateness("9h"), discarding()',
    (r) => lasting(r).discarding(),
    ruled(sixHours, atEnd, { latenessMs, discards: true }),
  ),
  option(
    'allowedLateness("9h") of sliding windows, discarding(), apply',
    (r) => r.window(sliding("8h", "4h")).allowedLateness("9h").discarding(),
    ruled(overlapping, atEnd, { latenessMs, discards: true }),
    applied,
  ),
  option(
    'allowedLateness("9h") of sessions',
    (r) => r.window(session("90m")).allowedLateness("9h"),
    sessionResults(moments, () => 1.5 * HOUR, LATENESS_MS),
  ),
  {
    name: "late(), typed as the readings",
    build: (readings, name) => {
      const results = lasting(readings.byKey).aggregate(name, {
        create: () => 0,
        add: (n) => n + 1,
        merge: (a, b) => a + b,
        result: (n) => n,
      });
      return results
        .map(`${name}-results`, ({ key, value }) => `${key} ${value}`)
        .filter(() => false)
        .union(
          results.late().map(`${name}-late`, (reading) => `${reading.key} ${reading.weight} ${reading.id}`),
        );
    },
    expected: tell(moments, sixHours, LATENESS_MS).late.map(
      ({ key, weight, id }) => `${key} ${weight} ${id}`,
    ),
  },
  option("count(2)", (r) => lasting(r).trigger(triggers.count(2)), ruled(sixHours, every(2), { latenessMs })),
  option(
    "purging(count(2)), apply",
    (r) => lasting(r).trigger(triggers.purging(triggers.count(2))),
    ruled(sixHours, every(2), { latenessMs, discards: true }),
    applied,
  ),
  option(
    "count(4) of the global window, discarding()",
    (r) => r.window(globalWindow()).trigger(triggers.count(4)).discarding(),
    ruled(forEver, every(4), { discards: true }).map((text) => text.replace(/\d+$/, "0")),
  ),
  option(
    'continuousEventTime("90m")',
    (r) => lasting(r).trigger(triggers.continuousEventTime("90m")),
    ruled(sixHours, atMultiples(1.5 * HOUR), { latenessMs }),
  ),
  option(
    "afterWatermark({ early, late })",
    (r) => lasting(r).trigger(afterWatermark({ early: afterCount(2), late: afterCount(2) })),
    ruled(sixHours, around(2, 2), { latenessMs }),
  ),
  option(
    "afterWatermark({ early, late }), discarding(), apply",
    (r) =>
      lasting(r)
        .trigger(afterWatermark({ early: afterCount(3), late: afterCount(1) }))
        .discarding(),
    ruled(sixHours, around(3, 1), { latenessMs, discards: true }),
    applied,
  ),
  option(
    "afterWatermark({ early })",
    (r) => lasting(r).trigger(afterWatermark({ early: repeatedly(afterCount(3)) })),
    ruled(sixHours, around(3, undefined), { latenessMs }),
  ),
  option(
    "afterEndOfWindow()",
    (r) => lasting(r).trigger(afterEndOfWindow()),
    ruled(sixHours, onceAtEnd, { latenessMs }),
  ),
  option(
    "afterCount(3)",
    (r) => lasting(r).trigger(afterCount(3)),
    ruled(sixHours, onceAt(3), { latenessMs }),
  ),
  option(
    "repeatedly(anyOf(afterCount(3), afterEndOfWindow()))",
    (r) => lasting(r).trigger(repeatedly(anyOf(afterCount(3), afterEndOfWindow()))),
    ruled(sixHours, thirdOrEnd, { latenessMs }),
  ),
  option(
    "allOf(afterCount(5), afterEndOfWindow())",
    (r) => lasting(r).trigger(allOf(afterCount(5), afterEndOfWindow())),
    ruled(sixHours, fiveAndEnd, { latenessMs }),
  ),
  option(
    "inOrder(afterCount(2), afterEndOfWindow())",
    (r) => lasting(r).trigger(inOrder(afterCount(2), afterEndOfWindow())),
    ruled(sixHours, secondThenEnd, { latenessMs }),
    applied,
  ),
  option("a trigger of one's own", (r) => six(r).trigger(heavy), heavyResults()),
];
