// Windows and triggers in processing time. What they give is known where a test moves the clock.
import { cumulative, globalWindow, session, sliding, triggers, tumbling } from "../../../src/index.ts";
import { forEver, type Rule, type Span, sessionResults, spansOf } from "./folds.ts";
import { applied, folded, once, ruled, type WindowOption } from "./option.ts";
import { HOUR, MINUTE, momentsOnClock as moments, type Reading } from "./readings.ts";
import { atEnd, every } from "./rules.ts";

const oneHour = spansOf(HOUR, HOUR);

function halfHoursSoFar({ at }: Reading): Span[] {
  const start = Math.floor(at / HOUR) * HOUR;
  return [start + HOUR / 2, start + HOUR].filter((end) => at < end).map((end): Span => [start, end]);
}

/**
 * At a time on the clock that the first reading since the last result sets. Time that does not pass, because the input
 * ends before, is not waited for.
 */
const alarmAt =
  (dueOf: (reading: Reading) => number): Rule =>
  () => {
    let dueMs: number | undefined;
    return (moment) => {
      if ("reading" in moment) dueMs ??= dueOf(moment.reading);
      else if (dueMs !== undefined && dueMs <= moment.watermark + 1 && Number.isFinite(moment.watermark)) {
        dueMs = undefined;
        return ["early"];
      }
      return [];
    };
  };

const multiple = (intervalMs: number): Rule =>
  alarmAt(({ at }) => (Math.floor(at / intervalMs) + 1) * intervalMs);

/** The global window begins to count its results anew when nothing is left of it. */
function countedAnew(results: readonly string[]): string[] {
  return results.map((result) => result.replace(/\d+$/, "0"));
}

const { afterProcessingTime, repeatedly } = triggers;

export const onTheClock: readonly WindowOption[] = [
  {
    name: 'tumbling("1h").processingTime()',
    build: ({ byKey }, name) => folded(byKey.window(tumbling("1h").processingTime()), name),
    expected: once(ruled(oneHour, atEnd, { moments })),
  },
  {
    name: 'tumbling("1h", { time: "processing" }), apply',
    build: ({ byKey }, name) => applied(byKey.window(tumbling("1h", { time: "processing" })), name),
    expected: ruled(oneHour, atEnd, { moments }),
  },
  {
    name: 'sliding("2h", "1h").processingTime()',
    build: ({ byKey }, name) => folded(byKey.window(sliding("2h", "1h").processingTime()), name),
    expected: once(ruled(spansOf(2 * HOUR, HOUR), atEnd, { moments })),
  },
  {
    name: 'cumulative("1h", "30m").processingTime()',
    build: ({ byKey }, name) => folded(byKey.window(cumulative("1h", "30m").processingTime()), name),
    expected: once(ruled(halfHoursSoFar, atEnd, { moments })),
  },
  {
    name: 'session("45m").processingTime()',
    build: ({ byKey }, name) => folded(byKey.window(session("45m").processingTime()), name),
    expected: sessionResults(moments, () => 45 * MINUTE),
  },
  {
    name: "session((reading) => reading.gapMs).processingTime(), apply",
    build: ({ byKey }, name) =>
      applied(byKey.window(session((reading: Reading) => reading.gapMs).processingTime()), name),
    expected: sessionResults(moments, ({ gapMs }) => gapMs),
  },
  {
    name: "processingTime()",
    build: ({ byKey }, name) =>
      folded(byKey.window(tumbling("1h").processingTime()).trigger(triggers.processingTime()), name),
    expected: ruled(oneHour, atEnd, { moments }),
  },
  {
    name: "purging(count(2)) in windows on the clock",
    build: ({ byKey }, name) =>
      folded(
        byKey.window(tumbling("1h").processingTime()).trigger(triggers.purging(triggers.count(2))),
        name,
      ),
    expected: ruled(oneHour, every(2), { moments, discards: true }),
  },
  {
    name: 'continuousProcessingTime("20m") of the global window, discarding()',
    build: ({ byKey }, name) =>
      folded(
        byKey.window(globalWindow()).trigger(triggers.continuousProcessingTime("20m")).discarding(),
        name,
      ),
    expected: countedAnew(ruled(forEver, multiple(20 * MINUTE), { moments, discards: true })),
  },
  {
    name: 'repeatedly(afterProcessingTime("25m")) of the global window, discarding(), apply',
    build: ({ byKey }, name) =>
      applied(
        byKey
          .window(globalWindow())
          .trigger(repeatedly(afterProcessingTime("25m")))
          .discarding(),
        name,
      ),
    expected: countedAnew(
      ruled(
        forEver,
        alarmAt(({ at }) => at + 25 * MINUTE),
        { moments, discards: true },
      ),
    ),
  },
];
