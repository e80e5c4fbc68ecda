// When a window emits, by rules over plain variables: each says for one window how often it does so at each moment.
import { type Firing, passes, type Rule } from "./folds.ts";
import type { Moment } from "./readings.ts";

/** When the watermark comes to the end of the window; and at each reading that comes later. */
export const atEnd: Rule =
  ({ span: [, end] }) =>
  (moment, watermark) =>
    ("watermark" in moment ? passes(moment.watermark, watermark, end) : watermark >= end - 1)
      ? ["complete"]
      : [];

/** The watermark that stands behind a moment. */
function after(moment: Moment, watermark: number): number {
  return "watermark" in moment ? moment.watermark : watermark;
}

export const every =
  (count: number): Rule =>
  ({ span: [, end] }) => {
    let seen = 0;
    return (moment, watermark) => {
      if ("watermark" in moment || ++seen % count !== 0) return [];
      return [watermark >= end - 1 ? "complete" : "early"];
    };
  };

/** Every `early` readings; at the end; then every `late` readings, or never. */
export const around =
  (early: number, late: number | undefined): Rule =>
  ({ span: [, end] }) => {
    let seen = 0;
    let ended = false;
    return (moment, watermark) => {
      if (after(moment, watermark) < end - 1) {
        if ("watermark" in moment || ++seen % early !== 0) return [];
        return ["early"];
      }
      if (!ended) {
        ended = true;
        seen = 0;
        return ["complete"];
      }
      return late !== undefined && "reading" in moment && ++seen % late === 0 ? ["complete"] : [];
    };
  };

/** Every third reading, or at the end with what came since the last result; afterwards every reading. */
export const thirdOrEnd: Rule = ({ span: [, end] }) => {
  let seen = 0;
  return (moment, watermark) => {
    if ("reading" in moment) seen++;
    const ended = after(moment, watermark) >= end - 1;
    if (seen === 0 || (!ended && seen < 3)) return [];
    seen = 0;
    return [ended ? "complete" : "early"];
  };
};

/** Once: when there have been five and the window is complete. */
export const fiveAndEnd: Rule = ({ span: [, end] }) => {
  let seen = 0;
  let over = false;
  return (moment, watermark) => {
    if ("reading" in moment) seen++;
    if (over || seen < 5 || after(moment, watermark) < end - 1) return [];
    over = true;
    return ["complete"];
  };
};

/** Once the second reading, then once the end; if that has been already, the reading that follows. */
export const secondThenEnd: Rule = ({ span: [, end] }) => {
  let seen = 0;
  let results = 0;
  return (moment, watermark) => {
    const ended = after(moment, watermark) >= end - 1;
    if ("reading" in moment) seen++;
    if (results === 0 && "reading" in moment && seen === 2) {
      results = 1;
      return [ended ? "complete" : "early"];
    }
    const comesToEnd = "watermark" in moment && passes(moment.watermark, watermark, end);
    if (results !== 1 || !ended || !(comesToEnd || "reading" in moment)) return [];
    results = 2;
    return ["complete"];
  };
};

/** Only the `count`-th reading. */
export const onceAt =
  (count: number): Rule =>
  ({ span: [, end] }) => {
    let seen = 0;
    return (moment, watermark) =>
      "reading" in moment && ++seen === count ? [watermark >= end - 1 ? "complete" : "early"] : [];
  };

/** Only the first time that the window is complete with a reading in it. */
export const onceAtEnd: Rule = ({ span: [, end] }) => {
  let over = false;
  return (moment, watermark) => {
    if (over || after(moment, watermark) < end - 1) return [];
    over = true;
    return ["complete"];
  };
};

/** When the watermark passes a multiple of the interval that is newer than the first reading; and as at the end. */
export const atMultiples =
  (intervalMs: number): Rule =>
  (story) => {
    const end = atEnd(story);
    const limit = story.span[1] - 1;
    let from: number | undefined;
    return (moment, watermark) => {
      const firings: Firing[] = [];
      if ("reading" in moment)
        from ??= watermark >= limit ? undefined : Math.max(moment.reading.at, watermark);
      else if (from !== undefined) {
        const next = (Math.floor(from / intervalMs) + 1) * intervalMs;
        if (next <= moment.watermark) {
          if (next < limit) firings.push("early");
          from = moment.watermark;
        }
      }
      return [...firings, ...end(moment, watermark)];
    };
  };
