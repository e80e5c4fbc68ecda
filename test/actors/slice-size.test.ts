import { describe, expect, test } from "vitest";
import { SliceSize } from "../../src/actors/slice-size.ts";

describe("SliceSize", () => {
  test("slices of fast timers grow to the largest size, and no further", () => {
    const slice = new SliceSize(1_000);
    const sizes: number[] = [];
    for (let i = 0; i < 6; i++) {
      sizes.push(slice.timers);
      slice.note(1);
    }
    expect(sizes).toEqual([64, 128, 256, 512, 1_000, 1_000]);
  });

  test("slices of slow timers shrink, down to a single one", () => {
    const slice = new SliceSize(1_000);
    for (let i = 0; i < 10; i++) slice.note(5_000);
    expect(slice.timers).toBe(1);
  });

  test("a slice that takes a few ms stays as it is", () => {
    const slice = new SliceSize(1_000);
    slice.note(5);
    expect(slice.timers).toBe(64);
  });

  test("the largest size may be smaller than the first one", () => {
    expect(new SliceSize(3).timers).toBe(3);
  });
});
