import { describe, expect, test } from "vitest";
import { ManualClock } from "../../src/core/clock.ts";
import { customWatermarks, InvalidWatermarkError, punctuated } from "../../src/time/watermark-strategies.ts";
import { commit, drain, FedSplit, openHead } from "./source-head-harness.ts";

const split = (): FedSplit => new FedSplit();

describe("the watermarks of a source partition", () => {
  test("each split follows its own records, and the slowest split decides", async () => {
    const splits = { fast: split(), slow: split() };
    const head = openHead({ splits });
    await splits.fast.feed(100, 300);
    expect(drain(head).watermark).toBe(Number.NEGATIVE_INFINITY);
    await splits.slow.feed(50);
    expect(drain(head).watermark).toBe(49);
    expect(head.hold).toEqual({ kind: "split", input: "slow", watermark: 49, sinceMs: 0, state: "silent" });
  });

  test("a split that is gone after a restart holds nothing back any more", async () => {
    const [slow, fast] = [new FedSplit(), new FedSplit()];
    const head = openHead({ splits: { slow, fast } });
    await slow.feed(10);
    await fast.feed(500);
    expect(drain(head).watermark).toBe(9);
    const resumed = new FedSplit();
    const again = openHead({ splits: { fast: resumed }, committed: commit(head) });
    expect(again.watermark).toBe(499);
    await resumed.feed(600);
    expect(drain(again).watermark).toBe(599);
  });

  test("go on from the commit, whatever the strategy has seen since", async () => {
    const splits = { only: split() };
    const before = openHead({ splits });
    await splits.only.feed(500);
    drain(before);
    const committed = commit(before);
    await splits.only.feed(900);
    drain(before);

    const resumed = split();
    const after = openHead({ splits: { only: resumed }, committed });
    expect(after.watermark).toBe(499);
    await resumed.feed(200);
    expect(drain(after).watermark).toBe(499);
    await resumed.feed(700);
    expect(drain(after).watermark).toBe(699);
  });

  test("a punctuation that was committed is not taken back by a restart", async () => {
    const splits = { only: split() };
    const plan = { watermarks: punctuated((n) => ((n as number) % 10 === 0 ? (n as number) : undefined)) };
    const before = openHead({ splits, plan });
    await splits.only.feed(15, 20, 27);
    expect(drain(before).watermark).toBe(20);
    const resumed = split();
    const after = openHead({ splits: { only: resumed }, plan, committed: commit(before) });
    await resumed.feed(31);
    expect(drain(after).watermark).toBe(20);
  });

  test("own generators go on from what they saved with the last commit", async () => {
    const plan = {
      watermarks: customWatermarks<unknown, { seen: number }>({
        create: ({ id }, saved) => {
          expect(id).toBe("only");
          let seen = saved?.seen ?? 0;
          return {
            observe: (records) => {
              seen += records.length;
            },
            get watermark() {
              return seen;
            },
            save: () => ({ seen }),
          };
        },
      }),
    };
    const splits = { only: split() };
    const before = openHead({ splits, plan });
    await splits.only.feed(7, 7, 7);
    drain(before);
    const committed = commit(before);
    await splits.only.feed(7);
    expect(drain(before).watermark).toBe(4);
    const resumed = split();
    const after = openHead({ splits: { only: resumed }, plan, committed });
    await resumed.feed(7, 7);
    expect(drain(after).watermark).toBe(5);
  });

  test("an error in watermark code names the split and ends the partition", async () => {
    const splits = { only: split() };
    const plan = {
      watermarks: punctuated(() => {
        throw new Error("no such field");
      }),
    };
    const head = openHead({ splits, plan });
    await splits.only.feed(1);
    expect(() => drain(head)).toThrow(InvalidWatermarkError);
    const again = openHead({ splits, plan });
    await splits.only.feed(1);
    expect(() => drain(again)).toThrow('split "only": its watermark code failed: no such field;');
  });
});

describe("idleness of splits", () => {
  const plan = { idleAfterMs: 100 };

  test("is committed: after a take-over a silent split still holds nobody back", async () => {
    const clock = new ManualClock();
    const splits = { silent: split(), active: split() };
    const before = openHead({ splits, plan, clock });
    await splits.silent.feed(10);
    await splits.active.feed(50);
    expect(drain(before).watermark).toBe(9);
    clock.advance(90);
    await splits.active.feed(60);
    drain(before);
    clock.advance(60);
    expect(drain(before)).toMatchObject({ watermark: 59, idle: false });

    const resumed = { silent: split(), active: split() };
    const after = openHead({ splits: resumed, plan, clock, committed: commit(before) });
    await resumed.active.feed(80);
    expect(drain(after).watermark).toBe(79);
    // It wakes up with its next record, behind the others, and is waited for from then on.
    await resumed.silent.feed(30);
    await resumed.active.feed(90);
    expect(drain(after).watermark).toBe(79);
    await resumed.silent.feed(85);
    expect(drain(after).watermark).toBe(84);
  });

  test("all splits idle: event time goes on to the furthest of them, and the partition is idle after a restart too", async () => {
    const clock = new ManualClock();
    const splits = { first: split(), second: split() };
    const before = openHead({ splits, plan, clock });
    await splits.first.feed(10);
    await splits.second.feed(70);
    drain(before);
    clock.advance(200);
    expect(drain(before)).toMatchObject({ watermark: 69, idle: true });
    expect(before.hold).toMatchObject({ input: "second", state: "idle" });
    const after = openHead({ splits, plan, clock, committed: commit(before) });
    expect([after.watermark, after.idle]).toEqual([69, true]);
  });

  test("counts from when a split is asked, not from when it was last given the turn", async () => {
    const clock = new ManualClock();
    const splits = { first: split(), second: split() };
    const head = openHead({ splits, plan, clock });
    await splits.first.feed(10);
    await splits.second.feed(70);
    head.next();
    head.next();
    // The partition is held back by its consumers and asks nobody.
    clock.advance(500);
    drain(head);
    clock.advance(50);
    expect(drain(head)).toMatchObject({ watermark: 9, idle: false });
    clock.advance(100);
    expect(drain(head)).toMatchObject({ watermark: 69, idle: true });
  });
});

test("a source without event time says so", () => {
  const source = { ...{ description: "", bounded: false, replayable: true }, splits: () => [], open: split };
  const head = openHead({ splits: { only: split() }, plan: { source } });
  expect(head.hold).toMatchObject({ state: "untimed" });
});
