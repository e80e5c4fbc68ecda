// Windows as plain lists: what each window of each key lives through, and which results come of that. Knows nothing of
// operators and triggers.
import { groupBy } from "../engine.ts";
import { HOUR, type Moment, type Reading } from "./readings.ts";

/** `[start, end)` in epoch ms. */
export type Span = readonly [start: number, end: number];

/** One window of one key: all that happens between its first reading and its going. */
export interface Story {
  readonly key: string;
  readonly span: Span;
  /** The watermark that stood when it opened. */
  readonly opened: number;
  readonly moments: Moment[];
}

/** Those of a size whose starts are `slide` apart. */
export function spansOf(size: number, slide: number, offset = 0): (reading: Reading) => Span[] {
  return ({ at }) => {
    const spans: Span[] = [];
    for (let start = Math.floor((at - offset) / slide) * slide + offset; start > at - size; start -= slide)
      spans.push([start, start + size]);
    return spans;
  };
}

export const forEver = (): Span[] => [[Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]];

export function tell(
  moments: readonly Moment[],
  spansOfReading: (reading: Reading) => readonly Span[],
  latenessMs = 0,
): { stories: Story[]; late: Reading[] } {
  const stories: Story[] = [];
  const late: Reading[] = [];
  let watermark = Number.NEGATIVE_INFINITY;
  const isGone = ([, end]: Span): boolean => end - 1 + latenessMs <= watermark;
  let open: Story[] = [];
  for (const moment of moments) {
    if ("watermark" in moment) {
      for (const story of open) story.moments.push(moment);
      watermark = moment.watermark;
      open = open.filter(({ span }) => !isGone(span));
      continue;
    }
    const { reading } = moment;
    const spans = spansOfReading(reading).filter((span) => !isGone(span));
    if (spans.length === 0) late.push(reading);
    for (const span of spans) {
      let story = open.find(({ key, span: [, end] }) => key === reading.key && end === span[1]);
      if (story === undefined) {
        story = { key: reading.key, span, opened: watermark, moments: [] };
        open.push(story);
        stories.push(story);
      }
      story.moments.push(moment);
    }
  }
  return { stories, late };
}

/** One result: before the window was complete, or afterwards. */
export type Firing = "early" | "complete";

/** How often the window of a story emits at the next moment; `watermark` stood before it. */
export type Rule = (story: Story) => (moment: Moment, watermark: number) => readonly Firing[];

export function passes(to: number, from: number, end: number): boolean {
  return from < end - 1 && end - 1 <= to;
}

export interface Contents {
  /** A result takes its readings with it. */
  readonly discards?: boolean;
  /** Which ones stay when the window fires. */
  readonly keep?: ((readings: readonly Reading[]) => readonly Reading[]) | undefined;
  /** Whether the result shows what is taken out. Default `before`: it does not. */
  readonly when?: "before" | "after";
}

export interface Result {
  readonly key: string;
  readonly span: Span;
  /** In the order of arrival. */
  readonly readings: readonly Reading[];
  readonly timing: "early" | "onTime" | "late";
  readonly index: number;
}

/** What the window of a story emits. */
export function resultsOf(story: Story, rule: Rule, contents: Contents = {}): Result[] {
  const { discards = false, keep = (readings) => readings, when = "before" } = contents;
  const next = rule(story);
  let readings: readonly Reading[] = [];
  let watermark = story.opened;
  let wasComplete = false;
  const results: Result[] = [];
  for (const moment of story.moments) {
    if ("reading" in moment) readings = [...readings, moment.reading];
    for (const firing of next(moment, watermark)) {
      if (when === "before") readings = keep(readings);
      if (readings.length > 0) {
        const timing = firing === "early" ? "early" : wasComplete ? "late" : "onTime";
        results.push({ key: story.key, span: story.span, readings, timing, index: results.length });
        wasComplete ||= firing === "complete";
      }
      if (when === "after") readings = keep(readings);
      if (discards) readings = [];
    }
    if ("watermark" in moment) watermark = moment.watermark;
  }
  return results;
}

/** Sessions by their definition: readings of a key that are at most their gap apart, as long as the session is open. */
export function sessionResults(
  moments: readonly Moment[],
  gapOf: (reading: Reading) => number,
  latenessMs = 0,
  keep: (readings: readonly Reading[]) => readonly Reading[] = (readings) => readings,
): string[] {
  interface Session {
    readonly key: string;
    span: Span;
    readings: Reading[];
    results: number;
    wasComplete: boolean;
  }
  let open: Session[] = [];
  let watermark = Number.NEGATIVE_INFINITY;
  const results: string[] = [];
  const emit = (session: Session): void => {
    session.readings = [...keep(session.readings)];
    if (session.readings.length === 0) return;
    const pane = `${session.wasComplete ? "late" : "onTime"} ${session.results++}`;
    results.push(resultText(session.key, session.span, session.readings, pane));
    session.wasComplete = true;
  };
  for (const moment of moments) {
    if ("watermark" in moment) {
      const before = watermark;
      watermark = moment.watermark;
      for (const session of open) if (passes(watermark, before, session.span[1])) emit(session);
      open = open.filter(({ span: [, end] }) => end - 1 + latenessMs > watermark);
      continue;
    }
    const { reading } = moment;
    const own: Span = [reading.at, reading.at + gapOf(reading)];
    const met = open.filter(
      ({ key, span: [start, end] }) => key === reading.key && start <= own[1] && own[0] <= end,
    );
    if (met.length === 0 && own[1] - 1 + latenessMs <= watermark) continue;
    const span: Span = [
      Math.min(own[0], ...met.map(({ span: [start] }) => start)),
      Math.max(own[1], ...met.map(({ span: [, end] }) => end)),
    ];
    const isComplete = span[1] - 1 <= watermark;
    const session: Session = {
      key: reading.key,
      span,
      readings: [...met.flatMap(({ readings }) => readings), reading],
      results: Math.max(0, ...met.map((each) => each.results)),
      wasComplete: isComplete && met.some((each) => each.wasComplete),
    };
    open = [...open.filter((each) => !met.includes(each)), session];
    if (isComplete) emit(session);
  }
  return results;
}

/** Every `every`-th reading of a key with the last `size`. */
export function countResults(moments: readonly Moment[], size: number, every: number): string[] {
  const readings = moments.flatMap((moment) => ("reading" in moment ? [moment.reading] : []));
  return [...groupBy(readings, ({ key }) => key)].flatMap(([key, own]) =>
    own.flatMap((_, i) =>
      (i + 1) % every === 0
        ? [resultText(key, forEver()[0] as Span, own.slice(Math.max(0, i + 1 - size), i + 1), "")]
        : [],
    ),
  );
}

/** `k0 [2025-03-28T20:00,+6h) 1 4 7 onTime 0`; the readings in the order of their numbers. */
export function resultText(
  key: string,
  [start, end]: Span,
  readings: readonly Pick<Reading, "id">[],
  pane: string,
): string {
  const span = Number.isFinite(end)
    ? `[${new Date(start).toISOString().slice(0, 16)},+${(end - start) / HOUR}h)`
    : "for ever";
  const ids = readings.map(({ id }) => id).sort((a, b) => a - b);
  return `${key} ${span} ${ids.join(" ")} ${pane}`.trimEnd();
}
