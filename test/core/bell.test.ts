import { expect, test } from "vitest";
import { Bell } from "../../src/core/bell.ts";
import { ManualClock } from "../../src/core/clock.ts";

/** Waits, and tells whether that is over. */
function waitOn(bell: Bell, timeoutMs: number): { over: boolean; readonly done: Promise<void> } {
  const waiting = { over: false, done: Promise.resolve() };
  waiting.done = Promise.resolve(bell.wait(timeoutMs)).then(() => {
    waiting.over = true;
  });
  return waiting;
}

/** Everything that was resolved so far has told so. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a ring wakes all who wait, once", async () => {
  const bell = new Bell(new ManualClock());
  const [one, two] = [waitOn(bell, 100), waitOn(bell, 100)];
  await settle();
  expect([one.over, two.over]).toEqual([false, false]);
  bell.ring();
  await Promise.all([one.done, two.done]);
  const three = waitOn(bell, 100);
  await settle();
  expect(three.over).toBe(false);
});

test("rings that nobody waits for are kept as one, and answered without a promise", async () => {
  const bell = new Bell(new ManualClock());
  bell.ring();
  bell.ring();
  expect(bell.wait(100)).toBeUndefined();
  const next = waitOn(bell, 100);
  await settle();
  expect(next.over).toBe(false);
});

test("a wait is over when its time is", async () => {
  const clock = new ManualClock();
  const bell = new Bell(clock);
  const [short, long] = [waitOn(bell, 10), waitOn(bell, 20)];
  clock.advance(10);
  await settle();
  expect([short.over, long.over]).toEqual([true, false]);
  bell.ring();
  await long.done;
});
