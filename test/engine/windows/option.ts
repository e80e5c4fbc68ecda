// WindowOption — one way of saying which windows there are and when they emit, with what it must give.
import type { Aggregate, KeyedStream, Stream, WindowedStream, WindowResult } from "../../../src/index.ts";
import { type Contents, type Rule, resultsOf, resultText, type Span, tell } from "./folds.ts";
import { type Moment, moments, type Reading } from "./readings.ts";

export interface Input {
  readonly all: Stream<Reading>;
  readonly byKey: KeyedStream<string, Reading>;
}

export interface WindowOption {
  /** As a user would write it; also names the operator. */
  readonly name: string;
  /** Adds the operator under a name. The results are texts, as a rule those of {@link resultText}. */
  readonly build: (readings: Input, name: string) => Stream<string>;
  readonly expected: readonly string[];
}

/** Folds to the readings themselves, changing the accumulator in place as user code may do. */
export const readingsOf: Aggregate<Reading, Reading[], Reading[]> = {
  create: () => [],
  add(accumulator, reading) {
    accumulator.push(reading);
    return accumulator;
  },
  merge(a, b) {
    a.push(...b);
    return a;
  },
  result: (accumulator) => accumulator,
};

type Windows = WindowedStream<string, Reading>;

/** The texts of the results of a fold, and that their event time is the last moment of their window. */
export function folded(windows: Windows, name: string): Stream<string> {
  return shown(windows.aggregate(name, readingsOf), name);
}

export function shown(
  results: Stream<WindowResult<string, readonly Reading[]>>,
  name: string,
): Stream<string> {
  return results.map(`${name}-text`, ({ key, value, window, pane }, { timestamp }) => {
    const text = resultText(
      key,
      [window.start, window.end],
      value,
      pane ? `${pane.timing} ${pane.index}` : "",
    );
    const isTimed = !Number.isFinite(window.end) || timestamp === window.end - 1;
    return isTimed ? text : `${text} at ${timestamp}`;
  });
}

/** The same with the function that gets whole windows; also shows the order of arrival when it is not that of the ids. */
export function applied(windows: Windows, name: string): Stream<string> {
  return windows.apply(name, (key, { start, end }, readings, { pane }) => {
    const isInOrder = readings.every(({ id }, i) => i === 0 || id > (readings[i - 1] as Reading).id);
    const text = resultText(key, [start, end], readings, `${pane.timing} ${pane.index}`);
    return [isInOrder ? text : `${text} out of order`];
  });
}

/** Results of one kind of windows under a rule. */
export function ruled(
  spans: (reading: Reading) => readonly Span[],
  rule: Rule,
  contents: Contents & { readonly latenessMs?: number; readonly moments?: readonly Moment[] } = {},
): string[] {
  const { stories } = tell(contents.moments ?? moments, spans, contents.latenessMs);
  return stories
    .flatMap((story) => resultsOf(story, rule, contents))
    .map(({ key, span, readings, timing, index }) => resultText(key, span, readings, `${timing} ${index}`));
}

/** What windows give that emit only once, and so say nothing about it. */
export function once(results: readonly string[]): string[] {
  return results.map((result) => result.replace(/ onTime 0$/, ""));
}
