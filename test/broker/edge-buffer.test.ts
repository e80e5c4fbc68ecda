import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EdgeBuffer } from "../../src/broker/edge-buffer.ts";
import { cutByReference } from "../../src/broker/frame-cutter.ts";
import { Outbound } from "../../src/broker/outbound.ts";
import { routeByKey } from "../../src/broker/router.ts";
import { createBatch } from "../../src/core/batch.ts";

const INTERVAL_MS = 20;
const LIMITS = { highEntries: 5, highBytes: 1_000_000, watermarkIntervalMs: INTERVAL_MS };

function edgeOf(id: string, channels: number): EdgeBuffer {
  return new EdgeBuffer(
    id,
    Array.from({ length: channels }, (_, i) => ({ id: `${id}:0>${i}`, seq: 0, lineage: 0 })),
    100,
  );
}

const action = fc.oneof(
  fc.record({ kind: fc.constant("advance" as const), edge: fc.nat(1), by: fc.nat(2) }),
  fc.record({ kind: fc.constant("idle" as const), idle: fc.boolean() }),
  fc.record({
    kind: fc.constant("records" as const),
    edge: fc.nat(1),
    keys: fc.array(fc.nat(20), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("seal" as const), afterMs: fc.nat(30) }),
  fc.record({ kind: fc.constant("consume" as const), channel: fc.nat(7), seq: fc.nat(30) }),
);

describe("EdgeBuffer", () => {
  test("what is answered without a walk is what a walk over all channels finds", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const edges = [edgeOf("a", 3), edgeOf("b", 5)];
        const outbound = new Outbound(edges, 1, LIMITS, cutByReference);
        const routes = edges.map((edge) => routeByKey(edge, (key) => key));
        let idle = false;
        let nowMs = 0;
        let buffered = 0;
        for (const act of actions) {
          if (act.kind === "advance") {
            const edge = edges[act.edge]!;
            edge.advance(Math.max(edge.watermark, 0) + act.by);
          } else if (act.kind === "idle") {
            idle = act.idle;
            outbound.setIdle(idle);
          } else if (act.kind === "records") {
            if (act.keys.length === 0) continue;
            routes[act.edge]!(createBatch(act.keys));
            buffered += act.keys.length;
          } else if (act.kind === "seal") {
            nowMs += act.afterMs;
            outbound.seal(nowMs);
            buffered = 0;
          } else {
            outbound.onConsumed(outbound.channels[act.channel]!.id, act.seq);
          }
          const owing = edges.flatMap((edge) =>
            edge.channels.filter((channel) => edge.owesControl(channel, idle)),
          );
          expect(outbound.nextControlMs()).toBe(
            Math.min(...owing.map(({ lastSentMs }) => lastSentMs + INTERVAL_MS)),
          );
          expect(outbound.bufferedRecords).toBe(buffered);
          const most = Math.max(...outbound.channels.map(({ unconsumedEntries }) => unconsumedEntries));
          expect([outbound.isAboveHigh, outbound.isBelowLow]).toEqual([most > 5, most <= 2]);
          expect(outbound.congested().map(({ channel }) => channel)).toEqual(
            outbound.channels.filter(({ unconsumedEntries }) => unconsumedEntries > 2).map(({ id }) => id),
          );
        }
      }),
    );
  });
});
