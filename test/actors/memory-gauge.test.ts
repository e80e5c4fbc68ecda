import { describe, expect, test } from "vitest";
import { MemoryGauge } from "../../src/actors/memory-gauge.ts";

describe("MemoryGauge", () => {
  test("is tight above 70 % and roomy again below 65 %, and tells those who wait once", () => {
    const gauge = new MemoryGauge();
    const woken: string[] = [];
    const seen = [0.5, 0.7, 0.71, 0.68, 0.64, 0.68].map((use) => {
      gauge.update(use);
      if (use === 0.71) {
        gauge.whenRoomy(() => woken.push("a"));
        const gone = (): number => woken.push("b");
        gauge.whenRoomy(gone);
        gauge.forget(gone);
      }
      return gauge.isTight;
    });
    expect(seen).toEqual([false, false, true, true, false, false]);
    expect(woken).toEqual(["a"]);
  });
});
