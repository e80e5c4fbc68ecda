import { describe, expect, test } from "vitest";
import { decideRespawn, defaultRespawnPolicy } from "../../src/cli/respawn-policy.ts";

describe("decideRespawn", () => {
  test("waits twice as long after each crash in a row, then gives up", () => {
    const delays: number[] = [];
    let crashes = 0;
    for (;;) {
      const verdict = decideRespawn(crashes, 0);
      crashes = verdict.crashes;
      if (verdict.kind === "give-up") break;
      delays.push(verdict.delayMs);
    }
    expect(delays).toEqual([100, 200, 400, 800, 1_600]);
    expect(crashes).toBe(defaultRespawnPolicy.maxCrashes + 1);
  });

  test("a process that worked long enough begins a new row, so that kills now and then never end a run", () => {
    const { healthyMs, maxCrashes } = defaultRespawnPolicy;
    expect(decideRespawn(maxCrashes, healthyMs)).toEqual({ kind: "respawn", delayMs: 100, crashes: 1 });
    expect(decideRespawn(maxCrashes, healthyMs - 1)).toEqual({ kind: "give-up", crashes: maxCrashes + 1 });
  });

  test("no pause is longer than the limit", () => {
    const policy = { ...defaultRespawnPolicy, maxCrashes: 100 };
    expect(decideRespawn(60, 0, policy)).toMatchObject({ delayMs: policy.maxDelayMs });
  });
});
