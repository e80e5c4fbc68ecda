import { describe, expect, test } from "vitest";
import { ChannelBuffer } from "../../src/broker/channel-buffer.ts";
import { createBatch } from "../../src/core/batch.ts";

describe("ChannelBuffer", () => {
  for (const timed of [true, false])
    test(`gathers small batches ${timed ? "with" : "without"} timestamps into one`, () => {
      const buffer = new ChannelBuffer("e:0>0", 0, 0, 100);
      for (let i = 0; i < 10; i++) buffer.appendBatch(createBatch([i], timed ? [i * 10] : undefined));
      const all = Array.from({ length: 10 }, (_, i) => i);
      expect(buffer.takeBatches()).toEqual([createBatch(all, timed ? all.map((i) => i * 10) : undefined)]);
    });

  test("keeps the order of batches with and without timestamps, each as it was", () => {
    const buffer = new ChannelBuffer("e:0>0", 0, 0, 100);
    for (const [value, timestamp] of [[1, 5], [2, 6], [3], [4, 7], [5], [6]] as const)
      buffer.appendBatch(createBatch([value], timestamp === undefined ? undefined : [timestamp]));
    expect(buffer.takeBatches().map(({ values, timestamps }) => [values, timestamps])).toEqual([
      [
        [1, 2],
        [5, 6],
      ],
      [[3], undefined],
      [[4], [7]],
      [[5, 6], undefined],
    ]);
  });
});
