// SourceHead — the head of a partition that reads a source: its splits, their positions, timestamps and watermarks.
//
// Splits are read in turn. A read that stays pending makes its split wait, and so does a watermark too far ahead of the
// split's alignment group; when all splits wait the partition is idle and its epoch is committed at once. A split that is
// asked for records for `idleAfterMs` in vain stops holding the watermark.

import type { SourceBatch } from "../connectors/contract.ts";
import { type Batch, createBatch, MAX_WATERMARK, type TraceMark } from "../core/batch.ts";
import type { Clock } from "../core/clock.ts";
import { toError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";
import type { ChannelTrim, MetaField } from "../core/ports/state-backend.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import { shortJson } from "../core/short-json.ts";
import { selectRecords } from "../operators/derived-batch.ts";
import type { FailureHandler } from "../operators/failure.ts";
import type { OperatorMetrics } from "../operators/operator.ts";
import type { SourcePlan } from "../plan/plan.ts";
import type { HoldState, WatermarkHold } from "../time/watermark-hold.ts";
import { InvalidTimestampError, saveWatermark, WatermarkMerge } from "../time/watermarks.ts";
import type { Head, HeadHost, HeadWork } from "./head.ts";
import type { AlignedPartition, SourceAlignment } from "./source-alignment.ts";
import { type OpenSplit, SplitState } from "./split-state.ts";

export interface SourceHeadParts {
  readonly name: string;
  readonly partition: PartitionId;
  readonly plan: SourcePlan;
  readonly batchRecords: number;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly metrics: OperatorMetrics;
  readonly failure: FailureHandler;
  readonly host: HeadHost;
  /** Asked only when the plan aligns the source. */
  readonly alignment: SourceAlignment;
}

export class SourceHead implements Head {
  readonly #parts: SourceHeadParts;
  readonly #splits: SplitState[];
  readonly #merge: WatermarkMerge;
  #next = 0;
  /** Splits that have not ended: a source may have thousands of splits. */
  #open: number;
  /** The last look found nothing to read, and nothing has come since. */
  #exhausted = false;
  #cancelIdleCheck: (() => void) | undefined;
  #closed = false;
  #idleWork: HeadWork | undefined;
  readonly #aligned: AlignedPartition | undefined;

  /**
   * @param splits this partition's
   * @param watermark merged watermark as committed
   */
  constructor(parts: SourceHeadParts, splits: readonly OpenSplit[], watermark: number) {
    this.#parts = parts;
    const nowMs = parts.clock.nowMs();
    this.#splits = splits.map((open) => new SplitState(open, parts.plan.watermarks, nowMs));
    this.#open = this.#splits.filter((split) => !split.ended).length;
    // A partition without splits is one ended input.
    this.#merge = WatermarkMerge.restore(
      {
        merged: saveWatermark(watermark),
        inputs:
          this.#splits.length === 0 ? ["end"] : this.#splits.map((split) => saveWatermark(split.watermark)),
        idle: this.#splits.flatMap((split, i) => (split.idle ? [i] : [])),
      },
      Math.max(1, this.#splits.length),
    );
    const { alignment } = parts.plan;
    if (alignment !== undefined)
      this.#aligned = parts.alignment.join(alignment.group, parts.partition, this.#merge.lowest, () =>
        parts.host.post(() => {
          this.#exhausted = false;
        }),
      );
    this.#scheduleIdleCheck();
  }

  get watermark(): number {
    return this.#merge.current;
  }

  get idle(): boolean {
    return this.#merge.idle;
  }

  get ended(): boolean {
    return this.#open === 0;
  }

  get drained(): boolean {
    return this.#exhausted || this.ended;
  }

  get hold(): WatermarkHold | undefined {
    const holder = this.#merge.holder;
    const split = holder === undefined ? undefined : this.#splits[holder];
    if (split === undefined) return undefined;
    return {
      kind: "split",
      input: split.split.id,
      watermark: Number.isFinite(split.watermark) ? split.watermark : null,
      sinceMs: split.sinceMs,
      state: this.#stateOf(split),
    };
  }

  next(): HeadWork | undefined {
    const idleWork = this.#idleWork;
    if (idleWork !== undefined) {
      this.#idleWork = undefined;
      return idleWork;
    }
    if (this.ended) return this.#endWork();
    this.#exhausted = false;
    for (let tried = 0; tried < this.#splits.length; tried++) {
      const index = this.#next;
      this.#next = (this.#next + 1) % this.#splits.length;
      const split = this.#splits[index]!;
      if (split.ended || this.#mustWait(split)) continue;
      const batch = split.ready ?? this.#read(split);
      split.ready = undefined;
      if (batch !== undefined) return this.#take(index, split, batch);
    }
    this.#exhausted = true;
    return undefined;
  }

  collectProgress(meta: MetaField[], _trims: ChannelTrim[]): void {
    let changed = false;
    for (const split of this.#splits) {
      if (!split.changed) continue;
      split.changed = false;
      changed = true;
      meta.push(split.save());
    }
    if (changed) meta.push(["wm", String(this.#merge.current)]);
  }

  onCommitted(): void {}

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelIdleCheck?.();
    this.#aligned?.leave(this.ended);
    await Promise.all(this.#splits.map((split) => split.reader?.close()));
  }

  #stateOf(split: SplitState): HoldState {
    const { plan } = this.#parts;
    if (plan.timestamp === undefined && plan.source.timestamped !== true) return "untimed";
    if (split.idle) return "idle";
    if (split.held) return "aligned";
    return split.pending ? "silent" : "active";
  }

  /** Law Z1. A source without alignment never waits. */
  #mustWait(split: SplitState): boolean {
    const aligned = this.#aligned;
    if (aligned === undefined) return false;
    const limit = aligned.groupWatermark + this.#parts.plan.alignment!.maxDriftMs;
    const waits = split.watermark > limit;
    if (waits) aligned.wait();
    split.hold(waits, this.#parts.clock.nowMs());
    return waits;
  }

  #endWork(): HeadWork {
    return { batch: undefined, input: 0, watermark: MAX_WATERMARK, idle: false, ended: true };
  }

  /** A batch when the reader answers at once; otherwise the answer comes with a later turn. */
  #read(split: SplitState): SourceBatch<unknown> | undefined {
    if (split.pending || split.reader === undefined) return undefined;
    const result = split.reader.read(this.#parts.batchRecords);
    if (!(result instanceof Promise)) return result;
    split.pending = true;
    split.noteSilence(this.#parts.clock.nowMs());
    result.then(
      (batch) =>
        this.#parts.host.post(() => {
          split.pending = false;
          split.ready = batch;
          this.#exhausted = false;
        }),
      (thrown: unknown) => {
        if (!this.#closed) this.#parts.host.fail(toError(thrown));
      },
    );
    return undefined;
  }

  #take(index: number, split: SplitState, read: SourceBatch<unknown>): HeadWork {
    split.position = read.position;
    split.changed = true;
    const { failure, metrics } = this.#parts;
    for (const failed of read.failures ?? [])
      failure.handle(failed.error, failed.raw, undefined, failed.where);
    const nowMs = this.#parts.clock.nowMs();
    const batch = read.records.length === 0 ? undefined : this.#toBatch(read, nowMs);
    failure.flush();
    if (batch !== undefined) {
      metrics.recordsIn += batch.values.length;
      split.observe(batch.values, batch.timestamps, nowMs);
    }
    if (read.end) {
      split.end(nowMs);
      this.#open--;
    }
    const watermark = this.#merge.update(index, split.watermark, split.idle);
    this.#aligned?.update(this.#merge.lowest);
    return { batch, input: 0, watermark, idle: this.#merge.idle, ended: this.ended };
  }

  #toBatch(read: SourceBatch<unknown>, nowMs: number): Batch | undefined {
    const timestampOf = this.#parts.plan.timestamp as ((record: unknown) => number) | undefined;
    const { records, timestamps, traces } = read;
    const batch =
      timestampOf === undefined
        ? { ...createBatch(records, timestamps), traces }
        : this.#stamp(records, traces, timestampOf);
    if (batch.values.length === 0) return undefined;
    batch.ingestMs = read.ingestMs ?? nowMs;
    batch.traces = this.#sample(batch, nowMs);
    return batch;
  }

  /** Records whose timestamp cannot be told are handled by the source's policy and left out. */
  #stamp(
    records: unknown[],
    traces: TraceMark[] | undefined,
    timestampOf: (record: unknown) => number,
  ): Batch {
    const { failure, name } = this.#parts;
    const timestamps = new Array<number>(records.length);
    let kept: number[] | undefined; // undefined while that is all of them
    let at = 0;
    while (at < records.length) {
      try {
        for (; at < records.length; at++) {
          const timestamp = timestampOf(records[at]);
          if (!Number.isFinite(timestamp))
            throw new InvalidTimestampError(`source "${name}"`, timestamp, shortJson(records[at]));
          timestamps[at] = timestamp;
          kept?.push(at);
        }
      } catch (thrown) {
        failure.handle(thrown, records[at], undefined);
        kept ??= Array.from({ length: at }, (_, i) => i);
        at++;
      }
    }
    const batch = { ...createBatch(records, timestamps), traces };
    return kept === undefined ? batch : selectRecords(batch, kept);
  }

  /** Records that the source marked keep their mark; the others are sampled. */
  #sample({ values, traces }: Batch, nowMs: number): TraceMark[] | undefined {
    const { telemetry, partition } = this.#parts;
    const unmarked = values.length - (traces?.length ?? 0);
    const sampled = unmarked === 0 ? undefined : telemetry.sample(partition, unmarked, nowMs);
    if (traces === undefined || traces.length === 0) return sampled;
    return sampled === undefined ? traces : mergeMarks(traces, sampled);
  }

  #scheduleIdleCheck(): void {
    const { idleAfterMs } = this.#parts.plan;
    if (idleAfterMs === undefined || this.#closed) return;
    this.#cancelIdleCheck = this.#parts.clock.after(idleAfterMs / 2, () => {
      if (this.#closed) return;
      this.#parts.host.post(() => this.#checkIdle(idleAfterMs));
      this.#scheduleIdleCheck();
    });
  }

  /** A split fell silent: told with the next unit of work. */
  #checkIdle(idleAfterMs: number): void {
    const nowMs = this.#parts.clock.nowMs();
    let watermark: number | undefined;
    let changed = false;
    for (const [index, split] of this.#splits.entries()) {
      const { silentSinceMs } = split;
      if (split.ended || split.idle || !split.pending || silentSinceMs === undefined) continue;
      if (nowMs - silentSinceMs < idleAfterMs) continue;
      split.idle = true;
      split.changed = true;
      changed = true;
      watermark = this.#merge.update(index, split.watermark, true) ?? watermark;
    }
    if (!changed) return;
    this.#aligned?.update(this.#merge.lowest);
    // What an earlier check found may still wait to be taken, while the partition is held back.
    watermark ??= this.#idleWork?.watermark;
    this.#idleWork = { batch: undefined, input: 0, watermark, idle: this.#merge.idle, ended: false };
  }
}

/** @param sampled their index counts the records without a mark in `own` */
function mergeMarks(own: readonly TraceMark[], sampled: readonly TraceMark[]): TraceMark[] {
  const merged: TraceMark[] = [];
  let next = 0;
  for (const mark of sampled) {
    while (next < own.length && own[next]!.index <= mark.index + next) merged.push(own[next++]!);
    merged.push({ ...mark, index: mark.index + next });
  }
  for (; next < own.length; next++) merged.push(own[next]!);
  return merged;
}
