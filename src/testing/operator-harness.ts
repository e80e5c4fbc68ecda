// OperatorHarness — one operator by itself: records and time go in by hand, everything that comes out is looked at.
//
// The operators, their order of calls and their storage are those of the engine: the chain of the stage, the runner of
// units of work, epochs that pass through the codecs. Only what is around a partition is missing: nothing waits.
//
// Owns:      what is committed: state, event time, and what came out and was not taken yet.
// Does not:  hold operators; an attempt does (harness-attempt.ts). After a call that throws there is a new one.
//
// Laws (docs/laws.md)
//   U1  A harness that is restarted, or restored from a snapshot as JSON, gives out after each call what one that never
//       was gives out, with any size of the cache and of the slices of timers.
//   U2  The same calls give the same results in a harness and in a whole job, call by call, if the job settles behind each.
//   U3  Processing time is moved by `clock.advance` alone; all timers that are due then fire, and no other, in the order
//       of their time.
//   U4  A call that throws changes nothing but the clock: neither state nor event time nor what came out.
import { createBatch, MAX_WATERMARK } from "../core/batch.ts";
import { EmbeddedStore } from "../core/embedded-store.ts";
import type { PrimitiveKey } from "../core/key-group.ts";
import { InvalidOptionError } from "../core/options.ts";
import { LATE_TAG } from "../operators/event-time.ts";
import { DEAD_LETTER_TAG, type DeadLetter, type OperatorMetrics } from "../operators/operator.ts";
import type { SideTag } from "../operators/side-tag.ts";
import { HeapStateBackend } from "../state/heap-state-backend.ts";
import { EncodingStateBackend } from "./encoding-state-backend.ts";
import { HarnessEndedError } from "./errors.ts";
import { type Emitted, HarnessAttempt, type HarnessTime, PARTITION, startOfTime } from "./harness-attempt.ts";
import {
  checkHarnessOptions,
  type HarnessSettings,
  type KeyedHarnessOptions,
  type StreamHarnessOptions,
} from "./harness-options.ts";
import { type HarnessPlan, planHarness } from "./harness-plan.ts";
import {
  type HarnessSnapshot,
  restoreGroups,
  restoreTime,
  type StateSize,
  saveGroups,
  saveTime,
  sizeOf,
} from "./harness-snapshot.ts";
import { TestClock, type TestTime } from "./test-clock.ts";

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
  const options = checkHarnessOptions(given);
  return new OperatorHarness(planHarness(options.key, options.build), options);
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
  /** As committed. */
  #time: HarnessTime;
  #attempt: HarnessAttempt;
  #ended = false;

  /** Use {@link operatorHarness}. */
  constructor(plan: HarnessPlan, settings: HarnessSettings<unknown, unknown>) {
    const { restore } = settings;
    this.#plan = plan;
    this.#settings = settings;
    this.#stateful = [...plan.inputs, ...(plan.keyed ? [plan.keyed] : [])].flatMap(({ operators }) =>
      operators.flatMap(({ type, name }) => (type === "keyed" || type === "unkeyed" ? [name] : [])),
    );
    this.#backend = new EncodingStateBackend(new HeapStateBackend(this.#store, "harness"));
    this.#store.createPartition(PARTITION);
    this.#time = startOfTime(plan);
    if (restore !== undefined) {
      restoreGroups(this.#store, this.#stateful, restore);
      this.#time = restoreTime(restore, this.#time);
    }
    this.#clock = new TestClock(settings.startMs ?? restore?.nowMs ?? 0);
    this.clock = {
      nowMs: () => this.#clock.nowMs(),
      advance: (duration) => {
        this.#clock.advance(duration);
        this.#act(() => {});
      },
    };
    this.#attempt = this.#begin();
    this.#ended = this.#time.inputs.every((watermark) => watermark === MAX_WATERMARK);
    // What became due between the time of the snapshot and `startMs`.
    this.#act(() => {});
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
    this.#act((attempt) => {
      for (const each of this.#plan.inputs.keys())
        if (input === undefined || input === each) attempt.advance(each, watermark);
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
      nowMs: Math.max(this.#clock.nowMs(), this.#time.seenMs ?? 0),
      ...saveTime(this.#time),
      groups: saveGroups(this.#store, this.#stateful),
    };
  }

  /** Begins anew with new operators and what is stored, as after a crash: nothing outside of state survives. */
  restart(): void {
    this.#attempt = this.#begin();
  }

  get state(): StateSize {
    return sizeOf(saveGroups(this.#store, this.#stateful));
  }

  /** Counters by name of the operator, since the last restart. */
  get metrics(): Readonly<Record<string, Readonly<OperatorMetrics>>> {
    return Object.fromEntries(Array.from(this.#attempt.metrics, ([name, metrics]) => [name, { ...metrics }]));
  }

  #begin(): HarnessAttempt {
    return new HarnessAttempt({
      plan: this.#plan,
      settings: this.#settings,
      clock: this.#clock,
      store: this.#store,
      backend: this.#backend,
      time: this.#time,
    });
  }

  #push(call: string, input: number, records: unknown[], timestamps: number[] | undefined): void {
    this.#checkOpen(call);
    if (records.length === 0) return;
    const timestampOf = this.#settings.timestamp;
    const times = timestamps ?? (timestampOf && records.map(timestampOf));
    this.#act((attempt) => attempt.push(input, createBatch(records, times)));
  }

  /** One epoch: whole or not at all. Timers that are due on the clock fire before and after, as between units of work. */
  #act(work: (attempt: HarnessAttempt) => void): void {
    const attempt = this.#attempt;
    try {
      attempt.fireProcessingTime();
      work(attempt);
      attempt.fireProcessingTime();
      const { time, emitted } = attempt.commit();
      this.#time = time;
      for (const [tag, each] of emitted) this.#emitted.set(tag, [...(this.#emitted.get(tag) ?? []), ...each]);
    } catch (thrown) {
      this.#attempt = this.#begin();
      throw thrown;
    }
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
    const { length } = this.#plan.inputs;
    if (!(input in this.#plan.inputs))
      throw new InvalidOptionError(call, "input", input, `the index of an input, below ${length}`);
  }
}
