// ChannelBuffer — one output channel of one partition: records not yet framed, entries not yet consumed.
import type { Batch, Frame } from "../core/batch.ts";
import { createBatch, MIN_WATERMARK } from "../core/batch.ts";
import type { ChannelId } from "../core/ids.ts";
import { addMark } from "./trace-marks.ts";

/** How much nobody has consumed yet: consumers keep up, or it passes the low or the high mark of backpressure. */
export type BacklogLevel = "low" | "middle" | "high";

export class ChannelBuffer {
  readonly id: ChannelId;
  /** The open batch; its columns are appended to by the router's hot loop. */
  open: Batch;
  /** Sequence number of the last framed entry. */
  seq: number;
  /** Lineage of that entry. */
  lastLineage: number;
  sentWatermark: number = MIN_WATERMARK;
  sentIdle = false;
  ended = false;
  /** Monotonic ms of the last frame. */
  lastSentMs = 0;
  unconsumedBytes = 0;
  backlogLevel: BacklogLevel = "low";
  /** Records framed by this attempt. */
  recordsOut = 0;

  readonly #frameRecords: number;
  #full: Batch[] = [];
  #consumedSeq: number;
  /** Encoded size per unconsumed entry; index 0 belongs to entry `#consumedSeq + 1`. */
  #sizes: number[] = [];
  #sizesHead = 0;

  /**
   * @param seq last entry in the channel as committed, 0 for none
   * @param frameRecords most records per frame
   */
  constructor(id: ChannelId, seq: number, lineage: number, frameRecords: number) {
    this.id = id;
    this.seq = seq;
    this.lastLineage = lineage;
    this.#consumedSeq = seq;
    this.#frameRecords = frameRecords;
    this.open = createBatch([]);
  }

  get unconsumedEntries(): number {
    return this.seq - this.#consumedSeq;
  }

  /**
   * Makes `open` ready for records with keys that are pushed into its columns.
   * @param timed whether they carry timestamps
   */
  prepareOpen(timed: boolean): void {
    const { open } = this;
    if ((open.timestamps !== undefined) === timed && open.keys !== undefined) return;
    this.#closeOpen();
    this.open.timestamps = timed ? [] : undefined;
    this.open.keys = [];
  }

  /** Called by the router after it appended to `open`. */
  closeIfFull(): void {
    if (this.open.values.length >= this.#frameRecords) this.#closeOpen();
  }

  /** Appends a whole batch by reference; the open batch is closed first, so order is kept. */
  appendBatch(batch: Batch): void {
    const { open } = this;
    if (batch.values.length > (this.#frameRecords - open.values.length) / 2) {
      this.#closeOpen();
      this.#full.push(batch);
      return;
    }
    // An empty open batch takes over the columns of the first one that is gathered into it.
    if (open.values.length > 0 && (batch.timestamps === undefined) !== (open.timestamps === undefined))
      this.#closeOpen();
    // Small batches are gathered, or every record at low rates would become a frame of its own.
    appendTo(this.open, batch);
  }

  takeBatches(): Batch[] {
    this.#closeOpen();
    const batches = this.#full;
    this.#full = [];
    return batches;
  }

  /** Records that a frame was cut; returns its sequence number. */
  append(lineage: number, bytes: number, frame: Frame): number {
    this.lastLineage = lineage;
    this.sentWatermark = frame.watermark;
    this.sentIdle = frame.idle;
    this.ended = frame.end;
    this.#sizes.push(bytes);
    this.unconsumedBytes += bytes;
    this.recordsOut += frame.batch?.values.length ?? 0;
    return ++this.seq;
  }

  /** The consumer's committed cursor has reached `seq`. Stale news are ignored. */
  consumedThrough(seq: number): void {
    const through = Math.min(seq, this.seq);
    while (this.#consumedSeq < through) {
      this.#consumedSeq++;
      if (this.#sizesHead < this.#sizes.length) this.unconsumedBytes -= this.#sizes[this.#sizesHead++]!;
    }
    if (this.#sizesHead > 1_024) {
      this.#sizes = this.#sizes.slice(this.#sizesHead);
      this.#sizesHead = 0;
    }
  }

  /**
   * After an attach: entries of earlier attempts that nobody has consumed yet.
   * @param length entries in the channel; their sizes are unknown and taken as `meanBytes` each
   */
  restoreBacklog(length: number, meanBytes: number): void {
    this.#consumedSeq = this.seq - length;
    this.#sizes = new Array<number>(length).fill(meanBytes);
    this.#sizesHead = 0;
    this.unconsumedBytes = length * meanBytes;
  }

  #closeOpen(): void {
    if (this.open.values.length === 0) return;
    this.#full.push(this.open);
    this.open = createBatch([]);
  }
}

function appendTo(target: Batch, batch: Batch): void {
  const offset = target.values.length;
  if (offset === 0) {
    target.timestamps = batch.timestamps === undefined ? undefined : [];
    target.keys = batch.keys === undefined ? undefined : [];
    target.ingestMs = batch.ingestMs;
  }
  for (let i = 0; i < batch.values.length; i++) target.values.push(batch.values[i]);
  if (batch.timestamps !== undefined && target.timestamps !== undefined)
    for (let i = 0; i < batch.timestamps.length; i++) target.timestamps.push(batch.timestamps[i]!);
  if (target.keys !== undefined) {
    if (batch.keys === undefined) target.keys = undefined;
    else for (let i = 0; i < batch.keys.length; i++) target.keys.push(batch.keys[i]);
  }
  noteIngest(target, batch.ingestMs);
  if (batch.traces !== undefined)
    for (const mark of batch.traces) addMark(target, { ...mark, index: mark.index + offset });
}

/** Keeps the oldest known ingest time. */
export function noteIngest(batch: Batch, ingestMs: number): void {
  if (ingestMs > 0 && (batch.ingestMs === 0 || ingestMs < batch.ingestMs)) batch.ingestMs = ingestMs;
}
