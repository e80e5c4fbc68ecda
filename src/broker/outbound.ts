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
import type { BacklogLevel, ChannelBuffer } from "./channel-buffer.ts";
import type { EdgeBuffer } from "./edge-buffer.ts";
import type { FrameCutter } from "./frame-cutter.ts";
import { handOver } from "./trace-marks.ts";

export interface OutboundLimits {
  readonly highEntries: number;
  readonly highBytes: number;
  readonly watermarkIntervalMs: number;
}

export class Outbound {
  readonly channels: readonly ChannelBuffer[];
  readonly #edges: readonly EdgeBuffer[];
  readonly #limits: OutboundLimits;
  readonly #cut: FrameCutter;
  readonly #lineage: number;
  readonly #byId = new Map<ChannelId, ChannelBuffer>();
  /** How many channels are at each level: asked for in every turn, so it is not counted then. */
  readonly #atLevel: Record<BacklogLevel, number>;
  #idle = false;
  #ended = false;

  constructor(edges: readonly EdgeBuffer[], lineage: number, limits: OutboundLimits, cut: FrameCutter) {
    this.#edges = edges;
    this.channels = edges.flatMap((edge) => edge.channels);
    this.#lineage = lineage;
    this.#limits = limits;
    this.#cut = cut;
    this.#atLevel = { low: this.channels.length, middle: 0, high: 0 };
    for (const channel of this.channels) this.#byId.set(channel.id, channel);
  }

  /** Records that no frame carries yet. */
  get bufferedRecords(): number {
    let records = 0;
    for (const edge of this.#edges) records += edge.bufferedRecords;
    return records;
  }

  /** About how many bytes the buffered records will take. */
  get bufferedBytes(): number {
    let bytes = 0;
    for (const edge of this.#edges) bytes += edge.bufferedBytes;
    return bytes;
  }

  setIdle(idle: boolean): void {
    this.#idle = idle;
  }

  /** The next {@link seal} ends every channel. */
  end(): void {
    this.#ended = true;
  }

  /**
   * When a control fact (watermark, idleness) may be told to a channel without records, in monotonic ms; +Infinity when
   * all channels know all.
   */
  nextControlMs(): number {
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const edge of this.#edges) oldestMs = Math.min(oldestMs, edge.oldestOwedMs(this.#idle));
    return oldestMs + this.#limits.watermarkIntervalMs;
  }

  /** Cuts everything buffered into frames. Their sequence numbers are taken; the frames must be committed. */
  seal(monotonicMs: number): OutputFrame[] {
    const frames: OutputFrame[] = [];
    for (const edge of this.#edges) {
      for (const channel of edge.channels) this.#sealChannel(frames, edge, channel, monotonicMs);
      edge.noteSealed();
    }
    return frames;
  }

  #sealChannel(frames: OutputFrame[], edge: EdgeBuffer, channel: ChannelBuffer, monotonicMs: number): void {
    const batches = channel.takeBatches();
    if (batches.length === 0) {
      const mayTell = monotonicMs >= channel.lastSentMs + this.#limits.watermarkIntervalMs;
      const owes = this.#ended ? !channel.ended : mayTell && edge.owesControl(channel, this.#idle);
      if (!owes) return;
      this.#cutInto(frames, edge, channel, undefined, true);
    }
    for (let i = 0; i < batches.length; i++)
      this.#cutInto(frames, edge, channel, handOver(batches[i]!), i === batches.length - 1);
    channel.lastSentMs = monotonicMs;
    this.#noteBacklog(channel);
  }

  /** Takes the lengths of a commit's answer: entries that nobody has consumed yet, per written channel. */
  onLengths(frames: readonly OutputFrame[], lengths: readonly number[]): void {
    let index = 0;
    for (let i = 0; i < frames.length; i++) {
      // Frames of one channel stand together; the last one tells up to where the length counts.
      if (frames[i + 1]?.channel === frames[i]!.channel) continue;
      this.onConsumed(frames[i]!.channel, frames[i]!.seq - (lengths[index++] ?? 0));
    }
  }

  /** A consumer has committed past `throughSeq`. */
  onConsumed(channel: ChannelId, throughSeq: number): void {
    const buffer = this.#byId.get(channel);
    if (buffer === undefined) return;
    buffer.consumedThrough(throughSeq);
    this.#noteBacklog(buffer);
  }

  /** @see ChannelBuffer.restoreBacklog */
  restoreBacklog(channel: ChannelBuffer, length: number, meanBytes: number): void {
    channel.restoreBacklog(length, meanBytes);
    this.#noteBacklog(channel);
  }

  get isAboveHigh(): boolean {
    return this.#atLevel.high > 0;
  }

  get isBelowLow(): boolean {
    return this.#atLevel.low === this.channels.length;
  }

  /** Channels above the low mark: the ones to ask for their length while paused. */
  congested(): { channel: ChannelId; seq: number }[] {
    return this.channels
      .filter(({ backlogLevel }) => backlogLevel !== "low")
      .map(({ id, seq }) => ({ channel: id, seq }));
  }

  #noteBacklog(channel: ChannelBuffer): void {
    const level = this.#levelOf(channel);
    if (level === channel.backlogLevel) return;
    this.#atLevel[channel.backlogLevel]--;
    this.#atLevel[level]++;
    channel.backlogLevel = level;
  }

  #levelOf({ unconsumedEntries, unconsumedBytes }: ChannelBuffer): BacklogLevel {
    const { highEntries, highBytes } = this.#limits;
    if (unconsumedEntries > highEntries || unconsumedBytes > highBytes) return "high";
    return unconsumedEntries > highEntries >> 1 || unconsumedBytes > highBytes / 2 ? "middle" : "low";
  }

  #cutInto(
    frames: OutputFrame[],
    edge: EdgeBuffer,
    channel: ChannelBuffer,
    batch: Batch | undefined,
    last: boolean,
  ): void {
    // Only the last frame of an epoch may promise the new watermark: earlier ones still have records behind it.
    const header = {
      prevLineage: channel.lastLineage,
      lineage: this.#lineage,
      sentWatermark: channel.sentWatermark,
      watermark: last ? edge.watermark : channel.sentWatermark,
      idle: last && this.#idle,
      end: last && this.#ended,
      barrier: undefined,
    };
    for (const { frame, payload } of this.#cut(header, batch, channel.id)) {
      const bytes = payload?.length ?? 0;
      const seq = channel.append(this.#lineage, bytes, frame);
      edge.noteFrame(bytes, frame.batch?.values.length ?? 0);
      frames.push({ channel: channel.id, seq, lineage: this.#lineage, frame, payload });
    }
  }
}
