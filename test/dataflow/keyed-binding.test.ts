import { describe, expect, test } from "vitest";
import { type Batch, createBatch, MAX_WATERMARK } from "../../src/core/batch.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { keyGroupRange } from "../../src/core/key-group.ts";
import { EventTimeUnavailableError } from "../../src/dataflow/event-time-guard.ts";
import { defineJob, type JobBuilder } from "../../src/dataflow/job.ts";
import type { KeyedStream } from "../../src/dataflow/keyed-stream.ts";
import { count } from "../../src/operators/aggregates.ts";
import { emits } from "../../src/operators/keyed-process.ts";
import { createOperatorMetrics, type KeyedOperator } from "../../src/operators/operator.ts";
import { sideTag } from "../../src/operators/side-tag.ts";
import type { JobPlan } from "../../src/plan/plan.ts";
import { value } from "../../src/state/descriptors.ts";
import { tumbling } from "../../src/time/windows.ts";
import { type Bid, testSink, testSource } from "./fixtures.ts";

interface Pair {
  readonly auction: number;
  readonly bidder: string;
}

const pairCodec = {
  encode: (key: Pair) => `${key.auction}/${key.bidder}`,
  decode: (text: string): Pair => {
    const [auction = "", bidder = ""] = text.split("/");
    return { auction: Number(auction), bidder };
  },
};

const bid = (auction: number, bidder: string, price: number, at = 0): Bid => ({ auction, bidder, price, at });

/** The plan of a job with one keyed operator, under an object key. */
function planOf(keyed: (stream: KeyedStream<Pair, Bid>, job: JobBuilder) => void, timed = true): JobPlan {
  return defineJob("test", (job) => {
    const options = timed ? { timestamp: (record: Bid) => record.at } : {};
    const stream = job.source("bids", testSource<Bid>(), options);
    keyed(
      stream.keyBy((record) => ({ auction: record.auction, bidder: record.bidder }), { keyCodec: pairCodec }),
      job,
    );
  }).plan({ parallelism: 1 });
}

/** The keyed operator of a plan, as a partition runs it: with the keys that its edge makes. */
class Runner {
  readonly outputs: unknown[] = [];
  readonly sides: unknown[] = [];
  readonly operator: KeyedOperator;
  readonly #keyOf: (record: never) => unknown;

  constructor(plan: JobPlan) {
    const operator = plan.stages[1]?.operators[0];
    const partitioning = plan.edges[0]?.partitioning;
    if (operator?.type !== "keyed" || partitioning?.kind !== "key") throw new Error("no keyed operator");
    this.#keyOf = partitioning.keyOf;
    const into = (list: unknown[]) => ({
      onBatch: (batch: Batch) => list.push(...batch.values),
      onWatermark: () => {},
    });
    this.operator = operator.create({
      operator: operator.name,
      partition: 0,
      parallelism: 1,
      clock: new ManualClock(),
      metrics: createOperatorMetrics(),
      onError: operator.onError,
      output: into(this.outputs),
      side: () => into(this.sides),
      keyGroups: keyGroupRange(0, 1),
      startsEmpty: true,
      cacheEntries: 100,
      timers: [],
      watermark: Number.NEGATIVE_INFINITY,
      encodesOnCommit: false,
    });
  }

  send(...records: readonly Bid[]): void {
    const batch = createBatch(
      [...records],
      records.map((record) => record.at),
    );
    batch.keys = records.map((record) => this.#keyOf(record as never));
    expect(this.operator.missingForBatch(batch)).toEqual([]);
    this.operator.onBatch(batch);
  }

  end(): void {
    expect(this.operator.advanceEventTime(MAX_WATERMARK, 1_000)).toBe(true);
  }
}

describe("a key with a codec", () => {
  test("reaches the edge as text: equal keys meet whatever object holds them", () => {
    const plan = planOf((stream) => stream.aggregate("n", count()).to("out", testSink()));
    const { partitioning } = plan.edges[0] ?? {};
    expect(partitioning?.kind === "key" && partitioning.keyOf(bid(7, "b", 1) as never)).toBe("7/b");
  });

  test("is decoded in the results of aggregates and windows", () => {
    const aggregate = new Runner(planOf((stream) => stream.aggregate("n", count()).to("out", testSink())));
    aggregate.send(bid(7, "b", 1), bid(8, "c", 1), bid(7, "b", 1));
    expect(aggregate.outputs).toEqual([
      { key: { auction: 7, bidder: "b" }, value: 1 },
      { key: { auction: 8, bidder: "c" }, value: 1 },
      { key: { auction: 7, bidder: "b" }, value: 2 },
    ]);

    const window = new Runner(
      planOf((stream) => stream.window(tumbling("1s")).aggregate("n", count()).to("out", testSink())),
    );
    window.send(bid(7, "b", 1, 10), bid(7, "b", 1, 20), bid(7, "b", 1, 1_500));
    window.end();
    expect(window.outputs).toEqual([
      { key: { auction: 7, bidder: "b" }, value: 2, window: { start: 0, end: 1_000 } },
      { key: { auction: 7, bidder: "b" }, value: 1, window: { start: 1_000, end: 2_000 } },
    ]);
  });

  test("is decoded in the context of process, in timers too, beside everything else of the context", () => {
    const tag = sideTag<number>("prices");
    const runner = new Runner(
      planOf((stream) => {
        const processed = stream.process("p", {
          state: { total: value({ default: 0 }) },
          emits: emits<readonly [Pair, number, number | undefined]>(),
          onRecord(record, context) {
            context.state.total.set(context.state.total.get() + record.price);
            context.timers.event(record.at + 100);
            context.side(tag, record.price);
            context.emit([context.key, context.state.total.get(), context.timestamp]);
          },
          onTimer(timer, context) {
            context.emit([context.key, -timer.time, context.timestamp]);
          },
        });
        processed.to("out", testSink());
        processed.sideOutput(tag).to("side", testSink());
      }),
    );
    runner.send(bid(7, "b", 5, 10), bid(8, "c", 6, 20), bid(7, "b", 7, 30));
    runner.end();
    const [b, c] = [
      { auction: 7, bidder: "b" },
      { auction: 8, bidder: "c" },
    ];
    expect(runner.outputs).toEqual([
      [b, 5, 10],
      [c, 6, 20],
      [b, 12, 30],
      [b, -110, 110],
      [c, -120, 120],
      [b, -130, 130],
    ]);
    expect(runner.sides).toEqual([5, 6, 7]);
  });

  test("two partitions in one process do not see each other's keys", () => {
    const plan = planOf((stream) =>
      stream
        .process("p", {
          emits: emits<Pair>(),
          onRecord: (_record, context) => context.emit(context.key),
        })
        .to("out", testSink()),
    );
    const [first, second] = [new Runner(plan), new Runner(plan)];
    first.send(bid(1, "a", 0));
    second.send(bid(2, "b", 0));
    first.send(bid(1, "a", 0));
    expect(first.outputs).toEqual([
      { auction: 1, bidder: "a" },
      { auction: 1, bidder: "a" },
    ]);
    expect(second.outputs).toEqual([{ auction: 2, bidder: "b" }]);
  });
});

describe("reduce of a window", () => {
  test("starts with the first record and combines over panes", () => {
    const runner = new Runner(
      planOf((stream) =>
        stream
          .window(tumbling("1s"))
          .reduce("dearest", (a, b) => (b.price > a.price ? b : a))
          .to("out", testSink()),
      ),
    );
    runner.send(bid(7, "b", 5, 10), bid(7, "b", 9, 20), bid(7, "b", 7, 30));
    runner.end();
    expect(runner.outputs).toEqual([
      { key: { auction: 7, bidder: "b" }, value: bid(7, "b", 9, 20), window: { start: 0, end: 1_000 } },
    ]);
  });
});

describe("an event-time timer", () => {
  const timers = (timed: boolean) =>
    new Runner(
      planOf(
        (stream) =>
          stream
            .process("p", {
              emits: emits<number>(),
              onRecord(record, context) {
                if (record.price === 0) context.timers.processing(record.at);
                else context.timers.event(record.at);
              },
              onTimer: (timer, context) => context.emit(timer.time),
            })
            .to("out", testSink()),
        timed,
      ),
    );

  test("is refused where no source gives event time: it would never fire", () => {
    const send = (): void => timers(false).send(bid(7, "b", 5, 10));
    expect(send).toThrow(EventTimeUnavailableError);
    expect(send).toThrow(
      'process "p" set an event-time timer, but source "bids" has no timestamps, so it would never fire; ' +
        "give the source a `timestamp` option or its records one with assignTimestamps, or use timers.processing",
    );
  });

  test("of processing time is fine there, and any timer with timestamps", () => {
    timers(false).send(bid(7, "b", 0, 10));
    const runner = timers(true);
    runner.send(bid(7, "b", 5, 10));
    runner.end();
    expect(runner.outputs).toEqual([10]);
  });
});
