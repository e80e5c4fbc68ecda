// The same options for windows that two streams share. Which stream is ahead within a batch is open, so nothing here
// depends on the order of the two.
import {
  type CoGroupedWindows,
  type Evictor,
  type KeyedStream,
  type LateStream,
  type Stream,
  type Trigger,
  tumbling,
} from "../../../src/index.ts";
import { type Rule, resultsOf, spansOf, tell } from "./folds.ts";
import type { WindowOption } from "./option.ts";
import { HOUR, moments, type Reading } from "./readings.ts";
import { atEnd } from "./rules.ts";

const sixHours = spansOf(6 * HOUR, 6 * HOUR);
const latenessMs = 9 * HOUR;

type Shared = CoGroupedWindows<string, Reading, Reading>;

function isLeft({ weight }: Reading): boolean {
  return weight % 2 === 0;
}

/** Readings of even weight at the left, the others at the right; a result has the ids of both sides. */
function grouped(
  readings: Stream<Reading>,
  name: string,
  windows: (shared: Shared) => Shared,
): LateStream<string, Reading> {
  const side = (wanted: boolean): KeyedStream<string, Reading> =>
    readings
      .filter(`${name}-${wanted ? "left" : "right"}`, (reading) => isLeft(reading) === wanted)
      .keyBy(({ key }) => key);
  return windows(side(true).coGroup(side(false)).window(tumbling("6h"))).apply(
    name,
    (key, { start }, lefts, rights, { pane }) => [sidesText(key, start, lefts, rights, pane.timing)],
  );
}

function sidesText(
  key: string,
  start: number,
  lefts: readonly Reading[],
  rights: readonly Reading[],
  timing: string,
): string {
  const ids = (side: readonly Reading[]): string => side.map(({ id }) => id).join(" ");
  return `${key} ${new Date(start).toISOString()} ${timing}: ${ids(lefts)} | ${ids(rights)}`;
}

function expectedOf(
  rule: Rule,
  contents: Parameters<typeof resultsOf>[2] = {},
  lateness = 0,
): { readonly results: string[]; readonly late: string[] } {
  const { stories, late } = tell(moments, sixHours, lateness);
  const results = stories
    .flatMap((story) => resultsOf(story, rule, contents))
    .map(({ key, span: [start], readings, timing }) => {
      const [lefts, rights] = [readings.filter(isLeft), readings.filter((reading) => !isLeft(reading))];
      return sidesText(key, start, lefts, rights, timing);
    });
  return { results, late: late.map(({ id }) => `late ${id}`) };
}

/** Takes out what weighs least, on either side. */
const light: Evictor<{ readonly record: Reading }> = {
  label: "light ones go",
  select: (records) => (position) => (records[position]?.record.record.weight ?? 0) > 3,
};

const ALARMS_MS = [2 * HOUR, 4 * HOUR];

/** Two and four hours into the window, and when it goes: whichever side was first. */
const alarms: Trigger<unknown> = {
  label: "two alarms",
  clocks: ["event"],
  onElement(_record, { window, watermark, timers }) {
    for (const alarm of ALARMS_MS) if (watermark < window.start + alarm) timers.event(window.start + alarm);
    return "continue";
  },
  onEventTime: () => "fire",
};

const atAlarms: Rule = (story) => {
  const end = atEnd(story);
  return (moment, watermark) => {
    if ("reading" in moment) return end(moment, watermark);
    const passed = ALARMS_MS.map((alarm) => story.span[0] + alarm).filter(
      (alarm) => watermark < alarm && alarm <= moment.watermark,
    );
    return [...passed.map(() => "early" as const), ...end(moment, watermark)];
  };
};

const lasting = expectedOf(atEnd, { discards: true }, latenessMs);

export const sharedWindows: readonly WindowOption[] = [
  {
    name: 'coGroup, allowedLateness("9h"), discarding(), late()',
    build: ({ all }, name) => {
      const results = grouped(all, name, (shared) => shared.allowedLateness("9h").discarding());
      return results.union(results.late().map(`${name}-late`, ({ id }) => `late ${id}`));
    },
    expected: [...lasting.results, ...lasting.late],
  },
  {
    name: "coGroup, trigger(...), accumulating()",
    build: ({ all }, name) =>
      grouped(all, name, (shared) => shared.trigger(alarms).discarding().accumulating()),
    expected: expectedOf(atAlarms).results,
  },
  {
    name: "coGroup, evict(...)",
    build: ({ all }, name) => grouped(all, name, (shared) => shared.evict(light)),
    expected: expectedOf(atEnd, { keep: (readings) => readings.filter(({ weight }) => weight > 3) }).results,
  },
];
