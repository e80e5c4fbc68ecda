// EdgeBuffer — one output edge of one partition: its channels, and what they share.
//
// Owns:      the watermark that all channels of the edge are to be told, how many records wait in them, and when the
//            next of them may be told the time without records.
// Does not:  decide which channel a record goes to (router), or cut frames (Outbound).
//
// All questions are answered without a walk over the channels, because they are asked in every turn and a partition
// may have hundreds of channels. What the answers need is gathered once per epoch, when every channel is visited anyway.
import { MIN_WATERMARK } from "../core/batch.ts";
import type { ChannelId } from "../core/ids.ts";
import { ChannelBuffer } from "./channel-buffer.ts";

/** First guess of a record's encoded size; corrected with the first frame. */
const INITIAL_BYTES_PER_RECORD = 100;

/** Where a channel stands as committed. */
export interface ChannelPosition {
  readonly id: ChannelId;
  /** Sequence number of the last entry; 0 for none. */
  readonly seq: number;
  /** Lineage of that entry. */
  readonly lineage: number;
}

export class EdgeBuffer {
  readonly id: string;
  /** One per consumer partition, in order. */
  readonly channels: readonly ChannelBuffer[];
  /** Records that no frame carries yet, over all channels. */
  bufferedRecords = 0;
  /** Of the last frame with records; channels of an edge carry the same kind of record. */
  #bytesPerRecord = INITIAL_BYTES_PER_RECORD;
  #watermark = MIN_WATERMARK;
  /** The watermark when {@link noteSealed} looked. */
  #sealedWatermark = MIN_WATERMARK;
  /** Oldest `lastSentMs` among open channels, as of {@link noteSealed}: of those that were last told that the producer is idle, */
  #oldestIdleMs = Number.POSITIVE_INFINITY;
  /** of those that were last told that it is not, */
  #oldestActiveMs = Number.POSITIVE_INFINITY;
  /** and of those that were not told the watermark. */
  #oldestBehindMs = Number.POSITIVE_INFINITY;

  /** @param frameRecords most records per frame */
  constructor(id: string, positions: readonly ChannelPosition[], frameRecords: number) {
    this.id = id;
    this.channels = positions.map(
      (position) => new ChannelBuffer(position.id, position.seq, position.lineage, frameRecords),
    );
    this.noteSealed();
  }

  /** What the last frames of the next epoch tell. */
  get watermark(): number {
    return this.#watermark;
  }

  advance(watermark: number): void {
    if (watermark > this.#watermark) this.#watermark = watermark;
  }

  /** About how many bytes the buffered records will take. */
  get bufferedBytes(): number {
    return this.bufferedRecords * this.#bytesPerRecord;
  }

  owesControl(channel: ChannelBuffer, idle: boolean): boolean {
    return !channel.ended && (this.#watermark > channel.sentWatermark || idle !== channel.sentIdle);
  }

  /** The oldest `lastSentMs` among the channels that {@link owesControl} names; +Infinity when there is none. */
  oldestOwedMs(idle: boolean): number {
    if (this.#watermark > this.#sealedWatermark) return Math.min(this.#oldestIdleMs, this.#oldestActiveMs);
    return Math.min(this.#oldestBehindMs, idle ? this.#oldestActiveMs : this.#oldestIdleMs);
  }

  /** @param bytes encoded size of a frame with `records`; 0 when it was not encoded */
  noteFrame(bytes: number, records: number): void {
    if (bytes > 0 && records > 0) this.#bytesPerRecord = bytes / records;
  }

  /** All channels have given their records to frames. */
  noteSealed(): void {
    this.bufferedRecords = 0;
    this.#sealedWatermark = this.#watermark;
    this.#oldestIdleMs = Number.POSITIVE_INFINITY;
    this.#oldestActiveMs = Number.POSITIVE_INFINITY;
    this.#oldestBehindMs = Number.POSITIVE_INFINITY;
    for (const channel of this.channels) {
      if (channel.ended) continue;
      const { lastSentMs } = channel;
      if (channel.sentIdle) this.#oldestIdleMs = Math.min(this.#oldestIdleMs, lastSentMs);
      else this.#oldestActiveMs = Math.min(this.#oldestActiveMs, lastSentMs);
      if (channel.sentWatermark < this.#watermark)
        this.#oldestBehindMs = Math.min(this.#oldestBehindMs, lastSentMs);
    }
  }
}
