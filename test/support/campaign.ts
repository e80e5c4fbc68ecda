// What property tests draw.
//
//   WEIR_TEST_CAMPAIGN=20   twenty times as many cases as usual: the search for cases that nobody has met yet
//   WEIR_TEST_SEED=7        the cases of that seed; in CI those of seed 1, so that a red run comes from a change
import type { IRawProperty, Parameters } from "fast-check";
import { vi } from "vitest";

const times = Number(process.env["WEIR_TEST_CAMPAIGN"] ?? 1);
if (!(times > 0))
  throw new RangeError("WEIR_TEST_CAMPAIGN must be a number above 0: 20 for twenty times the runs");
const seed = seedOf(process.env["WEIR_TEST_SEED"] ?? (process.env["CI"] === undefined ? undefined : "1"));

function seedOf(text: string | undefined): number | undefined {
  if (text === undefined || Number.isSafeInteger(Number(text)))
    return text === undefined ? undefined : Number(text);
  throw new RangeError(`WEIR_TEST_SEED must be a whole number, not "${text}"`);
}

if (times !== 1 || seed !== undefined)
  vi.doMock("fast-check", async (importOriginal) => {
    const original = await importOriginal<typeof import("fast-check")>();
    if (seed !== undefined) original.configureGlobal({ ...original.readConfigureGlobal(), seed });
    const assert = (property: IRawProperty<unknown>, parameters: Parameters<unknown> = {}) => {
      const usual = parameters.numRuns ?? original.readConfigureGlobal().numRuns ?? 100;
      return original.assert(property, { ...parameters, numRuns: Math.ceil(usual * times) });
    };
    return { ...original, assert, default: { ...original.default, assert } };
  });
