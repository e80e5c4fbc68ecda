import { describe, expect, test } from "vitest";
import { type DurationRange, InvalidDurationError, parseDuration } from "../../src/time/duration.ts";

describe("parseDuration", () => {
  test.each([
    [0, 0],
    [250, 250],
    ["250ms", 250],
    ["10s", 10_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    ["2w", 1_209_600_000],
    ["1.5s", 1_500],
    ["0.3s", 300],
    [" 5 m ", 300_000],
  ])("reads %j as %i ms", (input, expected) => {
    expect(parseDuration(input, "size")).toBe(expected);
  });

  test("reads negative lengths where they make sense", () => {
    expect(parseDuration("-8h", "offset", "any")).toBe(-28_800_000);
    expect(Object.is(parseDuration(-0, "offset", "any"), 0)).toBe(true);
  });

  test.each<[unknown, DurationRange]>([
    ["", "any"],
    ["5", "any"],
    ["m", "any"],
    ["5 minutes", "any"],
    ["1h30m", "any"],
    ["1.0005s", "any"],
    [0.5, "any"],
    [Number.NaN, "any"],
    [Number.POSITIVE_INFINITY, "any"],
    [undefined, "any"],
    [null, "any"],
    [{}, "any"],
    [-1, "notNegative"],
    ["-1s", "notNegative"],
    [0, "positive"],
    ["0ms", "positive"],
  ])("refuses %j (%s) with the setting, the value and examples", (input, range) => {
    const attempt = () => parseDuration(input as number, "window size", range);
    expect(attempt).toThrow(InvalidDurationError);
    expect(attempt).toThrow(/^window size: .*"5m"/);
    expect(attempt).toThrow(typeof input === "string" ? JSON.stringify(input) : String(input));
  });
});
