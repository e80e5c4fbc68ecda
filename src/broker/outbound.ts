// Outbound — step 6 of the walk: record -> key -> key group -> channel; buffered, cut into frames when an epoch closes.
//
// Owns:      the buffers of all output channels of one partition, their sequence numbers, and what their consumers
//            have not consumed yet (the backpressure signal).
// Does not:  write anything: `seal` hands frames to the commit.
//
// Backpressure happens here: every commit's reply carries the length of each written channel, so `isAboveHigh` costs
// no round trip. The partition stops reading while it holds and goes on when `isBelowLow`.
import type { Batch } from "../core/batch.ts";
import type { ChannelId } from "../core/ids.ts";
import type { OutputFrame } from "../core/ports/state-backend.ts";
import type { ChannelBuffer } from "./channel-buffer.ts";
import type { FrameCutter } from "./frame-cutter.ts";

export interface OutboundLimits {
  readonly highEntries: number;
  readonly highBytes: number;
  readonly watermarkIntervalMs: number;
}

export class Outbound {
  readonly channels: readonly ChannelBuffer[];
  readonly #limits: OutboundLimits;
  readonly #cut: FrameCutter;
  readonly #lineage: number;
  readonly #byId = new Map<ChannelId, ChannelBuffer>();
  #idle = false;
  #ended = false;

  constructor(channels: readonly ChannelBuffer[], lineage: number, limits: OutboundLimits, cut: FrameCutter) {
    this.channels = channels;
    this.#lineage = lineage;
    this.#limits = limits;
    this.#cut = cut;
    for (const channel of channels) this.#byId.set(channel.id, channel);
  }

  /** Records that no frame carries yet. */
  get bufferedRecords(): number {
    let records = 0;
    for (const channel of this.channels) records += channel.recordCount;
    return records;
  }

  /** About how many bytes the buffered records will take. */
  get bufferedBytes(): number {
    let bytes = 0;
    for (const channel of this.channels) bytes += channel.recordCount * channel.bytesPerRecord;
    return bytes;
  }

  setIdle(idle: boolean): void {
    this.#idle = idle;
  }

  /** The next {@link seal} ends every channel. */
  end(): void {
    this.#ended = true;
  }

  /** A control fact (watermark, idleness) waits to be told to a channel without records. */
  get hasUnsentControl(): boolean {
    return this.channels.some((channel) => this.#owesControl(channel));
  }

  /** When the next control frame may be sent, in monotonic ms, given that {@link hasUnsentControl}. */
  nextControlMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const channel of this.channels)
      if (this.#owesControl(channel))
        next = Math.min(next, channel.lastSentMs + this.#limits.watermarkIntervalMs);
    return next;
  }

  /** Cuts everything buffered into frames. Their sequence numbers are taken; the frames must be committed. */
  seal(monotonicMs: number): OutputFrame[] {
    const frames: OutputFrame[] = [];
    for (const channel of this.channels) {
      const batches = channel.takeBatches();
      for (let i = 0; i < batches.length; i++)
        this.#cutInto(frames, channel, batches[i]!, i === batches.length - 1);
      const mayTell = this.#ended || monotonicMs >= channel.lastSentMs + this.#limits.watermarkIntervalMs;
      const owesEnd = this.#ended && !channel.ended;
      if (batches.length === 0 && (owesEnd || (mayTell && this.#owesControl(channel))))
        this.#cutInto(frames, channel, undefined, true);
      else if (batches.length === 0) continue;
      channel.lastSentMs = monotonicMs;
    }
    return frames;
  }

  /** Takes the lengths of a commit's answer: entries that nobody has consumed yet, per written channel. */
  onLengths(frames: readonly OutputFrame[], lengths: readonly number[]): void {
    let index = 0;
    for (let i = 0; i < frames.length; i++) {
      // Frames of one channel stand together; the last one tells up to where the length counts.
      if (frames[i + 1]?.channel === frames[i]!.channel) continue;
      this.onLength(frames[i]!.channel, lengths[index++] ?? 0, frames[i]!.seq);
    }
  }

  /** @param throughSeq sequence number of the last entry that `length` counts */
  onLength(channel: ChannelId, length: number, throughSeq: number): void {
    this.#byId.get(channel)?.consumedThrough(throughSeq - length);
  }

  /** A consumer of this process has committed past `throughSeq`. */
  onConsumed(channel: ChannelId, throughSeq: number): void {
    this.#byId.get(channel)?.consumedThrough(throughSeq);
  }

  get isAboveHigh(): boolean {
    const { highEntries, highBytes } = this.#limits;
    for (const channel of this.channels)
      if (channel.unconsumedEntries > highEntries || channel.unconsumedBytes > highBytes) return true;
    return false;
  }

  get isBelowLow(): boolean {
    const { highEntries, highBytes } = this.#limits;
    for (const channel of this.channels)
      if (channel.unconsumedEntries > highEntries >> 1 || channel.unconsumedBytes > highBytes / 2)
        return false;
    return true;
  }

  /** Channels above the low mark: the ones to ask for their length while paused. */
  congested(): { channel: ChannelId; seq: number }[] {
    const { highEntries, highBytes } = this.#limits;
    return this.channels
      .filter((c) => c.unconsumedEntries > highEntries >> 1 || c.unconsumedBytes > highBytes / 2)
      .map((c) => ({ channel: c.id, seq: c.seq }));
  }

  #owesControl(channel: ChannelBuffer): boolean {
    return !channel.ended && (channel.watermark > channel.sentWatermark || this.#idle !== channel.sentIdle);
  }

  #cutInto(frames: OutputFrame[], channel: ChannelBuffer, batch: Batch | undefined, last: boolean): void {
    // Only the last frame of an epoch may promise the new watermark: earlier ones still have records behind it.
    const header = {
      prevLineage: channel.lastLineage,
      lineage: this.#lineage,
      sentWatermark: channel.sentWatermark,
      watermark: last ? channel.watermark : channel.sentWatermark,
      idle: last && this.#idle,
      end: last && this.#ended,
      barrier: undefined,
    };
    for (const { frame, payload } of this.#cut(header, batch, channel.id)) {
      const seq = channel.append(this.#lineage, payload?.length ?? 0, frame);
      frames.push({ channel: channel.id, seq, lineage: this.#lineage, frame, payload });
    }
  }
}
