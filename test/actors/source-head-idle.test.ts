import { describe, expect, test } from "vitest";
import { ManualClock } from "../../src/core/clock.ts";
import { FedSplit, openHead } from "./source-head-harness.ts";

describe("SourceHead", () => {
  test("tells the watermark of splits that fall silent one after the other, also when nobody looks in between", async () => {
    const clock = new ManualClock();
    const splits = { first: new FedSplit(), second: new FedSplit() };
    const head = openHead({ splits, plan: { idleAfterMs: 100 }, clock });
    expect(head.next()).toBeUndefined();
    clock.advance(60);
    await splits.second.feed(500);
    expect(head.next()).toMatchObject({ watermark: undefined, idle: false });
    expect(head.next()).toBeUndefined();
    // The first split falls silent, then the second; the partition is held back all the time and takes no work.
    clock.advance(60);
    clock.advance(100);
    expect(head.next()).toEqual({
      batch: undefined,
      input: 0,
      watermark: 499,
      idle: true,
      ended: false,
    });
    expect(head.next()).toBeUndefined();
  });
});
