import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EncodedFrame, FrameHeader } from "../../src/broker/frame-writer.ts";
import { FrameWriter } from "../../src/broker/frame-writer.ts";
import { decodeFrame, MAX_FRAME_BYTES } from "../../src/broker/wire.ts";
import { FrameTooLargeError } from "../../src/broker/wire-errors.ts";
import type { Batch, TraceMark } from "../../src/core/batch.ts";
import { createBatch } from "../../src/core/batch.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";

const header: FrameHeader = {
  prevLineage: 3,
  lineage: 4,
  sentWatermark: 100,
  watermark: 200,
  idle: false,
  end: true,
  barrier: 9,
};

function createWriter(maxBytes?: number): FrameWriter {
  return new FrameWriter({
    edge: "count-in",
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
}

function mark(index: number): TraceMark {
  const digits = index.toString(16);
  return {
    index,
    traceId: digits.padStart(32, "0"),
    spanId: digits.padStart(16, "0"),
    flags: 1,
    emittedMs: index,
  };
}

/** All frames as one batch again, as their consumer sees them. */
function joined(frames: readonly EncodedFrame[]): Omit<Batch, "keys"> {
  const whole = {
    values: [] as unknown[],
    timestamps: [] as number[],
    ingestMs: 0,
    traces: [] as TraceMark[],
  };
  for (const { payload } of frames) {
    const batch = decodeFrame(payload).batch!;
    for (const trace of batch.traces ?? [])
      whole.traces.push({ ...trace, index: trace.index + whole.values.length });
    whole.values.push(...batch.values);
    whole.timestamps.push(...batch.timestamps!);
    whole.ingestMs = batch.ingestMs;
  }
  return whole;
}

describe("FrameWriter", () => {
  test("F3 cutting loses, repeats and reorders nothing and respects the cap, for records of any sizes", () => {
    const record = fc.record(
      { id: fc.nat(), text: fc.nat(400).chain((n) => fc.string({ minLength: n, maxLength: n })) },
      { noNullPrototype: true },
    );
    const batch = fc.array(record, { minLength: 1, maxLength: 120, size: "max" });
    fc.assert(
      fc.property(
        fc.array(batch, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1_600, max: 8_000 }),
        (batches, maxBytes) => {
          // One writer for all: its estimate comes from other records than it is used for.
          const writer = createWriter(maxBytes);
          for (const values of batches) {
            const timestamps = values.map(({ id }) => id);
            const traces = values.map((_, i) => mark(i)).filter((_, i) => i % 7 === 0);
            const frames = writer.write(header, { ...createBatch(values, timestamps, 5), traces });
            for (const { payload } of frames) expect(payload.length).toBeLessThanOrEqual(maxBytes);
            expect(joined(frames)).toStrictEqual({ values, timestamps, ingestMs: 5, traces });
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test("bids fill their frames: at most one frame more than their bytes need", () => {
    const generator = createNexmarkGenerator();
    const bids = Array.from({ length: 20_000 }, (_, n) => generator.bid(n)).filter(
      (bid) => bid !== undefined,
    );
    const writer = createWriter();
    const frames = writer.write(header, createBatch(bids));
    const bytes = frames.reduce((sum, { payload }) => sum + payload.length, 0);
    expect(frames.length).toBeLessThanOrEqual(Math.ceil(bytes / MAX_FRAME_BYTES / 0.9) + 1);
    expect(writer.recordsPerFrame).toBeGreaterThan(400);
  });

  test("frames of one batch follow each other, and only the last one tells watermark, barrier and end", () => {
    const values = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(100, "."));
    const frames = createWriter(8_192)
      .write(header, createBatch(values))
      .map(({ payload }) => decodeFrame(payload));
    expect(frames.length).toBeGreaterThan(3);
    expect(frames.map((frame) => frame.prevLineage)).toEqual([
      3,
      ...Array<number>(frames.length - 1).fill(4),
    ]);
    const told = frames.map(({ watermark, end, barrier }) => ({ watermark, end, barrier }));
    expect(told.slice(0, -1)).toEqual(
      Array(frames.length - 1).fill({ watermark: 100, end: false, barrier: undefined }),
    );
    expect(told.at(-1)).toEqual({ watermark: 200, end: true, barrier: 9 });
  });

  test("consumers of this process get the values and keys of the batch by reference", () => {
    const values = Array.from({ length: 300 }, (_, i) => ({ text: `${i}`.padEnd(100, ".") }));
    const batch = { ...createBatch(values), keys: values.map((_, i) => i) };
    const frames = createWriter(8_192)
      .write(header, batch)
      .map(({ frame }) => frame);
    const delivered = frames.flatMap((frame) => frame.batch!.values);
    expect(delivered.length).toBe(300);
    expect(delivered.every((value, i) => value === values[i])).toBe(true);
    expect(frames.flatMap((frame) => frame.batch!.keys)).toEqual(batch.keys);
    const whole = createBatch(values.slice(0, 3));
    expect(createWriter().write(header, whole)[0]!.frame.batch).toBe(whole);
  });

  test("control facts alone take one frame", () => {
    const frames = createWriter().write(header, undefined);
    expect(frames).toHaveLength(1);
    const { prevLineage, watermark, idle, end, barrier } = header;
    expect(decodeFrame(frames[0]!.payload)).toStrictEqual({
      prevLineage,
      watermark,
      idle,
      end,
      barrier,
      batch: undefined,
    });
  });

  test("a single record above the cap is refused with its size, the cap and what to do", () => {
    const values = ["small", "x".repeat(70_000), "small"];
    expect(() => createWriter().write(header, createBatch(values))).toThrow(FrameTooLargeError);
    expect(() => createWriter().write(header, createBatch(values))).toThrow(
      /^edge "count-in": one record takes 70\d\d\d bytes, but a frame may hold 65280; send a smaller record/,
    );
  });

  test("a large record among small ones gets a frame that holds it", () => {
    const values = Array.from({ length: 1_000 }, (_, i) =>
      i === 500 ? "x".repeat(60_000) : `${i}`.padEnd(90, "."),
    );
    const frames = createWriter().write(
      header,
      createBatch(
        values,
        values.map((_, i) => i),
      ),
    );
    expect(joined(frames).values).toEqual(values);
    expect(frames.length).toBeLessThanOrEqual(5);
  });
});
