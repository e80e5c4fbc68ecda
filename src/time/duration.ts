// Duration — lengths of time as people write them, turned into whole milliseconds at the edge.
import { EngineError } from "../core/errors.ts";

export type DurationUnit = "ms" | "s" | "m" | "h" | "d" | "w";

/** Whole milliseconds, or text: a number and one of `ms`, `s`, `m`, `h`, `d`, `w`, such as `"250ms"`, `"5m"`, `"1d"`. */
export type Duration = number | `${number}${DurationUnit}`;

/** Which lengths make sense where the duration is used. */
export type DurationRange = "any" | "notNegative" | "positive";

/** Something that should be a length of time is none, or one that makes no sense there. */
export class InvalidDurationError extends EngineError<"INVALID_DURATION"> {
  constructor(what: string, value: unknown, reason: string) {
    const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
    super(
      "INVALID_DURATION",
      `${what}: ${shown} ${reason}; write whole milliseconds such as 5000, or text such as "250ms", "10s", "5m", "1h", "1d", "1w"`,
      { details: { what, value: shown, reason } },
    );
  }
}

const UNIT_MS: Readonly<Record<DurationUnit, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const TEXT = /^([+-]?\d+(?:\.\d+)?) ?(ms|s|m|h|d|w)$/;

/**
 * A duration in whole milliseconds.
 *
 * @param input a number of milliseconds or text; plain `string` is accepted for values that come from files and shells
 * @param what names the setting in the error, for example `window size`
 * @param range default `notNegative`
 * @throws {InvalidDurationError}
 */
export function parseDuration(
  input: number | string,
  what: string,
  range: DurationRange = "notNegative",
): number {
  const durationMs = toMilliseconds(input, what);
  if (!Number.isSafeInteger(durationMs))
    throw new InvalidDurationError(what, input, "is not a whole number of milliseconds");
  if (range === "positive" && durationMs <= 0)
    throw new InvalidDurationError(what, input, "must be longer than zero");
  if (range === "notNegative" && durationMs < 0)
    throw new InvalidDurationError(what, input, "must not be negative");
  return durationMs;
}

function toMilliseconds(input: unknown, what: string): number {
  if (typeof input === "number") return input + 0; // -0 becomes 0
  if (typeof input !== "string") throw new InvalidDurationError(what, input, `is of type ${typeof input}`);
  const match = TEXT.exec(input.trim());
  if (match === null) throw new InvalidDurationError(what, input, "is not a duration");
  const milliseconds = Number(match[1]) * UNIT_MS[match[2] as DurationUnit];
  // 0.3 * 1000 and the like miss the whole number by a rounding error only.
  const whole = Math.round(milliseconds);
  return (Math.abs(milliseconds - whole) < 1e-6 ? whole : milliseconds) + 0;
}

const LARGEST_FIRST: readonly (readonly [unit: string, lengthMs: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** The largest unit in which the duration is a whole number: `90s`, `5m`. */
export function durationText(durationMs: number): string {
  for (const [unit, lengthMs] of LARGEST_FIRST)
    if (durationMs !== 0 && durationMs % lengthMs === 0) return `${durationMs / lengthMs}${unit}`;
  return `${durationMs}ms`;
}
