// SplitState — one split of a source partition: where it is read, how far its event time has come, whether it is silent.
//
// Owns:      the split's watermark, which is committed with its position and never decreases; its idleness.
// Does not:  merge splits, or decide when to read (SourceHead).
import type { Json, SourceBatch, SourceSplit, SplitReader } from "../connectors/contract.ts";
import { MAX_WATERMARK } from "../core/batch.ts";
import type { MetaField } from "../core/ports/state-backend.ts";
import { GuardedGenerator } from "../time/guarded-generator.ts";
import type { WatermarkStrategy } from "../time/watermark-strategies.ts";
import { restoreWatermark, type SavedWatermark, saveWatermark } from "../time/watermarks.ts";

/** A split with its committed progress; what `src:<split>` keeps. */
export interface SplitProgress {
  readonly position: Json | undefined;
  readonly ended: boolean;
  readonly idle: boolean;
  readonly watermark: SavedWatermark;
  /** Wall clock in epoch ms at which the watermark came to where it is. */
  readonly sinceMs: number;
  /** What the watermark generator saved. */
  readonly generator: Json | undefined;
}

export interface OpenSplit {
  readonly split: SourceSplit;
  /** None for a split that had ended. */
  readonly reader: SplitReader<unknown> | undefined;
  readonly progress: SplitProgress | undefined;
}

export class SplitState {
  readonly split: SourceSplit;
  readonly reader: SplitReader<unknown> | undefined;
  readonly #generator: GuardedGenerator;
  position: Json | undefined;
  /** A read is on its way. */
  pending = false;
  /** What it brought, not taken yet. */
  ready: SourceBatch<unknown> | undefined;
  ended: boolean;
  idle: boolean;
  /** Not read, because it is ahead of its alignment group. */
  held = false;
  /** Since the last commit. */
  changed = false;
  /** When it was first asked in vain since its last record; undefined when it is not asked. */
  silentSinceMs: number | undefined;
  /** Event time in epoch ms: later records of the split are strictly newer. */
  watermark: number;
  /** Wall clock in epoch ms at which the watermark came to where it is. */
  sinceMs: number;

  constructor({ split, reader, progress }: OpenSplit, strategy: WatermarkStrategy<unknown>, nowMs: number) {
    this.split = split;
    this.reader = reader;
    this.position = progress?.position;
    this.ended = reader === undefined;
    this.idle = progress?.idle ?? false;
    this.watermark = this.ended ? MAX_WATERMARK : restoreWatermark(progress?.watermark ?? "start");
    this.sinceMs = progress?.sinceMs ?? nowMs;
    this.#generator = new GuardedGenerator(strategy, split.id, progress?.generator);
  }

  /** Takes the records of a read. @throws {InvalidWatermarkError} */
  observe(records: readonly unknown[], timestamps: readonly number[] | undefined, nowMs: number): void {
    this.silentSinceMs = undefined;
    this.idle = false;
    if (timestamps === undefined) return;
    const promised = this.#generator.observe(records, timestamps);
    if (promised > this.watermark) this.#moveTo(promised, nowMs);
  }

  end(nowMs: number): void {
    this.ended = true;
    this.idle = false;
    this.#moveTo(MAX_WATERMARK, nowMs);
  }

  /** A read stays pending. */
  noteSilence(nowMs: number): void {
    this.silentSinceMs ??= nowMs;
  }

  /** Held or not; while it is held, silence says nothing. */
  hold(held: boolean, nowMs: number): void {
    if (held === this.held) return;
    this.held = held;
    this.silentSinceMs = held || !this.pending ? undefined : nowMs;
  }

  /** What a commit keeps. */
  save(): MetaField {
    const progress: SplitProgress = {
      position: this.position,
      ended: this.ended,
      idle: this.idle,
      watermark: saveWatermark(this.watermark),
      sinceMs: this.sinceMs,
      generator: this.#generator.save() as Json | undefined,
    };
    return [splitField(this.split), JSON.stringify(progress)];
  }

  #moveTo(watermark: number, nowMs: number): void {
    this.watermark = watermark;
    this.sinceMs = nowMs;
  }
}

export function splitField(split: SourceSplit): string {
  return `src:${split.id}`;
}

export function parseSplitProgress(text: string | undefined): SplitProgress | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as SplitProgress);
}
