import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChannelConflictError, ChannelGapError } from "../../src/broker/errors.ts";
import { Inbound, type InboundMail } from "../../src/broker/inbound.ts";
import { createBatch, type Frame } from "../../src/core/batch.ts";
import type { ChannelEntry } from "../../src/core/ports/channel.ts";

const CHANNEL = "e:0>0";

function frame(seq: number, prevLineage: number): Frame {
  return {
    prevLineage,
    watermark: seq,
    idle: false,
    end: false,
    barrier: undefined,
    batch: createBatch([seq]),
  };
}

/** Entries 1..count, all of lineage 1. */
function entries(count: number): ChannelEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    seq: i + 1,
    lineage: 1,
    payload: undefined,
    frame: frame(i + 1, i === 0 ? 0 : 1),
  }));
}

function open(seq = 0, lineage = 0, capacity = Number.POSITIVE_INFINITY) {
  const taken: InboundMail[] = [];
  const room = { capacity };
  const inbound = new Inbound(
    [{ channel: CHANNEL, seq, lineage }],
    (mail) => {
      if (taken.length >= room.capacity) return false;
      taken.push(mail);
      return true;
    },
    () => {
      throw new Error("nothing is encoded here");
    },
  );
  return { inbound, taken, room, seqs: () => taken.map((mail) => mail.seq) };
}

describe("Inbound", () => {
  test("H1 every entry is taken once and in order, for any mix of deliveries, reads, refusals and repeats", () => {
    const step = fc.record({
      how: fc.constantFrom("deliver", "read", "stale-read", "fill", "free"),
      size: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const stored = entries(30);
        const { inbound, taken, room, seqs } = open();
        let committed = 0;
        const read = (cursor: number, count: number): void => {
          const cursors = [{ channel: CHANNEL, seq: cursor, lineage: cursor === 0 ? 0 : 1 }];
          inbound.takeRead(cursors, [stored.slice(cursor, Math.min(committed, cursor + count))]);
        };
        for (const { how, size } of steps) {
          if (how === "deliver") {
            for (let i = 0; i < size && committed < stored.length; i++) {
              const { seq, lineage, frame: given } = stored[committed++]!;
              inbound.deliver(CHANNEL, seq, lineage, given!);
            }
          } else if (how === "read") read(inbound.behind()[0]?.seq ?? taken.length, size);
          // A read that was sent before other entries arrived on the other way.
          else if (how === "stale-read") read(Math.max(0, taken.length - size), size + 2);
          else if (how === "fill") room.capacity = taken.length + size - 1;
          else room.capacity = Number.POSITIVE_INFINITY;
          expect(seqs()).toEqual(Array.from({ length: taken.length }, (_, i) => i + 1));
        }
        // In the end nothing is forgotten: what was refused is still known to wait in the store.
        room.capacity = Number.POSITIVE_INFINITY;
        for (let guard = 0; inbound.behind().length > 0 && guard < 40; guard++)
          read(inbound.behind()[0]!.seq, 5);
        expect(taken.length).toBe(committed);
      }),
    );
  });

  test("H1 a hole in the store is a gap, named with both numbers", () => {
    const { inbound } = open();
    const cursors = inbound.behind();
    expect(() => inbound.takeRead(cursors, [entries(5).filter((entry) => entry.seq !== 2)])).toThrow(
      new ChannelGapError(CHANNEL, 2, 3),
    );
  });

  test("H2 an entry that follows another lineage than the one taken is a conflict", () => {
    const { inbound } = open(1, 7);
    const rewritten = { seq: 2, lineage: 9, payload: undefined, frame: frame(2, 8) };
    expect(() => inbound.takeRead(inbound.behind(), [[rewritten]])).toThrow(ChannelConflictError);
  });

  test("H2 the same number with a larger lineage means that the producer wrote it anew", () => {
    const { inbound } = open(3, 7);
    const rewritten = { seq: 3, lineage: 9, payload: undefined, frame: frame(3, 7) };
    expect(() => inbound.takeRead(inbound.behind(), [[rewritten]])).toThrow(ChannelConflictError);
  });

  test("a delivery of another lineage is not taken but looked up in the store", () => {
    const { inbound, taken } = open(1, 7);
    inbound.takeRead(inbound.behind(), [[]]);
    expect(inbound.behind()).toEqual([]);
    expect(inbound.deliver(CHANNEL, 2, 9, frame(2, 8))).toBe(false);
    expect(taken).toEqual([]);
    expect(inbound.behind()).toEqual([{ channel: CHANNEL, seq: 1, lineage: 7 }]);
  });

  test("an ended channel is neither read nor watched", () => {
    const { inbound } = open();
    inbound.markEnded(0);
    inbound.markBehind(CHANNEL);
    expect([inbound.behind(), inbound.drained(CHANNEL)]).toEqual([[], undefined]);
  });
});
