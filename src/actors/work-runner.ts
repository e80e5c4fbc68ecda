// WorkRunner — takes one unit of work through the operators of a partition: its batch, then time, in slices.
//
// Owns:      the unit of work at hand and the state it waits for.
// Does not:  take work, or commit it (the partition actor does).
//
// Operators are synchronous although state lives elsewhere: what a batch or a slice of timers misses is fetched first,
// for all keyed operators in one read, and only then does their code run.
import type { Batch, TraceMark, TraceStep } from "../core/batch.ts";
import type { Clock } from "../core/clock.ts";
import { toError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";
import type { StateLoad } from "../core/ports/state-backend.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import type { KeyedOperator } from "../operators/operator.ts";
import type { HeadHost, HeadWork } from "./head.ts";
import type { OpenPartition } from "./partition-opening.ts";
import { SliceSize } from "./slice-size.ts";

/** How far a unit of work came. */
export type WorkProgress =
  | "done"
  /** Another slice of timers is due. */
  | "slice"
  /** State is being fetched; the actor is woken when it is there. */
  | "loading"
  /** Timers are due but must not fire now. */
  | "held";

export interface WorkRunnerParts {
  readonly partition: PartitionId;
  readonly host: HeadHost;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Most timers per slice. */
  readonly timerSlice: number;
}

/** What the runner uses of a partition. */
export type RunnerPartition = Pick<OpenPartition, "chain" | "clock" | "sinks"> & {
  readonly handle: Pick<OpenPartition["handle"], "load">;
};

export class WorkRunner {
  readonly #open: RunnerPartition;
  readonly #parts: WorkRunnerParts;
  readonly #slice: SliceSize;
  #work: HeadWork | undefined;
  #batchPending = false;
  /** Keyed operators that have not yet fired everything up to the work's watermark. */
  #toAdvance: readonly KeyedOperator[] = [];
  #loading = false;
  /** What the work at hand misses was fetched: it is not asked again, since a cache smaller than a batch would never do. */
  #loaded = false;
  #records = 0;
  #material = false;

  constructor(open: RunnerPartition, parts: WorkRunnerParts) {
    this.#open = open;
    this.#parts = parts;
    this.#slice = new SliceSize(parts.timerSlice);
  }

  /** A unit of work is at hand. */
  get isBusy(): boolean {
    return this.#work !== undefined;
  }

  /** Positions have moved past a batch that is not processed yet: no epoch may close (P1). */
  get isBeforeBatch(): boolean {
    return this.#batchPending;
  }

  get isLoading(): boolean {
    return this.#loading;
  }

  /** Records processed so far. */
  get records(): number {
    return this.#records;
  }

  /** State, timers or sinks were touched since {@link clearMaterial}. */
  get isMaterial(): boolean {
    return this.#material;
  }

  clearMaterial(): void {
    this.#material = false;
  }

  begin(work: HeadWork): void {
    this.#work = work;
    this.#batchPending = work.batch !== undefined;
    this.#toAdvance = work.watermark === undefined ? [] : this.#open.chain.keyed;
    if (!this.#batchPending) this.#tellPlain(work);
  }

  /** @param mayFire timers may fire now; between slices the epoch may close: the timers still queued are the slice cursor */
  advance(mayFire: boolean): WorkProgress {
    const work = this.#work!;
    if (this.#loading) return "loading";
    if (this.#batchPending) {
      if (!this.#processBatch(work.batch!, work.input)) return "loading";
      this.#batchPending = false;
      this.#tellPlain(work);
    }
    if (this.#toAdvance.length > 0) {
      if (!mayFire) return "held";
      if (!this.#fireEventTime(work.watermark!)) return this.#loading ? "loading" : "slice";
    }
    this.#work = undefined;
    return "done";
  }

  /** An operator that waits for others has enough to wait for: no input is taken, and no timer fires. */
  get isFull(): boolean {
    const { async } = this.#open.chain;
    for (let i = 0; i < async.length; i++) if (async[i]!.isFull) return true;
    return false;
  }

  /** Records were taken whose results have not left. */
  get holdsRecords(): boolean {
    return this.#open.chain.async.some((operator) => operator.held > 0);
  }

  /** Requests wait for the next commit. */
  get awaitsCommit(): boolean {
    return this.#open.chain.async.some((operator) => operator.awaitsCommit);
  }

  get isAsyncDue(): boolean {
    const { async } = this.#open.chain;
    for (let i = 0; i < async.length; i++) if (async[i]!.isDue) return true;
    return false;
  }

  /** Lets results leave that came from outside, between turns. */
  advanceAsync(): void {
    const { chain, sinks } = this.#open;
    for (const operator of chain.async) if (operator.isDue) operator.advance();
    if (sinks.length > 0) this.#material = true;
  }

  /** Earliest processing-time timer in epoch ms; +Infinity for none. */
  nextProcessingTime(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const operator of this.#open.chain.keyed)
      next = Math.min(next, operator.nextProcessingTime() ?? next);
    return next;
  }

  /**
   * Fires a slice of due processing-time timers, between units of work.
   * @returns false when none was due
   */
  fireProcessingTime(): boolean {
    const next = this.nextProcessingTime();
    if (next === Number.POSITIVE_INFINITY) return false;
    const nowMs = this.#open.clock.nowMs();
    if (next > nowMs) return false;
    const due = this.#open.chain.keyed.filter(
      (operator) => (operator.nextProcessingTime() ?? Number.POSITIVE_INFINITY) <= nowMs,
    );
    const { clock } = this.#parts;
    const { timers } = this.#slice;
    const startMs = clock.monotonicMs();
    if (this.#ensureLoaded(due, (operator) => operator.missingForProcessingTime(nowMs, timers))) {
      for (const operator of due) operator.advanceProcessingTime(nowMs, timers);
      this.#slice.note(clock.monotonicMs() - startMs);
      this.#material = true;
    }
    return true;
  }

  /** Operators without state get the time at once. */
  #tellPlain({ watermark }: HeadWork): void {
    if (watermark !== undefined) this.#open.chain.plain.onWatermark(watermark);
  }

  /** @returns false while state is being fetched */
  #processBatch(batch: Batch, input: number): boolean {
    const { chain, sinks } = this.#open;
    const { keyed } = chain;
    for (const operator of keyed) operator.fromInput?.(input);
    if (keyed.length > 0 && !this.#ensureLoaded(keyed, (operator) => operator.missingForBatch(batch)))
      return false;
    if (batch.traces === undefined) chain.head.onBatch(batch);
    else this.#processTraced(batch, batch.traces);
    this.#records += batch.values.length;
    if (keyed.length > 0 || sinks.length > 0) this.#material = true;
    return true;
  }

  /** @returns true when everything up to the watermark has fired */
  #fireEventTime(watermark: number): boolean {
    const { clock } = this.#parts;
    const { timers } = this.#slice;
    const startMs = clock.monotonicMs();
    if (!this.#ensureLoaded(this.#toAdvance, (operator) => operator.missingForEventTime(watermark, timers)))
      return false;
    this.#toAdvance = this.#toAdvance.filter((operator) => !operator.advanceEventTime(watermark, timers));
    this.#slice.note(clock.monotonicMs() - startMs);
    this.#material = true;
    return this.#toAdvance.length === 0;
  }

  /** @returns false while the fetch is under way; the turn is repeated when it is there */
  #ensureLoaded(
    operators: readonly KeyedOperator[],
    missing: (operator: KeyedOperator) => readonly StateLoad[],
  ): boolean {
    if (this.#loaded) {
      this.#loaded = false;
      return true;
    }
    const wanted = operators.map((operator) => ({ operator, loads: missing(operator) }));
    const loads = wanted.flatMap((each) => each.loads);
    if (loads.length === 0) return true;
    const supply = (): void => {
      for (const { operator, loads: own } of wanted) operator.supply(own);
    };
    const result = this.#open.handle.load(loads);
    if (!(result instanceof Promise)) {
      supply();
      return true;
    }
    this.#loading = true;
    const { host } = this.#parts;
    result.then(
      () =>
        host.post(() => {
          this.#loading = false;
          this.#loaded = true;
          supply();
        }),
      (thrown: unknown) => host.fail(toError(thrown)),
    );
    return false;
  }

  /**
   * Operators emit before the spans of this step exist. So the marks they copy share a step, which is filled in after;
   * the marks of `batch` stay as they are, since other partitions of the process may hold it too.
   */
  #processTraced(batch: Batch, marks: readonly TraceMark[]): void {
    const { clock, telemetry, partition } = this.#parts;
    const startMs = clock.nowMs();
    const steps = marks.map(({ spanId }): TraceStep => ({ spanId, endedMs: startMs }));
    this.#open.chain.head.onBatch({
      ...batch,
      traces: marks.map((mark, i) => ({ ...mark, step: steps[i] })),
    });
    const endMs = clock.nowMs();
    for (const [i, mark] of marks.entries()) {
      const step = steps[i]!;
      step.endedMs = endMs;
      const spanId = telemetry.step({
        step: "4 process",
        partition,
        operator: undefined,
        mark,
        startMs,
        endMs,
        attributes: { "weir.queue.ms": Math.max(0, startMs - mark.emittedMs) },
      });
      if (spanId !== undefined) step.spanId = spanId;
    }
  }
}
