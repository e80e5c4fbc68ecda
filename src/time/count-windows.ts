// countWindow — windows of a number of records of a key, in the order of their arrival.
//
// Records of a key are numbered 0, 1, 2, ... Windows end behind every `every`-th record and hold the last `size`.
import { InvalidWindowError } from "./window.ts";

/** Windows of `size` records, one for every `every` records. */
export interface CountAssigner {
  readonly kind: "count";
  /** It has no end in any time. */
  readonly time: undefined;
  readonly size: number;
  readonly every: number;
}

/**
 * Emits for every `every` records of a key the last `size` of them, or all while there are fewer.
 *
 * @param size records in a full window, at least 1
 * @param every records between two windows, at least 1; default `size`: windows that follow each other
 * @throws {InvalidWindowError}
 */
export function countWindow(size: number, every: number = size): CountAssigner {
  for (const [what, number] of [
    ["size", size],
    ["distance", every],
  ] as const)
    if (!Number.isSafeInteger(number) || number < 1)
      throw new InvalidWindowError(
        "count",
        `the ${what} is ${String(number)}; give a whole number of records, at least 1`,
        { size: String(size), every: String(every) },
      );
  return Object.freeze({ kind: "count", time: undefined, size, every });
}
