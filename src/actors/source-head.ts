// SourceHead — the head of a partition that reads a source: its splits, their positions, timestamps and watermarks.
//
// Splits are read in turn. A read that stays pending makes its split wait; when all splits wait the partition is
// idle and its epoch is committed at once. A split without records for `idleAfterMs` stops holding the watermark.

import type { Json, SourceBatch, SourceSplit, SplitReader } from "../connectors/contract.ts";
import { type Batch, createBatch, MAX_WATERMARK, type TraceMark } from "../core/batch.ts";
import type { Clock } from "../core/clock.ts";
import { toError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";
import type { ChannelTrim, MetaField } from "../core/ports/state-backend.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import { type FailureHandler, shortJson } from "../operators/failure.ts";
import type { OperatorMetrics } from "../operators/operator.ts";
import type { SourcePlan } from "../plan/plan.ts";
import {
  BoundedOutOfOrderness,
  InvalidTimestampError,
  type SavedWatermark,
  saveWatermark,
  WatermarkMerge,
} from "../time/watermarks.ts";
import type { Head, HeadHost, HeadWork } from "./head.ts";

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
}

/** A split with its committed progress; what `src:<split>` keeps. */
export interface SplitProgress {
  readonly position: Json | undefined;
  readonly ended: boolean;
  /** Highest timestamp seen. */
  readonly highest: SavedWatermark;
}

export interface OpenSplit {
  readonly split: SourceSplit;
  /** None for a split that had ended. */
  readonly reader: SplitReader<unknown> | undefined;
  readonly progress: SplitProgress | undefined;
}

interface SplitState {
  readonly split: SourceSplit;
  readonly reader: SplitReader<unknown> | undefined;
  readonly times: BoundedOutOfOrderness;
  position: Json | undefined;
  pending: boolean;
  ready: SourceBatch<unknown> | undefined;
  ended: boolean;
  idle: boolean;
  lastRecordMs: number;
  changed: boolean;
}

export class SourceHead implements Head {
  readonly #parts: SourceHeadParts;
  readonly #splits: SplitState[];
  readonly #merge: WatermarkMerge;
  #next = 0;
  #cancelIdleCheck: (() => void) | undefined;
  #closed = false;
  #idleWork: HeadWork | undefined;

  /**
   * @param splits this partition's
   * @param watermark merged watermark as committed
   */
  constructor(parts: SourceHeadParts, splits: readonly OpenSplit[], watermark: number) {
    this.#parts = parts;
    const nowMs = parts.clock.nowMs();
    this.#splits = splits.map(({ split, reader, progress }) => ({
      split,
      reader,
      times: BoundedOutOfOrderness.restore(parts.plan.outOfOrdernessMs, progress?.highest ?? "start"),
      position: progress?.position,
      pending: false,
      ready: undefined,
      ended: reader === undefined,
      idle: false,
      lastRecordMs: nowMs,
      changed: false,
    }));
    // A partition without splits is one ended input.
    this.#merge = WatermarkMerge.restore(
      {
        merged: saveWatermark(watermark),
        inputs:
          this.#splits.length === 0
            ? ["end"]
            : this.#splits.map((split) => (split.ended ? "end" : saveWatermark(split.times.watermark))),
        idle: [],
      },
      Math.max(1, this.#splits.length),
    );
    this.#scheduleIdleCheck();
  }

  get watermark(): number {
    return this.#merge.current;
  }

  get ended(): boolean {
    return this.#splits.every((split) => split.ended);
  }

  get drained(): boolean {
    return this.#splits.every((split) => split.ended || (split.pending && split.ready === undefined));
  }

  next(): HeadWork | undefined {
    const idleWork = this.#idleWork;
    if (idleWork !== undefined) {
      this.#idleWork = undefined;
      return idleWork;
    }
    if (this.ended) return this.#endWork();
    for (let tried = 0; tried < this.#splits.length; tried++) {
      const index = this.#next;
      this.#next = (this.#next + 1) % this.#splits.length;
      const split = this.#splits[index]!;
      if (split.ended) continue;
      const batch = split.ready ?? this.#read(split);
      split.ready = undefined;
      if (batch !== undefined) return this.#take(index, split, batch);
    }
    return undefined;
  }

  collectProgress(meta: MetaField[], _trims: ChannelTrim[]): void {
    let changed = false;
    for (const split of this.#splits) {
      if (!split.changed) continue;
      split.changed = false;
      changed = true;
      const progress = {
        position: split.position,
        ended: split.ended,
        highest: split.times.save(),
      };
      meta.push([splitField(split.split), JSON.stringify(progress)]);
    }
    if (changed) meta.push(["wm", String(this.#merge.current)]);
  }

  onCommitted(): void {}

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelIdleCheck?.();
    await Promise.all(this.#splits.map((split) => split.reader?.close()));
  }

  #endWork(): HeadWork {
    return { batch: undefined, watermark: MAX_WATERMARK, idle: false, ended: true };
  }

  /** A batch when the reader answers at once; otherwise the answer comes with a later turn. */
  #read(split: SplitState): SourceBatch<unknown> | undefined {
    if (split.pending || split.reader === undefined) return undefined;
    const result = split.reader.read(this.#parts.batchRecords);
    if (!(result instanceof Promise)) return result;
    split.pending = true;
    result.then(
      (batch) =>
        this.#parts.host.post(() => {
          split.pending = false;
          split.ready = batch;
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
    split.ended = read.end;
    const { failure, metrics } = this.#parts;
    for (const failed of read.failures ?? [])
      failure.handle(failed.error, failed.raw, undefined, failed.where);
    const nowMs = this.#parts.clock.nowMs();
    const batch = read.records.length === 0 ? undefined : this.#toBatch(read, nowMs);
    failure.flush();
    if (batch !== undefined) {
      metrics.recordsIn += batch.values.length;
      split.lastRecordMs = nowMs;
      split.idle = false;
      if (batch.timestamps !== undefined) split.times.observe(batch.timestamps);
    }
    const own = split.ended ? MAX_WATERMARK : split.times.watermark;
    const watermark = this.#merge.update(index, own, split.idle);
    return { batch, watermark, idle: this.#merge.idle, ended: this.ended };
  }

  #toBatch(read: SourceBatch<unknown>, nowMs: number): Batch | undefined {
    const timestampOf = this.#parts.plan.timestamp as ((record: unknown) => number) | undefined;
    const batch =
      timestampOf === undefined
        ? createBatch(read.records, read.timestamps)
        : this.#stamp(read.records, timestampOf);
    if (batch.values.length === 0) return undefined;
    batch.ingestMs = read.ingestMs ?? nowMs;
    batch.traces =
      read.traces === undefined
        ? this.#parts.telemetry.sample(this.#parts.partition, batch.values.length, nowMs)
        : placeTraces(read.traces, read.records, batch.values);
    return batch;
  }

  /** Records whose timestamp cannot be told are handled by the source's policy and left out. */
  #stamp(records: unknown[], timestampOf: (record: unknown) => number): Batch {
    const { failure, name } = this.#parts;
    let values = records;
    const timestamps = new Array<number>(records.length);
    let kept = 0;
    let at = 0;
    for (;;) {
      try {
        for (; at < records.length; at++) {
          const timestamp = timestampOf(records[at]);
          if (!Number.isFinite(timestamp))
            throw new InvalidTimestampError(name, timestamp, shortJson(records[at]));
          if (values !== records) values.push(records[at]);
          timestamps[kept++] = timestamp;
        }
        break;
      } catch (thrown) {
        failure.handle(thrown, records[at], undefined);
        if (values === records) values = records.slice(0, at);
        at++;
      }
    }
    timestamps.length = kept;
    return createBatch(values, timestamps);
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
      if (split.ended || split.idle || !split.pending || split.ready !== undefined) continue;
      if (nowMs - split.lastRecordMs < idleAfterMs) continue;
      split.idle = true;
      changed = true;
      watermark = this.#merge.update(index, split.times.watermark, true) ?? watermark;
    }
    if (!changed) return;
    // What an earlier check found may still wait to be taken, while the partition is held back.
    watermark ??= this.#idleWork?.watermark;
    this.#idleWork = { batch: undefined, watermark, idle: this.#merge.idle, ended: false };
  }
}

/** Moves marks to where their records are after some were left out; marks of those are dropped. */
function placeTraces(
  traces: readonly TraceMark[],
  read: readonly unknown[],
  kept: readonly unknown[],
): TraceMark[] | undefined {
  if (read.length === kept.length) return [...traces];
  const placed: TraceMark[] = [];
  let at = 0;
  for (const mark of traces) {
    const index = kept.indexOf(read[mark.index], at);
    if (index < 0) continue;
    placed.push({ ...mark, index });
    at = index;
  }
  return placed.length === 0 ? undefined : placed;
}

export function splitField(split: SourceSplit): string {
  return `src:${split.id}`;
}

export function parseSplitProgress(text: string | undefined): SplitProgress | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as SplitProgress);
}
