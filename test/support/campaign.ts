// WEIR_TEST_CAMPAIGN=20: every property test tries twenty times as many cases as usual.
import type { IRawProperty, Parameters } from "fast-check";
import { vi } from "vitest";

const times = Number(process.env["WEIR_TEST_CAMPAIGN"] ?? 1);
if (!(times > 0))
  throw new RangeError("WEIR_TEST_CAMPAIGN must be a number above 0: 20 for twenty times the runs");

if (times !== 1)
  vi.doMock("fast-check", async (importOriginal) => {
    const original = await importOriginal<typeof import("fast-check")>();
    const assert = (property: IRawProperty<unknown>, parameters: Parameters<unknown> = {}) => {
      const usual = parameters.numRuns ?? original.readConfigureGlobal().numRuns ?? 100;
      return original.assert(property, { ...parameters, numRuns: Math.ceil(usual * times) });
    };
    return { ...original, assert, default: { ...original.default, assert } };
  });
