import { describe, expect, test } from "vitest";
import { Alarm } from "../../src/actors/alarm.ts";
import { ManualClock } from "../../src/core/clock.ts";

function ringing(clock: ManualClock): { alarm: Alarm; rings: number[] } {
  const rings: number[] = [];
  const now = (): number => clock.nowMs();
  return { alarm: new Alarm(clock, now, () => rings.push(now())), rings };
}

describe("Alarm", () => {
  test("rings once, at the earliest of the times it was set to", () => {
    const clock = new ManualClock();
    const { alarm, rings } = ringing(clock);
    alarm.setAt(100);
    alarm.setAt(20);
    alarm.setAt(50);
    alarm.setAt(Number.POSITIVE_INFINITY);
    clock.advance(200);
    expect(rings).toEqual([20]);
    alarm.setAt(250);
    clock.advance(100);
    expect(rings).toEqual([20, 250]);
  });

  test("can be cleared and set again, also to a later time", () => {
    const clock = new ManualClock();
    const { alarm, rings } = ringing(clock);
    alarm.setAt(10);
    alarm.clear();
    alarm.setAt(30);
    clock.advance(100);
    expect(rings).toEqual([30]);
  });

  test("rings soon for a time that is over, and after a minute for one that is far away", () => {
    const clock = new ManualClock(1_000);
    const { alarm, rings } = ringing(clock);
    alarm.setAt(5);
    clock.advance(1);
    alarm.setAt(10_000_000);
    clock.advance(60_000);
    expect(rings).toEqual([1_001, 61_001]);
  });
});
