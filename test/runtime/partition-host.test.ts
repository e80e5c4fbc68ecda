import { describe, expect, test } from "vitest";
import { BacklogPoller } from "../../src/actors/backlog-poller.ts";
import { Dispatcher } from "../../src/actors/kernel/dispatcher.ts";
import { defaultRestartPolicy, type RestartPolicy } from "../../src/actors/kernel/supervision.ts";
import { MemoryGauge } from "../../src/actors/memory-gauge.ts";
import type { PartitionEnvironment } from "../../src/actors/partition-environment.ts";
import { defaultSettings } from "../../src/actors/settings.ts";
import { ChannelGapError } from "../../src/broker/errors.ts";
import { MemoryChannelReader } from "../../src/broker/memory-channel.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { EmbeddedStore } from "../../src/core/embedded-store.ts";
import { EngineError } from "../../src/core/errors.ts";
import { StaleAssignmentError } from "../../src/core/partition-errors.ts";
import { collect, collection, defineJob } from "../../src/index.ts";
import { PartitionHost } from "../../src/runtime/partition-host.ts";
import { PastFigures } from "../../src/runtime/past-figures.ts";

const PARTITION = "numbers.0";
const GAP = new ChannelGapError("x:0>0", 5, 7);

class PassingError extends EngineError<"PASSING"> {
  constructor() {
    super("PASSING", "it may pass", { retry: "partition" });
  }
}

/** A host of one partition whose every attempt fails while it attaches. */
function failing(options: { policy?: Partial<RestartPolicy>; assigned?: () => boolean } = {}) {
  const clock = new ManualClock();
  const reader = new MemoryChannelReader(new EmbeddedStore());
  const told: string[] = [];
  let error: Error = new PassingError();
  let attaches = 0;
  const env = {
    plan: defineJob("host", (job) => job.source("numbers", collection([1])).to("out", collect())).plan({
      parallelism: 1,
    }),
    ...{ clock, reader, settings: defaultSettings, dispatcher: new Dispatcher(), memory: new MemoryGauge() },
    backlog: new BacklogPoller(reader, clock),
    backend: {
      attach: async () => {
        attaches++;
        throw error;
      },
    },
  } as unknown as PartitionEnvironment;
  const memory = { restarts: new Map<string, number>(), past: new PastFigures() };
  const createHost = (): PartitionHost =>
    new PartitionHost(
      env,
      {
        ...{ onRunning: () => {}, onEnded: () => {}, onCommitRefused: () => {} },
        onJobFailure: (_partition, { message }) => told.push(`failed: ${message}`),
        onSessionDoubt: () => told.push("session"),
        onRestart: (_partition, _error, delayMs) => told.push(`restart in ${delayMs}`),
        isStillAssigned: async () => options.assigned?.() ?? true,
      },
      true,
      { ...defaultRestartPolicy, ...options.policy },
      memory,
    );
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  return {
    ...{ told, memory, createHost, settled },
    get attaches(): number {
      return attaches;
    },
    failWith: (next: Error): void => {
      error = next;
    },
    pass: async (ms: number): Promise<void> => {
      clock.advance(ms);
      await settled();
    },
  };
}

const assigned = (version: number): Map<string, number> => new Map([[PARTITION, version]]);

describe("PartitionHost", () => {
  test("restarts a partition as often and after such waits as the policy says, then fails the job", async () => {
    const given = failing({ policy: { maxRestarts: 3, initialBackoffMs: 10, maxBackoffMs: 20 } });
    given.createHost().reconcile(assigned(1));
    await given.settled();
    for (const ms of [10, 20, 20]) await given.pass(ms);
    expect(given.told).toEqual(["restart in 10", "restart in 20", "restart in 20", "failed: it may pass"]);
    expect(given.attaches).toBe(4);
  });

  test("restarts in a row count on over sessions, and no longer when the partition was elsewhere", async () => {
    const given = failing({ policy: { maxRestarts: 1 } });
    const first = given.createHost();
    first.reconcile(assigned(1));
    await given.settled();
    first.abandonAll();
    const second = given.createHost();
    second.reconcile(assigned(1));
    await given.settled();
    expect(given.told).toEqual(["restart in 100", "failed: it may pass"]);

    second.reconcile(new Map());
    second.reconcile(assigned(3));
    await given.settled();
    expect(given.told.slice(2)).toEqual(["restart in 100"]);
  });

  test("a channel that does not fit is no failure when the partition belongs to somebody else", async () => {
    const given = failing({ assigned: () => false });
    given.failWith(GAP);
    given.createHost().reconcile(assigned(1));
    await given.settled();
    await given.pass(60_000);
    expect(given.told).toEqual([]);
    expect(given.attaches).toBe(1);
    expect(given.memory.restarts.size).toBe(0);
  });

  test("a channel that does not fit its owner is tried three times", async () => {
    const given = failing();
    given.failWith(GAP);
    given.createHost().reconcile(assigned(1));
    await given.settled();
    for (let i = 0; i < 5; i++) await given.pass(1_000);
    expect(given.told).toEqual([
      "restart in 100",
      "restart in 200",
      "restart in 400",
      `failed: ${GAP.message}`,
    ]);
  });

  test("a zombie that learns at its next attach what it is leaves no restart behind", async () => {
    const given = failing();
    given.createHost().reconcile(assigned(1));
    await given.settled();
    given.failWith(new StaleAssignmentError(PARTITION, 1, 2));
    await given.pass(100);
    expect(given.told).toEqual(["restart in 100"]);
    expect(given.memory.restarts.size).toBe(0);
  });
});
