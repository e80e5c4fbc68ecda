// pattern — finds sequences of records per key, and emits what the user makes of each match.
// Step 4 of the walk (ARCHITECTURE.md).
//
// In event time a record waits until the watermark has reached its timestamp; the records of a key are then taken in the
// order of their timestamps, and of their arrival where those are equal. In processing time they are taken as they come.
//
// State per key, entry by entry, because all of it may grow: `runs` and `entries` with one entry per partial match and
// per record in it, `events` with each record once, `uses` where several entries hold a record, and `pending` with the
// records that wait, in a namespace per stretch of time (waiting.ts).
//
// Owns:      the order of records, timers, what leaves the operator.
// Does not:  match (Matcher).
//
// Invariants: a pending record has an event timer in its stretch, not behind its timestamp; the earliest deadline among the runs of a key has a
// timer; a key with held matches has one for the end of the input. All in the same commit as what they stand for.
//
// What fails alone: a record, with all that it would have done; a match that time completes, which then has no result but
// rules out what it rules out. Nothing else of the key is touched.
//
// Laws (docs/laws.md)
//   Q1  The matches are exactly those of the definition (docs/semantics.md), for any pattern, order of arrival and watermarks.
//   Q2  Stopping after any commit and going on from storage gives the same results as never stopping.
//   Q3  Without partial matches and waiting records nothing is stored, and no timer is left.
import type { Batch } from "../../core/batch.ts";
import { MAX_WATERMARK } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import { list, map } from "../../state/descriptors.ts";
import type { ListCells } from "../../state/list-state.ts";
import type { MapCells } from "../../state/map-state.ts";
import type { Timer } from "../../time/timer-member.ts";
import type { TimerQueue } from "../../time/timer-queue.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { assumeLaterStretchesEmpty, wantStretches } from "../waiting-stretches.ts";
import { entryCodec, MatchBuffer, type StoredEntry } from "./match-buffer.ts";
import { CurrentMatch } from "./match-context.ts";
import { Matcher } from "./matcher.ts";
import { type PatternDefinition, TIMED_OUT_TAG, type TimedOutMatch } from "./pattern-definition.ts";
import { unroll } from "./place.ts";
import { type Run, runCodec } from "./run.ts";
import { captureNames } from "./stage.ts";
import { lookTime, stretchOf, takeDue, type Waiting, type WaitingRecord, waitingCodec } from "./waiting.ts";

const DEADLINE = "within";
const END = "end";

/** @throws {InvalidPatternError} when repetitions multiply beyond reason */
export function patternOperator(
  definition: PatternDefinition,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new PatternOperator(context, definition);
}

class PatternOperator extends KeyedOperatorBase {
  readonly #definition: PatternDefinition;
  readonly #inEventTime: boolean;
  /** What fails is taken back, and the rest goes on. */
  readonly #goesOn: boolean;
  readonly #pending: ListCells<Waiting> | undefined;
  readonly #buffer: MatchBuffer;
  readonly #matcher: Matcher;
  /** Where deadlines stand. */
  readonly #timers: TimerQueue;
  readonly #current: CurrentMatch;
  /** When the timer for the deadlines of the current key stands. */
  #armed = Number.POSITIVE_INFINITY;
  /** Matches come about because time is over, not by a record. */
  #byTime = false;
  /** The record that is being taken in event time. */
  #taking: unknown = undefined;

  constructor(context: KeyedOperatorContext, definition: PatternDefinition) {
    super(context);
    const { shape, time } = definition;
    const codec = definition.codec ?? msgpackCodec;
    this.#definition = definition;
    this.#inEventTime = time === "event";
    this.#goesOn = context.onError !== "fail";
    this.#timers = this.#inEventTime ? this.eventTimers : this.processingTimers;
    const names = captureNames(shape.stages);
    const cells = <V>(name: string, codec: Codec<V>): MapCells<number, V> =>
      this.state.add(name, map<number, V>({ codec })) as MapCells<number, V>;
    this.#buffer = new MatchBuffer(
      {
        entries: cells<StoredEntry>("entries", entryCodec),
        events: cells("events", codec),
        uses: cells("uses", msgpackCodec as Codec<number>),
      },
      names,
    );
    this.#matcher = new Matcher({
      operator: context.operator,
      places: unroll(shape.stages),
      names,
      withinMs: shape.withinMs,
      skip: shape.skip,
      runs: cells<Run>("runs", runCodec),
      buffer: this.#buffer,
      output: {
        onMatch: (entry, timestamp) => this.#tell(entry, timestamp),
        onUnskippable: (entry, timestamp, error) => this.#failMatch(entry, timestamp, error),
        onTimedOut: (run, timestamp) => this.#timeOut(run, timestamp),
        refuse: (result) => this.refusePromise(result, "pattern"),
      },
    });
    if (this.#inEventTime) {
      const pending = list({ codec: waitingCodec(definition.codec) });
      this.#pending = this.state.add("pending", pending) as ListCells<Waiting>;
      if (!context.startsEmpty) assumeLaterStretchesEmpty(this.#pending, this.eventTimers, stretchOf);
    }
    this.#current = new CurrentMatch(this.contextPort().side);
  }

  protected override get firesProcessingTimersAtEnd(): boolean {
    return !this.#inEventTime;
  }

  protected override onEnter(): void {
    this.#current.watermark = this.watermark;
    this.#current.nowMs = this.nowMs;
  }

  // Records

  protected override wantBatch(batch: Batch): void {
    if (this.#pending === undefined) super.wantBatch(batch);
    else wantStretches(this.#pending, batch, this.watermark, stretchOf);
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    const pending = this.#pending;
    for (let i = from; i < values.length; i++) {
      const key = keys[i];
      this.beginRecord(i, key);
      if (pending === undefined) this.#takeNow(values[i], timestamps?.[i]);
      else this.#takeLater(pending, key, values[i], this.timestampOf(timestamps?.[i]));
    }
  }

  #takeLater(pending: ListCells<Waiting>, key: unknown, record: unknown, timestamp: number): void {
    if (timestamp <= this.watermark) {
      this.leaveLate(record, timestamp);
      return;
    }
    pending.useNamespace(stretchOf(timestamp));
    pending.append([timestamp, record]);
    this.eventTimers.register(undefined, key, lookTime(timestamp, this.watermark));
  }

  #takeNow(record: unknown, timestamp: number | undefined): void {
    this.#open();
    this.#expire(this.nowMs);
    this.#current.timestamp = timestamp;
    this.#matcher.take(record, this.nowMs, timestamp, this.nowMs);
    this.#close();
  }

  /** Ends what is over before a record comes. That is not the record's doing: it stays when the record fails. */
  #expire(time: number): void {
    if (this.#matcher.nextDeadline > time) return;
    this.#passTime(() => this.#matcher.expire(time));
    if (!this.#goesOn) return;
    this.#close();
    this.settle();
    this.#open();
  }

  #passTime(pass: () => void): void {
    this.#current.timestamp = undefined;
    this.#byTime = true;
    pass();
    this.#byTime = false;
  }

  // Time

  protected override wantTimer(timer: Timer): void {
    this.#useStretchOf(timer);
    this.state.wantKey(timer.key);
  }

  protected override isReady(timer: Timer): boolean {
    this.#useStretchOf(timer);
    return this.state.knows(timer.key);
  }

  /** Timers that are not for waiting records need none of them: at the end of time nothing waits. */
  #useStretchOf({ namespace, time }: Timer): void {
    this.#pending?.useNamespace(namespace === undefined ? stretchOf(time) : Number.POSITIVE_INFINITY);
  }

  protected fire(timer: Timer): void {
    this.#taking = undefined;
    if (timer.namespace === undefined) {
      this.#takePending(timer);
      return;
    }
    this.#open();
    this.#passTime(() => {
      if (timer.namespace === DEADLINE) this.#matcher.expire(timer.time);
      else {
        this.#matcher.expire(Number.MAX_VALUE);
        this.#matcher.finish(this.lastWatermark + 1);
      }
    });
    this.#close();
  }

  #takePending({ time, key }: Timer): void {
    const pending = this.#pending as ListCells<Waiting>;
    pending.useNamespace(stretchOf(time));
    const due: WaitingRecord[] = [];
    const next = takeDue(pending, this.watermark, due);
    if (next !== Number.POSITIVE_INFINITY) this.eventTimers.register(undefined, key, next);
    if (due.length === 0) return;
    this.settle();
    this.#open();
    for (const waiting of due) {
      this.#expire(waiting[0]);
      if (this.#goesOn) this.#takeAlone(waiting);
      else this.#take(waiting);
    }
    this.#close();
  }

  #take([timestamp, record]: WaitingRecord): void {
    this.#taking = record;
    this.#current.timestamp = undefined;
    this.#matcher.take(record, timestamp, timestamp, this.nowMs);
  }

  /** A record that fails takes no others with it. */
  #takeAlone(waiting: WaitingRecord): void {
    try {
      this.#take(waiting);
      this.#close();
      this.settle();
    } catch (error) {
      this.fail(error, waiting[1], waiting[0]);
    }
    this.#open();
  }

  /** Under `fail`; the others are handled where they fail. */
  protected override describe(timer: Timer): unknown {
    return this.#taking ?? super.describe(timer);
  }

  // Keys

  #open(): void {
    const { key } = this.state;
    const { decodeKey } = this.#definition;
    this.#current.key = decodeKey === undefined ? key : decodeKey(key);
    this.#matcher.open();
    this.#armed = this.#matcher.nextDeadline;
  }

  #close(): void {
    const { key } = this.state;
    const deadline = this.#matcher.nextDeadline;
    const holds = this.#matcher.held;
    this.#matcher.close();
    if (deadline !== this.#armed) {
      this.#timers.delete(DEADLINE, key, this.#armed);
      if (deadline !== Number.POSITIVE_INFINITY) this.#timers.register(DEADLINE, key, deadline);
    }
    if (holds) this.eventTimers.register(END, key, MAX_WATERMARK);
    else this.eventTimers.delete(END, key, MAX_WATERMARK);
  }

  // Results

  #tell(entry: number, timestamp: number): void {
    if (!this.#byTime || !this.#goesOn) {
      this.#select(entry, timestamp);
      return;
    }
    this.settle();
    try {
      this.#select(entry, timestamp);
    } catch (error) {
      this.#failMatch(entry, timestamp, error);
    }
  }

  /** A match that a record completed fails with its record, one that time completed by itself. */
  #failMatch(entry: number, timestamp: number, error: unknown): void {
    if (!this.#byTime || !this.#goesOn) throw error;
    const captures = this.#buffer.match(entry);
    this.fail(error, { key: this.#current.key, captures }, this.#inEventTime ? timestamp : undefined);
  }

  #select(entry: number, timestamp: number): void {
    const current = this.#current;
    if (this.#inEventTime) current.timestamp = timestamp;
    const result = this.#definition.select(this.#buffer.match(entry), current);
    if (result === undefined) return;
    if (typeof result !== "object" || result === null || !(Symbol.iterator in result)) {
      this.refusePromise(result, "pattern");
      this.output.emit(result, current.timestamp);
      return;
    }
    for (const one of result as Iterable<unknown>) this.output.emit(one, current.timestamp);
  }

  #timeOut(run: Run, timestamp: number): void {
    const side = this.side(TIMED_OUT_TAG);
    if (side === undefined) return;
    const captures = this.#buffer.match(run.entry);
    const timedOut: TimedOutMatch<unknown> = { captures, startTimestamp: run.startMs, timestamp };
    side.emit(timedOut, this.#inEventTime ? timestamp : undefined);
  }
}
