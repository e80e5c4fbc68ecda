// HarnessAttempt — one life of the operators under test: begins with what is committed, ends when a call throws or the
// test restarts them.
//
// Owns:      the chains of operators, how far event time has come on every way to them, and what they have emitted since
//            the last commit.
// Does not:  know what a test has called; OperatorHarness keeps what is committed, and begins the next attempt.
import { buildOperatorChain, type OperatorChain } from "../actors/operator-chain.ts";
import { defaultSettings } from "../actors/settings.ts";
import { WorkRunner } from "../actors/work-runner.ts";
import { type Batch, MAX_WATERMARK, MIN_WATERMARK } from "../core/batch.ts";
import type { EmbeddedStore } from "../core/embedded-store.ts";
import { InvariantError } from "../core/errors.ts";
import { type PartitionId, partitionId } from "../core/ids.ts";
import { keyGroupRange } from "../core/key-group.ts";
import type { PartitionHandle, StateWrites, StoredTimer } from "../core/ports/state-backend.ts";
import { noTelemetry } from "../core/ports/telemetry.ts";
import type { OperatorMetrics, Receiver } from "../operators/operator.ts";
import type { EdgePlan, StagePlan } from "../plan/plan.ts";
import { PartitionClock } from "../time/partition-clock.ts";
import { saveWatermark, WatermarkMerge, WatermarkRegressionError } from "../time/watermarks.ts";
import type { EncodingStateBackend } from "./encoding-state-backend.ts";
import type { HarnessSettings } from "./harness-options.ts";
import { type HarnessPlan, OUTPUT, withReceivers } from "./harness-plan.ts";
import type { TestClock } from "./test-clock.ts";

/** What came out, with its event time in epoch ms if it has one. */
export interface Emitted<T> {
  readonly value: T;
  readonly timestamp: number | undefined;
}

/** How far time has come. */
export interface HarnessTime {
  /** Watermark of each input. */
  readonly inputs: readonly number[];
  /** What was promised on each edge to the stage behind the key. */
  readonly edges: readonly number[];
  /** The latest processing time that the operators have seen, in epoch ms; undefined before they asked for it. */
  readonly seenMs: number | undefined;
}

export interface AttemptParts {
  readonly plan: HarnessPlan;
  readonly settings: HarnessSettings<unknown, unknown>;
  readonly clock: TestClock;
  readonly store: EmbeddedStore;
  readonly backend: EncodingStateBackend;
  /** As committed. */
  readonly time: HarnessTime;
}

/** What one commit makes count. */
export interface Committed {
  readonly time: HarnessTime;
  /** By tag; the main output has the tag "". */
  readonly emitted: ReadonlyMap<string, readonly Emitted<unknown>[]>;
}

/** The one partition of a harness. */
export const PARTITION: PartitionId = partitionId("harness", 0);

/** One stage with its operators, and what a unit of work needs. */
interface Running {
  readonly chain: OperatorChain;
  readonly runner: WorkRunner;
}

export class HarnessAttempt {
  /** Counters by name of the operator. */
  readonly metrics: ReadonlyMap<string, OperatorMetrics>;
  readonly #parts: AttemptParts;
  readonly #handle: PartitionHandle;
  readonly #keyed: Running | undefined;
  readonly #inputs: readonly Running[];
  readonly #time: { readonly inputs: number[]; readonly edges: number[] };
  readonly #clock: PartitionClock;
  #seenMs: number | undefined;
  #emitted = new Map<string, Emitted<unknown>[]>();
  #seq: number;

  constructor(parts: AttemptParts) {
    this.#parts = parts;
    const { plan, clock, store, backend, time } = parts;
    this.#handle = backend.attachAtOnce({
      partition: PARTITION,
      assignmentVersion: 0,
      incarnation: store.incarnation,
      layoutSeq: store.layoutSeq,
      worker: "harness",
      outputs: [],
    });
    this.#seq = this.#handle.attached.seq;
    this.#time = { inputs: [...time.inputs], edges: [...time.edges] };
    this.#clock = new PartitionClock(clock, time.seenMs);
    this.#seenMs = time.seenMs;
    const metrics = new Map<string, OperatorMetrics>();
    const { keyed, inputs, edges } = plan;
    const merge = mergeOf(time.edges);
    this.#keyed = keyed && this.#build(keyed, merge.current, [], metrics);
    this.#inputs = inputs.map((stage, input) => {
      const ways = edges.flatMap((edge, i) =>
        edge.from === stage.id
          ? [{ operator: edge.fromOperator, tag: edge.fromTag, receiver: this.#receiverOf(edge, i, merge) }]
          : [],
      );
      return this.#build(stage, time.inputs[input] as number, ways, metrics);
    });
    metrics.delete(OUTPUT);
    this.metrics = metrics;
  }

  /** Records into an input. */
  push(input: number, batch: Batch): void {
    this.#run(this.#inputs[input] as Running, batch, 0, undefined);
  }

  /** The watermark of an input. @throws {WatermarkRegressionError} */
  advance(input: number, watermark: number): void {
    const held = this.#time.inputs[input] as number;
    if (watermark < held) throw new WatermarkRegressionError(input, held, watermark);
    this.#time.inputs[input] = watermark;
    this.#run(this.#inputs[input] as Running, undefined, 0, watermark);
  }

  /** Everything that is due on the clock. */
  fireProcessingTime(): void {
    while (this.#keyed?.runner.fireProcessingTime());
  }

  /** Closes the epoch. */
  commit(): Committed {
    const stateful = this.#running().flatMap(({ chain }) => chain.stateful);
    const state: StateWrites[] = [];
    for (const operator of stateful) operator.collectWrites(state);
    const seq = this.#seq + 1;
    const answer = atOnce(
      this.#handle.commit({ seq, drain: true, outputs: [], state, trims: [], appends: [], meta: [] }),
    );
    if (answer.kind !== "OK") throw new InvariantError("a harness commits alone", { answer: answer.kind });
    this.#seq = seq;
    for (const operator of stateful) operator.acknowledge();
    const emitted = this.#emitted;
    this.#emitted = new Map();
    this.#seenMs = this.#clock.takeHighest() ?? this.#seenMs;
    const { inputs, edges } = this.#time;
    return { time: { inputs: [...inputs], edges: [...edges], seenMs: this.#seenMs }, emitted };
  }

  #running(): readonly Running[] {
    return this.#keyed === undefined ? this.#inputs : [...this.#inputs, this.#keyed];
  }

  #build(
    stage: StagePlan,
    watermark: number,
    edges: Parameters<typeof buildOperatorChain>[0]["edges"],
    metrics: Map<string, OperatorMetrics>,
  ): Running {
    const { settings } = this.#parts;
    const clock = this.#clock;
    const keyGroups = keyGroupRange(0, 1);
    const timers = new Map<string, readonly [number, StoredTimer[]][]>();
    for (const { type, name } of stage.operators)
      if (type === "keyed")
        timers.set(name, atOnce(this.#handle.loadTimers(name, keyGroups.first, keyGroups.end)));
    const chain = buildOperatorChain({
      stage: withReceivers(stage, this.#collector(""), (tag) => this.#collector(tag)),
      partition: 0,
      clock,
      keyGroups,
      startsEmpty: this.#seq === 0 && settings.restore === undefined,
      lineage: this.#handle.attached.lineage,
      cacheEntries: settings.cacheEntries ?? defaultSettings.cacheEntries,
      watermark,
      encodesOnCommit: true,
      timers,
      sinks: new Map(),
      wake: () => {},
      metrics,
      edges,
    });
    for (const operator of chain.unkeyed) {
      const loads = operator.storedState();
      if (loads.length === 0) continue;
      atOnce(this.#handle.load(loads));
      operator.supply(loads);
    }
    const runner = new WorkRunner(
      { chain, clock, sinks: [], handle: this.#handle },
      {
        partition: PARTITION,
        host: { post: refuseToWait, fail: refuseToWait },
        clock,
        telemetry: noTelemetry,
        timerSlice: settings.timerSlice ?? defaultSettings.timerSlice,
      },
    );
    return { chain, runner };
  }

  #collector(tag: string): Receiver {
    return {
      onBatch: ({ values, timestamps }) => {
        const emitted = this.#emitted.get(tag) ?? [];
        this.#emitted.set(tag, emitted);
        for (let i = 0; i < values.length; i++)
          emitted.push({ value: values[i], timestamp: timestamps?.[i] });
      },
      onWatermark() {},
    };
  }

  /** The way into the stage behind the key. */
  #receiverOf({ partitioning, input }: EdgePlan, index: number, merge: WatermarkMerge): Receiver {
    const keyOf =
      partitioning.kind === "key" ? (partitioning.keyOf as (record: unknown) => unknown) : undefined;
    return {
      onBatch: (batch) => {
        const keys = keyOf === undefined ? undefined : batch.values.map(keyOf);
        this.#run(this.#keyed as Running, { ...batch, keys }, input, undefined);
      },
      onWatermark: (watermark) => {
        this.#time.edges[index] = watermark;
        const merged = merge.update(index, watermark, false);
        if (merged !== undefined) this.#run(this.#keyed as Running, undefined, input, merged);
      },
    };
  }

  #run({ runner }: Running, batch: Batch | undefined, input: number, watermark: number | undefined): void {
    runner.begin({ batch, input, watermark, idle: false, ended: watermark === MAX_WATERMARK });
    while (runner.advance(true) !== "done");
  }
}

/** Of a harness of which nothing is committed. */
export function startOfTime({ inputs, edges }: HarnessPlan): HarnessTime {
  return {
    inputs: inputs.map(() => MIN_WATERMARK),
    edges: edges.map(() => MIN_WATERMARK),
    seenMs: undefined,
  };
}

/** The watermark of the stage behind the key, as it was committed. */
function mergeOf(edges: readonly number[]): WatermarkMerge {
  if (edges.length === 0) return new WatermarkMerge(1);
  return WatermarkMerge.restore(
    { merged: saveWatermark(Math.min(...edges)), inputs: edges.map(saveWatermark), idle: [] },
    edges.length,
  );
}

function atOnce<T>(answer: T | Promise<T>): T {
  if (answer instanceof Promise) throw new InvariantError("the heap answers without promises");
  return answer;
}

function refuseToWait(): never {
  throw new InvariantError("nothing waits in a harness");
}
