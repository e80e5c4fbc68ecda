// Over — from the call `over` to its operator: frames, their checks, and the type of a result.
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import { type FrameShape, isUnbounded, overLayout, overOperator } from "../operators/over/over.ts";
import { type Duration, durationText, parseDuration } from "../time/duration.ts";
import type { AnyAggregate, ReadyOperatorSpec } from "./keyed-operator-spec.ts";
import { checkAggregate, checkChoice, problemsOf } from "./spec-problems.ts";

interface OverOrder {
  /**
   * `"eventTime"`: records are taken in the order of their timestamps, once the watermark has reached them. `"arrival"`:
   * at once, and a range is counted by the clock. Default `"eventTime"`.
   */
  readonly order?: "eventTime" | "arrival" | undefined;
}

/** Which records the aggregate of a record is over, beside the record itself. The words are those of SQL. */
export type OverFrame =
  | (OverOrder & {
      /** So many records before it: `ROWS BETWEEN n PRECEDING AND CURRENT ROW`. */
      readonly rows: number | "unbounded";
      readonly range?: undefined;
    })
  | (OverOrder & {
      /**
       * Records at most so much older than it, and in event time all records of the same time:
       * `RANGE BETWEEN n PRECEDING AND CURRENT ROW`.
       */
      readonly range: Duration | "unbounded";
      readonly rows?: undefined;
    });

export function overSpec(given: OverFrame, aggregate: AnyAggregate): ReadyOperatorSpec {
  const { rows, range, order = "eventTime" } = (typeof given === "object" && given) || ({} as OverFrame);
  let frame: FrameShape = { kind: "rows", preceding: "unbounded" };
  const problems = problemsOf("over", (owner) => [
    () => checkAggregate(aggregate),
    () => checkOptions(owner, given, ["rows", "range", "order"]),
    () => checkChoice(owner, "order", order, ["eventTime", "arrival"]),
    () => {
      frame = readFrame(owner, rows, range);
    },
  ]);
  return {
    kind: "ready",
    what: "over",
    label: `aggregate over ${frameText(frame)} by ${order === "eventTime" ? "event time" : "arrival"}`,
    create: overOperator({ frame, order, aggregate }),
    layout: problems.length === 0 ? overLayout({ frame, order, aggregate }) : [],
    waitsForEventTime: order === "eventTime",
    resultsHaveKey: false,
    problems,
  };
}

function readFrame(owner: string, rows: OverFrame["rows"], range: OverFrame["range"]): FrameShape {
  if ((rows === undefined) === (range === undefined))
    throw new InvalidOptionError(
      owner,
      "rows",
      rows,
      'either rows or range, for example { rows: 9 } or { range: "1h" }',
    );
  if (range !== undefined)
    return {
      kind: "range",
      precedingMs: range === "unbounded" ? range : parseDuration(range, `${owner}: option "range"`),
    };
  if (rows !== "unbounded") checkWholeNumber(owner, "rows", rows, 0);
  return { kind: "rows", preceding: rows as number | "unbounded" };
}

function frameText(frame: FrameShape): string {
  if (isUnbounded(frame)) return `all ${frame.kind} before`;
  return frame.kind === "rows"
    ? `${frame.preceding} rows before`
    : `a range of ${durationText(frame.precedingMs as number)}`;
}
