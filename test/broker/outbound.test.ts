import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EdgeBuffer } from "../../src/broker/edge-buffer.ts";
import { createEncodingCutter, cutByReference } from "../../src/broker/frame-cutter.ts";
import { Outbound } from "../../src/broker/outbound.ts";
import { KeySelectorError, routeByKey, routeRoundRobin, routeToAll } from "../../src/broker/router.ts";
import { decodeFrame } from "../../src/broker/wire.ts";
import { createBatch, MIN_WATERMARK } from "../../src/core/batch.ts";
import { keyGroupOf, partitionOfKeyGroup, UnsupportedKeyError } from "../../src/core/key-group.ts";

const LIMITS = { highEntries: 4, highBytes: 1_000_000, watermarkIntervalMs: 20 };

function edgeOf(count: number, frameRecords = 100): EdgeBuffer {
  const positions = Array.from({ length: count }, (_, i) => ({ id: `e:0>${i}`, seq: 0, lineage: 0 }));
  return new EdgeBuffer("e", positions, frameRecords);
}

function recordsOf(outbound: Outbound, monotonicMs = 0): unknown[][] {
  const frames = outbound.seal(monotonicMs);
  return outbound.channels.map((channel) =>
    frames
      .filter((frame) => frame.channel === channel.id)
      .flatMap((frame) => frame.frame.batch?.values ?? []),
  );
}

describe("routing", () => {
  const record = fc.record({ key: fc.oneof(fc.integer(), fc.string(), fc.boolean()), n: fc.nat() });

  test("K1 every record goes to the owner of its key group, in order, with its key and time", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(record, { maxLength: 50 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 60 }),
        (batches, partitions, frameRecords) => {
          const edge = edgeOf(partitions, frameRecords);
          const outbound = new Outbound([edge], 1, LIMITS, cutByReference);
          const route = routeByKey(edge, (each) => (each as { key: unknown }).key);
          for (const batch of batches)
            if (batch.length > 0)
              route(
                createBatch(
                  batch,
                  batch.map((each) => each.n),
                ),
              );
          const all = batches.flat();
          const frames = outbound.seal(0);
          for (const [i, buffer] of edge.channels.entries()) {
            const own = frames.filter((frame) => frame.channel === buffer.id);
            const expected = all.filter(
              (each) => partitionOfKeyGroup(keyGroupOf(each.key), partitions) === i,
            );
            expect(own.flatMap((frame) => frame.frame.batch!.values)).toEqual(expected);
            expect(own.flatMap((frame) => frame.frame.batch!.keys)).toEqual(expected.map((each) => each.key));
            expect(own.flatMap((frame) => frame.frame.batch!.timestamps)).toEqual(
              expected.map((each) => each.n),
            );
            expect(own.map((frame) => frame.seq)).toEqual(own.map((_, k) => k + 1));
          }
        },
      ),
    );
  });

  test("traced records keep their mark at their new place", () => {
    const edge = edgeOf(3);
    const route = routeByKey(edge, (value) => value);
    const values = Array.from({ length: 40 }, (_, i) => i);
    const marks = [3, 17, 39].map((index) => ({
      index,
      traceId: `t${index}`,
      spanId: "s",
      flags: 1,
      emittedMs: 0,
    }));
    route(createBatch([100, 101, 102]));
    route({ ...createBatch(values), traces: marks });
    const outbound = new Outbound([edge], 1, LIMITS, cutByReference);
    const found = outbound
      .seal(0)
      .flatMap(({ frame }) =>
        (frame.batch?.traces ?? []).map((mark) => [mark.traceId, frame.batch!.values[mark.index]]),
      );
    expect(found.sort()).toEqual([
      ["t17", 17],
      ["t3", 3],
      ["t39", 39],
    ]);
  });

  test("round robin deals whole batches, broadcast gives all to all", () => {
    const dealt = edgeOf(3);
    const route = routeRoundRobin(dealt, 1);
    for (const value of [1, 2, 3, 4]) route(createBatch([value]));
    expect(recordsOf(new Outbound([dealt], 1, LIMITS, cutByReference))).toEqual([[3], [1, 4], [2]]);
    const all = edgeOf(2);
    routeToAll(all)(createBatch([1, 2]));
    expect(recordsOf(new Outbound([all], 1, LIMITS, cutByReference))).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  test("a key that is an object is refused on any number of partitions; a throwing selector names the record", () => {
    for (const count of [1, 3]) {
      const route = routeByKey(edgeOf(count), (value) => value);
      expect(() => route(createBatch([{ id: 1 }]))).toThrow(UnsupportedKeyError);
    }
    const broken = routeByKey(edgeOf(2), (value) => (value as { a: { b: string } }).a.b);
    expect(() => broken(createBatch([{ a: { b: "x" } }, { c: 1 }]))).toThrow(KeySelectorError);
    expect(() => broken(createBatch([{ c: 1 }]))).toThrow(/"e".*\{"c":1\}/);
  });
});

describe("Outbound", () => {
  test("only the last frame of an epoch promises the new watermark", () => {
    const edge = edgeOf(1, 2);
    const outbound = new Outbound([edge], 5, LIMITS, createEncodingCutter(65_280));
    routeByKey(edge, (value) => value)(createBatch([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]));
    routeByKey(edge, (value) => value)(createBatch([6, 7], [6, 7]));
    edge.advance(99);
    const frames = outbound.seal(0).map((frame) => decodeFrame(frame.payload!));
    expect(frames.length).toBeGreaterThan(1);
    expect(frames.map((frame) => frame.watermark)).toEqual([
      ...new Array(frames.length - 1).fill(MIN_WATERMARK),
      99,
    ]);
    expect(frames.map((frame) => frame.prevLineage)).toEqual([0, ...new Array(frames.length - 1).fill(5)]);
    expect(frames.flatMap((frame) => frame.batch!.values)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("a channel without records is told the watermark at most once per interval", () => {
    const edge = edgeOf(1);
    const outbound = new Outbound([edge], 1, LIMITS, cutByReference);
    const told = (ms: number): number[] => outbound.seal(ms).map((frame) => frame.frame.watermark);
    edge.advance(1);
    expect(told(100)).toEqual([1]);
    edge.advance(2);
    expect(outbound.nextControlMs()).toBe(120);
    expect(told(119)).toEqual([]);
    expect(told(120)).toEqual([2]);
    expect(outbound.nextControlMs()).toBe(Number.POSITIVE_INFINITY);
    expect(told(300)).toEqual([]);
  });

  test("the end is told at once and once, with everything that was buffered before it", () => {
    const edge = edgeOf(2);
    const outbound = new Outbound([edge], 1, LIMITS, cutByReference);
    edge.channels[0]!.appendBatch(createBatch([1]));
    outbound.seal(0);
    edge.channels[0]!.appendBatch(createBatch([2]));
    outbound.end();
    const frames = outbound.seal(1);
    expect(frames.map(({ channel, frame }) => [channel, frame.batch?.values, frame.end])).toEqual([
      ["e:0>0", [2], true],
      ["e:0>1", undefined, true],
    ]);
    expect(outbound.seal(1_000)).toEqual([]);
  });

  test("idleness is told once it changes, and taken back with the next frame", () => {
    const edge = edgeOf(1);
    const outbound = new Outbound([edge], 1, LIMITS, cutByReference);
    outbound.setIdle(true);
    expect(outbound.seal(100).map((frame) => frame.frame.idle)).toEqual([true]);
    expect(outbound.seal(200)).toEqual([]);
    outbound.setIdle(false);
    expect(outbound.seal(300).map((frame) => frame.frame.idle)).toEqual([false]);
  });

  test("backpressure starts above the high mark, ends below half of it, and counts what consumers took", () => {
    const edge = edgeOf(1);
    const outbound = new Outbound([edge], 1, LIMITS, createEncodingCutter(65_280));
    const fill = (): ReturnType<Outbound["seal"]> => {
      edge.channels[0]!.appendBatch(createBatch([1, 2, 3]));
      return outbound.seal(0);
    };
    for (let i = 0; i < 4; i++) fill();
    expect([outbound.isAboveHigh, edge.channels[0]!.unconsumedEntries]).toEqual([false, 4]);
    const frames = fill();
    expect([outbound.isAboveHigh, outbound.isBelowLow]).toEqual([true, false]);
    expect(outbound.congested()).toEqual([{ channel: "e:0>0", seq: 5 }]);
    // The server counts the entries up to this commit; one more was sealed since.
    fill();
    outbound.onLengths(frames, [2]);
    expect(edge.channels[0]!.unconsumedEntries).toBe(3);
    outbound.onConsumed("e:0>0", 4);
    expect([outbound.isBelowLow, edge.channels[0]!.unconsumedEntries]).toEqual([true, 2]);
    // Old news arrive late: nothing comes back.
    outbound.onConsumed("e:0>0", 0);
    expect(edge.channels[0]!.unconsumedEntries).toBe(2);
    outbound.onConsumed("e:0>0", 6);
    expect([edge.channels[0]!.unconsumedEntries, edge.channels[0]!.unconsumedBytes]).toEqual([0, 0]);
  });

  test("bytes hold back as entries do", () => {
    const edge = edgeOf(1);
    const outbound = new Outbound([edge], 1, { ...LIMITS, highBytes: 1_000 }, createEncodingCutter(65_280));
    edge.channels[0]!.appendBatch(createBatch(["x".repeat(2_000)]));
    outbound.seal(0);
    expect(outbound.isAboveHigh).toBe(true);
  });

  test("entries that an earlier attempt left unconsumed count from the start", () => {
    const edge = new EdgeBuffer("e", [{ id: "e:0>0", seq: 10, lineage: 3 }], 100);
    const buffer = edge.channels[0]!;
    const outbound = new Outbound([edge], 4, LIMITS, cutByReference);
    outbound.restoreBacklog(buffer, 6, 500);
    expect([buffer.unconsumedEntries, buffer.unconsumedBytes, outbound.isAboveHigh]).toEqual([
      6,
      3_000,
      true,
    ]);
    buffer.appendBatch(createBatch([1]));
    const [frame] = outbound.seal(0);
    expect([frame!.seq, frame!.frame.prevLineage]).toEqual([11, 3]);
  });
});
