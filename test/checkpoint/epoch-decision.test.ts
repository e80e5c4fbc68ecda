import { describe, expect, test } from "vitest";
import { decideEpoch, type EpochFacts } from "../../src/checkpoint/epoch-decision.ts";

const bounds = { commitIntervalMs: 20, epochBytes: 1_000, epochWrites: 100 };
const quiet: EpochFacts = {
  inFlight: false,
  material: false,
  moved: false,
  ageMs: 0,
  bytes: 0,
  writes: 0,
  drained: false,
  closing: false,
};

describe("decideEpoch", () => {
  test.each<[string, Partial<EpochFacts>, ReturnType<typeof decideEpoch>]>([
    ["nothing happened: nothing to commit", { drained: true }, { kind: "grow", recheckMs: undefined }],
    ["a drained input commits at once", { material: true, drained: true }, { kind: "close" }],
    [
      "under load an epoch grows until its age",
      { material: true, ageMs: 5 },
      { kind: "grow", recheckMs: 15 },
    ],
    ["age closes it", { material: true, ageMs: 20 }, { kind: "close" }],
    ["bytes close it", { material: true, bytes: 1_000 }, { kind: "close" }],
    ["writes close it", { material: true, writes: 100 }, { kind: "close" }],
    [
      "one commit at a time: it grows",
      { material: true, drained: true, inFlight: true },
      { kind: "grow", recheckMs: undefined },
    ],
    ["and when full it takes no more", { material: true, bytes: 1_000, inFlight: true }, { kind: "full" }],
    ["positions alone can wait", { moved: true, drained: true, ageMs: 30 }, { kind: "grow", recheckMs: 70 }],
    ["but not for ever", { moved: true, ageMs: 100 }, { kind: "close" }],
    ["closing commits whatever there is", { closing: true }, { kind: "close" }],
    [
      "closing waits for the commit in flight",
      { closing: true, inFlight: true },
      { kind: "grow", recheckMs: undefined },
    ],
  ])("%s", (_, facts, verdict) => {
    expect(decideEpoch({ ...quiet, ...facts }, bounds)).toEqual(verdict);
  });
});
