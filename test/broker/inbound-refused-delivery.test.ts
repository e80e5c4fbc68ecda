// Regression: a bounded job stood still for ever after its sources had ended.
//
// A consumer reads a channel of a producer in the same process. While the read is on its way the producer commits and
// delivers; the mailbox is full, so the delivery is refused and the frame must be read later. Then the read comes back
// empty, because the server had answered it before the commit. The channel was taken for drained, and a channel with a
// local producer is not watched: when the refused frame was the producer's last, nothing ever asked for it again.
import { expect, test } from "vitest";
import { Inbound, type InboundMail } from "../../src/broker/inbound.ts";
import type { Frame } from "../../src/core/batch.ts";

const frame = (prevLineage: number): Frame => ({
  batch: undefined,
  watermark: 0,
  idle: false,
  end: false,
  barrier: undefined,
  prevLineage,
});

function open(offer: (mail: InboundMail) => boolean): Inbound {
  return new Inbound([{ channel: "x:0>0", seq: 0, lineage: 0 }], offer, () => {
    throw new Error("nothing is decoded here");
  });
}

test("H1 a delivery that was refused during a read is read later, although that read found nothing", () => {
  const inbound = open(() => false);
  const cursors = inbound.behind();
  expect(inbound.deliver("x:0>0", 1, 7, frame(0))).toBe(false);
  inbound.takeRead(cursors, [[]]);
  expect(inbound.behind()).toEqual([{ channel: "x:0>0", seq: 0, lineage: 0 }]);
});

test("H1 a signal that came during a read is followed, although that read found nothing", () => {
  const inbound = open(() => true);
  const cursors = inbound.behind();
  inbound.markBehind("x:0>0");
  inbound.takeRead(cursors, [[]]);
  expect(inbound.behind()).toHaveLength(1);
  inbound.takeRead(cursors, [[]]);
  expect(inbound.behind()).toEqual([]);
});
