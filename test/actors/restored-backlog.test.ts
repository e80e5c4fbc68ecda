// A producer counts what its consumers have not taken. When it opens, they may be at work already.
import { describe, expect, test } from "vitest";
import { Mailbox } from "../../src/actors/kernel/mailbox.ts";
import type { PartitionEnvironment } from "../../src/actors/partition-environment.ts";
import { openPartition } from "../../src/actors/partition-opening.ts";
import { defaultSettings } from "../../src/actors/settings.ts";
import { cutByReference } from "../../src/broker/frame-cutter.ts";
import { LocalExchange } from "../../src/broker/local-exchange.ts";
import { MemoryChannelReader } from "../../src/broker/memory-channel.ts";
import { collect } from "../../src/connectors/collect.ts";
import type { Source } from "../../src/connectors/contract.ts";
import { createBatch } from "../../src/core/batch.ts";
import { systemClock } from "../../src/core/clock.ts";
import { EmbeddedStore } from "../../src/core/embedded-store.ts";
import { channelId } from "../../src/core/ids.ts";
import { noTelemetry } from "../../src/core/ports/telemetry.ts";
import { defineJob } from "../../src/dataflow/job.ts";
import { HeapStateBackend } from "../../src/state/heap-state-backend.ts";

const ENTRIES = 100;
const attach = { partition: "numbers.0", assignmentVersion: 1, incarnation: 1, layoutSeq: 0, worker: "w" };

describe("the backlog of a partition that opens", () => {
  for (const drained of [true, false])
    test(`${drained ? "is gone when its consumer drained it meanwhile" : "holds it back while nobody consumed"}`, async () => {
      const store = new EmbeddedStore();
      for (const partition of ["numbers.0", "same.0"]) store.createPartition(partition);
      const backend = new HeapStateBackend(store, "backlog");
      const source: Source<number> = {
        description: "numbers",
        bounded: true,
        replayable: true,
        splits: () => [{ id: "only" }],
        // Opening a source takes time: the consumer, in the same process, commits past everything.
        open: () => {
          if (drained) store.channel(channel).trim(ENTRIES, 1);
          return { read: () => ({ records: [], position: 0, end: true }), close() {} };
        },
      };
      const plan = defineJob("backlog", (job) =>
        job
          .source("numbers", source)
          .rebalance()
          .map("same", (n) => n)
          .to("out", collect()),
      ).plan({ parallelism: 1 });
      const channel = channelId(plan.edges[0]?.id ?? "", 0, 0);
      const earlier = await backend.attach({ ...attach, outputs: [channel] });
      await earlier.commit({
        seq: 1,
        drain: false,
        outputs: Array.from({ length: ENTRIES }, (_, i) => ({
          channel,
          seq: i + 1,
          lineage: earlier.attached.lineage,
          payload: undefined,
          frame: {
            prevLineage: i === 0 ? 0 : earlier.attached.lineage,
            watermark: Number.NEGATIVE_INFINITY,
            idle: false,
            end: false,
            barrier: undefined,
            batch: createBatch([i]),
          },
        })),
        state: [],
        trims: [],
        appends: [],
        meta: [],
      });

      const env = {
        plan,
        settings: defaultSettings,
        clock: systemClock,
        telemetry: noTelemetry,
        backend,
        reader: new MemoryChannelReader(store),
        exchange: new LocalExchange(),
        cut: cutByReference,
        encodesOnCommit: false,
        splits: new Map([["numbers", [{ id: "only" }]]]),
        worker: "w",
        redisUrl: undefined,
        incarnation: 1,
        layoutSeq: 0,
      } as Partial<PartitionEnvironment> as PartitionEnvironment;
      const host = { post() {}, fail() {}, consumed() {} };
      const stage = plan.stages[0];
      if (stage === undefined) throw new Error("the plan has no stage");
      const open = await openPartition(env, stage, 0, 2, host, new Mailbox(1));
      expect(open.outbound.isAboveHigh).toBe(!drained);
      await open.close();
    });
});
