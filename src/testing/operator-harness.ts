// OperatorHarness — one operator by itself: records and time go in by hand, everything that comes out is looked at.
//
// The operators, their order of calls and their storage are those of the engine: the chain of the stage, the runner of
// units of work, epochs that pass through the codecs. Only what is around a partition is missing: nothing waits.
//
// Every call is one epoch. A call that throws counts for nothing, as in the engine: the operator starts again from what
// was committed before.
import { buildOperatorChain, type OperatorChain } from "../actors/operator-chain.ts";
import { defaultSettings } from "../actors/settings.ts";
import { WorkRunner } from "../actors/work-runner.ts";
import { type Batch, createBatch, MAX_WATERMARK, MIN_WATERMARK } from "../core/batch.ts";
import { EmbeddedStore } from "../core/embedded-store.ts";
import { InvariantError } from "../core/errors.ts";
import { type PartitionId, partitionId } from "../core/ids.ts";
import { keyGroupRange, type PrimitiveKey } from "../core/key-group.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import type { PartitionHandle, StateWrites, StoredTimer } from "../core/ports/state-backend.ts";
import { noTelemetry } from "../core/ports/telemetry.ts";
import type { KeyedStream } from "../dataflow/keyed-stream.ts";
import type { Stream } from "../dataflow/stream.ts";
import {
  DEAD_LETTER_TAG,
  type DeadLetter,
  type OperatorMetrics,
  type Receiver,
} from "../operators/operator.ts";
import type { SideTag } from "../operators/side-tag.ts";
import { LATE_TAG } from "../operators/window.ts";
import type { EdgePlan, StagePlan } from "../plan/plan.ts";
import { HeapStateBackend } from "../state/heap-state-backend.ts";
import { restoreWatermark, saveWatermark, WatermarkMerge } from "../time/watermarks.ts";
import { EncodingStateBackend } from "./encoding-state-backend.ts";
import { HarnessEndedError, HarnessSnapshotError } from "./errors.ts";
import { type HarnessBuild, type HarnessPlan, OUTPUT, planHarness, withReceivers } from "./harness-plan.ts";
import { type HarnessSnapshot, restoreGroups, saveGroups } from "./harness-snapshot.ts";
import { TestClock, type TestTime } from "./test-clock.ts";

/** What came out, with its event time in epoch ms if it has one. */
export interface Emitted<T> {
  readonly value: T;
  readonly timestamp: number | undefined;
}

export interface HarnessSettings<In, Second> {
  /** Event time in epoch ms of records that are pushed without one. Default: they have none. */
  readonly timestamp?: ((record: NoInfer<In> | NoInfer<Second>) => number) | undefined;
  /** Processing time at the beginning in epoch ms. Default 0, or that of the snapshot. */
  readonly startMs?: number | undefined;
  /** State entries held in the heap: a small number makes the operator fetch what it had before. Default 200,000. */
  readonly cacheEntries?: number | undefined;
  /** Timers fired in one go, between which an epoch may close. Default 1,000. */
  readonly timerSlice?: number | undefined;
  /** Goes on from here. Default: nothing is stored. */
  readonly restore?: HarnessSnapshot | undefined;
}

export interface KeyedHarnessOptions<K extends PrimitiveKey, In, Out, Second>
  extends HarnessSettings<In, Second> {
  readonly key: (record: In) => K;
  /** Describes the operator. With two parameters it gets a second input, which it may key or broadcast. */
  readonly build: (stream: KeyedStream<K, In>, second: Stream<Second>) => Stream<Out>;
}

export interface StreamHarnessOptions<In, Out, Second> extends HarnessSettings<In, Second> {
  readonly key?: undefined;
  /** Describes the operators: without keys, or with a `keyBy` of their own. */
  readonly build: (stream: Stream<In>, second: Stream<Second>) => Stream<Out>;
}

/** How much is stored. */
export interface StateSize {
  /** Values, entries of maps and elements of lists. */
  readonly entries: number;
  /** Timers that have not fired, those of the engine (which remove expired state) included. */
  readonly timers: number;
}

const OPTIONS = ["key", "build", "timestamp", "startMs", "cacheEntries", "timerSlice", "restore"] as const;

/**
 * Runs the operator that `build` describes, record by record.
 *
 * @throws {HarnessBuildError} when it is more than one stage behind the key, or waits for requests
 * @throws {InvalidJobError} for what is wrong with its description
 * @throws {HarnessSnapshotError} when `restore` does not fit
 */
export function operatorHarness<K extends PrimitiveKey, In, Out, Second = never>(
  options: KeyedHarnessOptions<K, In, Out, Second>,
): OperatorHarness<In, Out, Second>;
export function operatorHarness<In, Out, Second = never>(
  options: StreamHarnessOptions<In, Out, Second>,
): OperatorHarness<In, Out, Second>;
export function operatorHarness(given: object): OperatorHarness<unknown, unknown, unknown> {
  const options = given as AnyHarnessOptions;
  checkOptions("operatorHarness", options, OPTIONS);
  if (typeof options?.build !== "function")
    throw new InvalidOptionError(
      "operatorHarness",
      "build",
      options?.build,
      "a function from stream to stream",
    );
  checkWholeNumber("operatorHarness", "cacheEntries", options.cacheEntries, 1);
  checkWholeNumber("operatorHarness", "timerSlice", options.timerSlice, 1);
  return new OperatorHarness(planHarness(options.key, options.build), options);
}

type AnyHarnessOptions = HarnessSettings<unknown, unknown> & {
  readonly key?: ((record: unknown) => PrimitiveKey) | undefined;
  readonly build: HarnessBuild;
};

/** One stage with its operators, and what a unit of work needs. */
interface Running {
  readonly chain: OperatorChain;
  readonly runner: WorkRunner;
}

/** Made by {@link operatorHarness}. */
export class OperatorHarness<In, Out, Second = never> {
  /** Processing time. Timers that become due fire at once. */
  readonly clock: TestTime;
  readonly #plan: HarnessPlan;
  readonly #settings: HarnessSettings<unknown, unknown>;
  readonly #clock: TestClock;
  readonly #store = new EmbeddedStore();
  readonly #backend: EncodingStateBackend;
  /** Names of the operators with state. */
  readonly #stateful: readonly string[];
  /** What was committed and not taken yet, by tag; the main output has the tag "". */
  readonly #emitted = new Map<string, Emitted<unknown>[]>();
  /** As committed, of each input. */
  #watermarks: number[];
  #ended = false;

  // Of the attempt at hand.
  #open = new Map<string, Emitted<unknown>[]>();
  #openWatermarks: number[] = [];
  #handle!: PartitionHandle;
  #inputs: Running[] = [];
  #keyed: Running | undefined;
  readonly #metrics = new Map<string, OperatorMetrics>();
  #seq = 0;

  /** Use {@link operatorHarness}. */
  constructor(plan: HarnessPlan, settings: HarnessSettings<unknown, unknown>) {
    const { restore } = settings;
    this.#plan = plan;
    this.#settings = settings;
    this.#stateful = (plan.keyed?.operators ?? []).flatMap((each) =>
      each.type === "keyed" ? [each.name] : [],
    );
    this.#backend = new EncodingStateBackend(new HeapStateBackend(this.#store, "harness"));
    this.#store.createPartition(PARTITION);
    this.#watermarks = plan.inputs.map(() => MIN_WATERMARK);
    if (restore !== undefined) {
      restoreGroups(this.#store, this.#stateful, restore);
      if (restore.watermarks.length !== plan.inputs.length)
        throw new HarnessSnapshotError(
          `it was taken of ${restore.watermarks.length} inputs, but there are ${plan.inputs.length}`,
        );
      this.#watermarks = restore.watermarks.map(restoreWatermark);
    }
    this.#clock = new TestClock(settings.startMs ?? restore?.nowMs ?? 0);
    this.clock = {
      nowMs: () => this.#clock.nowMs(),
      advance: (duration) => {
        this.#clock.advance(duration);
        this.#act(() => this.#fireProcessingTime());
      },
    };
    this.#start();
    this.#ended = this.#watermarks.every((watermark) => watermark === MAX_WATERMARK);
    // What became due between the time of the snapshot and `startMs`.
    this.#act(() => this.#fireProcessingTime());
  }

  /**
   * One record into the first input.
   * @param timestamp event time in epoch ms; default: what the option `timestamp` says
   */
  push(record: In, timestamp?: number): void {
    this.#push("push", 0, [record], timestamp === undefined ? undefined : [timestamp]);
  }

  /** Records in one batch into the first input. */
  pushAll(records: Iterable<In>): void {
    this.#push("pushAll", 0, [...records], undefined);
  }

  /** One record into the input with this index. */
  pushTo(input: 0, record: In, timestamp?: number): void;
  pushTo(input: 1, record: Second, timestamp?: number): void;
  pushTo(input: number, record: unknown, timestamp?: number): void {
    this.#checkInput("pushTo", input);
    this.#push("pushTo", input, [record], timestamp === undefined ? undefined : [timestamp]);
  }

  /**
   * Later records are strictly newer; timers and windows up to it fire.
   *
   * @param watermark event time in epoch ms
   * @param input index; default: all inputs
   * @throws {WatermarkRegressionError}
   */
  watermark(watermark: number, input?: 0 | 1): void {
    this.#checkOpen("watermark");
    if (input !== undefined) this.#checkInput("watermark", input);
    if (typeof watermark !== "number" || Number.isNaN(watermark))
      throw new InvalidOptionError("watermark", "watermark", watermark, "event time in epoch ms");
    this.#act(() => {
      for (const each of this.#openWatermarks.keys())
        if (input === undefined || input === each) this.#advance(each, watermark);
    });
  }

  /** No record follows: everything that waits for event time fires. */
  end(): void {
    this.#checkOpen("end");
    this.watermark(MAX_WATERMARK);
    this.#ended = true;
  }

  /** What came out since the last call. */
  takeOutput(): Emitted<Out>[] {
    return this.#take("") as Emitted<Out>[];
  }

  /** What went to this side output since the last call. */
  take<T>(tag: SideTag<T>): Emitted<T>[] {
    return this.#take(tag.tag) as Emitted<T>[];
  }

  /** Records that came too late for all of their windows since the last call. */
  late(): Emitted<In>[] {
    return this.#take(LATE_TAG) as Emitted<In>[];
  }

  /** What the policy `deadLetter` put aside since the last call. */
  deadLetters(): DeadLetter[] {
    return this.#take(DEAD_LETTER_TAG).map((one) => one.value as DeadLetter);
  }

  /** State, timers and time as plain data, to go on from with the option `restore`. Outputs are not part of it. */
  snapshot(): HarnessSnapshot {
    return {
      format: 1,
      nowMs: this.#clock.nowMs(),
      watermarks: this.#watermarks.map(saveWatermark),
      groups: saveGroups(this.#store, this.#stateful),
    };
  }

  /** Begins anew with new operators and what is stored, as after a crash: nothing outside of state survives. */
  restart(): void {
    this.#start();
  }

  get state(): StateSize {
    let entries = 0;
    let timers = 0;
    for (const group of saveGroups(this.#store, this.#stateful)) {
      timers += group.timers.length;
      for (const values of Object.values(group.scalars)) entries += values.length;
      for (const parts of [group.maps, group.lists])
        for (const values of Object.values(parts)) for (const [, inner] of values) entries += inner.length;
    }
    return { entries, timers };
  }

  /** Counters by name of the operator, since the last restart. */
  get metrics(): Readonly<Record<string, Readonly<OperatorMetrics>>> {
    return Object.fromEntries(Array.from(this.#metrics, ([name, metrics]) => [name, { ...metrics }]));
  }

  #start(): void {
    this.#open.clear();
    this.#metrics.clear();
    this.#openWatermarks = [...this.#watermarks];
    this.#handle = this.#backend.attachAtOnce({
      partition: PARTITION,
      assignmentVersion: 0,
      incarnation: this.#store.incarnation,
      layoutSeq: this.#store.layoutSeq,
      worker: "harness",
      outputs: [],
    });
    this.#seq = this.#handle.attached.seq;
    const { inputs, keyed, edges } = this.#plan;
    const merge = this.#mergeOf(edges);
    if (keyed !== undefined) this.#keyed = this.#build(keyed, merge.current, []);
    this.#inputs = inputs.map((stage, input) =>
      this.#build(
        stage,
        this.#watermarks[input] as number,
        edges.flatMap((edge, i) =>
          edge.from === stage.id
            ? [{ operator: edge.fromOperator, tag: edge.fromTag, receiver: this.#receiverOf(edge, i, merge) }]
            : [],
        ),
      ),
    );
  }

  /** The watermark of the stage behind the key, as it was committed. */
  #mergeOf(edges: readonly EdgePlan[]): WatermarkMerge {
    const { inputs } = this.#plan;
    const held = edges.map(
      (edge) => this.#watermarks[inputs.findIndex((stage) => stage.id === edge.from)] as number,
    );
    if (held.length === 0) return new WatermarkMerge(1);
    return WatermarkMerge.restore(
      { merged: saveWatermark(Math.min(...held)), inputs: held.map(saveWatermark), idle: [] },
      held.length,
    );
  }

  #build(
    stage: StagePlan,
    watermark: number,
    edges: Parameters<typeof buildOperatorChain>[0]["edges"],
  ): Running {
    const keyGroups = keyGroupRange(0, 1);
    const timers = new Map<string, readonly [number, StoredTimer[]][]>();
    for (const { type, name } of stage.operators)
      if (type === "keyed")
        timers.set(name, atOnce(this.#handle.loadTimers(name, keyGroups.first, keyGroups.end)));
    const metrics = new Map<string, OperatorMetrics>();
    const chain = buildOperatorChain({
      stage: withReceivers(stage, this.#collector(""), (tag) => this.#collector(tag)),
      partition: 0,
      clock: this.#clock,
      keyGroups,
      startsEmpty: this.#seq === 0 && this.#settings.restore === undefined,
      lineage: this.#handle.attached.lineage,
      cacheEntries: this.#settings.cacheEntries ?? defaultSettings.cacheEntries,
      watermark,
      encodesOnCommit: true,
      timers,
      sinks: new Map(),
      wake: () => {},
      metrics,
      edges,
    });
    for (const [name, each] of metrics) if (name !== OUTPUT) this.#metrics.set(name, each);
    const runner = new WorkRunner(
      { chain, sinks: [], handle: this.#handle },
      {
        partition: PARTITION,
        host: { post: refuseToWait, fail: refuseToWait },
        clock: this.#clock,
        telemetry: noTelemetry,
        timerSlice: this.#settings.timerSlice ?? defaultSettings.timerSlice,
      },
    );
    return { chain, runner };
  }

  #collector(tag: string): Receiver {
    return {
      onBatch: ({ values, timestamps }) => {
        const open = this.#open.get(tag) ?? [];
        this.#open.set(tag, open);
        for (let i = 0; i < values.length; i++) open.push({ value: values[i], timestamp: timestamps?.[i] });
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
        const merged = merge.update(index, watermark, false);
        if (merged !== undefined) this.#run(this.#keyed as Running, undefined, input, merged);
      },
    };
  }

  #push(call: string, input: number, records: unknown[], timestamps: number[] | undefined): void {
    this.#checkOpen(call);
    if (records.length === 0) return;
    const timestampOf = this.#settings.timestamp;
    const times = timestamps ?? (timestampOf && records.map(timestampOf));
    this.#act(() => this.#run(this.#inputs[input] as Running, createBatch(records, times), input, undefined));
  }

  #advance(input: number, watermark: number): void {
    this.#openWatermarks[input] = watermark;
    this.#run(this.#inputs[input] as Running, undefined, 0, watermark);
  }

  #run({ runner }: Running, batch: Batch | undefined, input: number, watermark: number | undefined): void {
    runner.begin({ batch, input, watermark, idle: false, ended: watermark === MAX_WATERMARK });
    while (runner.advance(true) !== "done");
  }

  #fireProcessingTime(): void {
    while (this.#keyed?.runner.fireProcessingTime());
  }

  /** One epoch: whole or not at all. */
  #act(work: () => void): void {
    try {
      work();
      this.#commit();
    } catch (thrown) {
      this.#start();
      throw thrown;
    }
  }

  #commit(): void {
    const stateful = this.#keyed?.chain.stateful ?? [];
    const state: StateWrites[] = [];
    for (const operator of stateful) operator.collectWrites(state);
    const seq = this.#seq + 1;
    const answer = atOnce(
      this.#handle.commit({ seq, drain: true, outputs: [], state, trims: [], appends: [], meta: [] }),
    );
    if (answer.kind !== "OK") throw new InvariantError("a harness commits alone", { answer: answer.kind });
    this.#seq = seq;
    for (const operator of stateful) operator.acknowledge();
    this.#watermarks = [...this.#openWatermarks];
    for (const [tag, emitted] of this.#open)
      this.#emitted.set(tag, [...(this.#emitted.get(tag) ?? []), ...emitted]);
    this.#open.clear();
  }

  #take(tag: string): Emitted<unknown>[] {
    const emitted = this.#emitted.get(tag) ?? [];
    this.#emitted.delete(tag);
    return emitted;
  }

  #checkOpen(call: string): void {
    if (this.#ended) throw new HarnessEndedError(call);
  }

  #checkInput(call: string, input: number): void {
    if (this.#inputs[input] === undefined)
      throw new InvalidOptionError(
        call,
        "input",
        input,
        `the index of an input, below ${this.#inputs.length}`,
      );
  }
}

const PARTITION: PartitionId = partitionId("harness", 0);

function atOnce<T>(answer: T | Promise<T>): T {
  if (answer instanceof Promise) throw new InvariantError("the heap answers without promises");
  return answer;
}

function refuseToWait(): never {
  throw new InvariantError("nothing waits in a harness");
}
