// ChannelHead — the head of a partition that reads channels: steps 1 and 2 of the walk.
//
// Owns:      the mailbox's data lane, the merge of the inputs' watermarks, the processed cursors of the open epoch.
// Does not:  run operators; commit.

import type { ChannelWatch } from "../broker/channel-watch.ts";
import { Inbound, type InboundMail } from "../broker/inbound.ts";
import type { LocalConsumer, LocalExchange } from "../broker/local-exchange.ts";
import { type Batch, type Frame, MAX_WATERMARK, MIN_WATERMARK } from "../core/batch.ts";
import type { Clock } from "../core/clock.ts";
import { EngineError, toError } from "../core/errors.ts";
import type { ChannelId } from "../core/ids.ts";
import type { ChannelCursor, ChannelEntry, ChannelReader } from "../core/ports/channel.ts";
import type { ChannelTrim, MetaField } from "../core/ports/state-backend.ts";
import type { WatermarkHold } from "../time/watermark-hold.ts";
import { saveWatermark, WatermarkMerge } from "../time/watermarks.ts";
import type { Head, HeadHost, HeadWork } from "./head.ts";
import type { Mailbox } from "./kernel/mailbox.ts";

/** Entries asked for per channel and read. */
const READ_ENTRIES = 16;

/** One input channel of a partition, as its stage's plan describes it. */
export interface InputChannel {
  readonly id: ChannelId;
  /** Key selector of the edge; undefined for edges without keys. */
  readonly keyOf: ((record: unknown) => unknown) | undefined;
  /** Which input of the operator it feeds: 0 or 1. */
  readonly input: number;
}

export interface ChannelHeadParts {
  readonly inputs: readonly InputChannel[];
  readonly meta: ReadonlyMap<string, string>;
  readonly mailbox: Mailbox<unknown, InboundMail>;
  readonly reader: ChannelReader;
  readonly watch: ChannelWatch;
  readonly exchange: LocalExchange;
  readonly decode: (payload: Uint8Array, channel: ChannelId) => Frame;
  readonly clock: Clock;
  readonly host: HeadHost;
}

interface InputProgress {
  seq: number;
  lineage: number;
  watermark: number;
  /** Wall clock in epoch ms at which the watermark came to where it is, as far as this attempt knows. */
  sinceMs: number;
  idle: boolean;
  ended: boolean;
  /** Processed since the last collectProgress. */
  changed: boolean;
}

export class ChannelHead implements Head, LocalConsumer {
  readonly #parts: ChannelHeadParts;
  readonly #inbound: Inbound;
  readonly #progress: InputProgress[];
  readonly #merge: WatermarkMerge;
  readonly #changed: number[] = [];
  #open: number;
  #reading = false;
  #closed = false;

  constructor(parts: ChannelHeadParts) {
    this.#parts = parts;
    const { inputs, meta } = parts;
    const nowMs = parts.clock.nowMs();
    this.#progress = inputs.map((input) =>
      parseProgress(meta.get(`in:${input.id}`), meta.get(`inw:${input.id}`), nowMs),
    );
    this.#merge = WatermarkMerge.restore(
      {
        merged: saveWatermark(storedWatermark(meta)),
        inputs: this.#progress.map((progress) => saveWatermark(progress.watermark)),
        idle: this.#progress.flatMap((progress, i) => (progress.idle ? [i] : [])),
      },
      inputs.length,
    );
    const cursors = inputs.map((input, i) => ({
      channel: input.id,
      seq: this.#progress[i]!.seq,
      lineage: this.#progress[i]!.lineage,
    }));
    this.#inbound = new Inbound(cursors, (mail) => parts.mailbox.offer(mail), parts.decode);
    this.#open = 0;
    for (const [i, progress] of this.#progress.entries()) {
      if (progress.ended) this.#inbound.markEnded(i);
      else this.#open++;
    }
    parts.exchange.addConsumer(
      inputs.map((input) => input.id),
      this,
    );
  }

  get watermark(): number {
    return this.#merge.current;
  }

  get idle(): boolean {
    return this.#merge.idle;
  }

  get hold(): WatermarkHold | undefined {
    const holder = this.#merge.holder;
    if (holder === undefined) return undefined;
    const { watermark, sinceMs, idle } = this.#progress[holder]!;
    return {
      kind: "channel",
      input: this.#parts.inputs[holder]!.id,
      watermark: Number.isFinite(watermark) ? watermark : null,
      sinceMs,
      state: idle ? "idle" : "active",
    };
  }

  get ended(): boolean {
    return this.#open === 0;
  }

  get drained(): boolean {
    return this.#parts.mailbox.dataCount === 0;
  }

  next(): HeadWork | undefined {
    if (this.#parts.mailbox.dataCount < this.#parts.mailbox.capacity / 2) this.#read();
    const mail = this.#parts.mailbox.takeData();
    if (mail === undefined) return undefined;
    const progress = this.#progress[mail.input]!;
    progress.seq = mail.seq;
    progress.lineage = mail.lineage;
    if (!progress.changed) {
      progress.changed = true;
      this.#changed.push(mail.input);
    }
    const { frame } = mail;
    const watermark = this.#advance(mail.input, progress, frame);
    if (frame.end) {
      progress.ended = true;
      this.#inbound.markEnded(mail.input);
      this.#open--;
    }
    return {
      batch: this.#withKeys(frame.batch, mail.input),
      input: this.#parts.inputs[mail.input]!.input,
      watermark,
      idle: this.#merge.idle,
      ended: this.#open === 0,
    };
  }

  deliver(channel: ChannelId, seq: number, lineage: number, frame: Frame): void {
    if (this.#closed) return;
    const before = this.#parts.mailbox.dataCount;
    const taken = this.#inbound.deliver(channel, seq, lineage, frame);
    if (!taken || this.#parts.mailbox.dataCount > before) this.#parts.host.post(noAction);
  }

  producerLeft(channel: ChannelId): void {
    if (this.#closed) return;
    this.#inbound.markBehind(channel);
    this.#parts.host.post(noAction);
  }

  collectProgress(meta: MetaField[], trims: ChannelTrim[]): void {
    for (const input of this.#changed) {
      const progress = this.#progress[input]!;
      progress.changed = false;
      const channel = this.#parts.inputs[input]!.id;
      meta.push([`in:${channel}`, `${progress.seq}-${progress.lineage}`]);
      meta.push([`inw:${channel}`, formatInputTime(progress)]);
      trims.push({ channel, throughSeq: progress.seq, lineage: progress.lineage });
    }
    if (this.#changed.length > 0) meta.push(["wm", String(this.#merge.current)]);
    this.#changed.length = 0;
  }

  onCommitted(trims: readonly ChannelTrim[]): void {
    for (const trim of trims) this.#parts.exchange.consumed(trim.channel, trim.throughSeq);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#parts.exchange.removeConsumer(
      this.#parts.inputs.map((input) => input.id),
      this,
    );
    for (const input of this.#parts.inputs) this.#parts.watch.unwatch(input.id);
  }

  #advance(input: number, progress: InputProgress, frame: Frame): number | undefined {
    progress.idle = frame.idle;
    // A producer that went back to its last commit may repeat a lower watermark than it told before; the promise stands.
    const watermark = frame.end ? MAX_WATERMARK : frame.watermark;
    if (watermark > progress.watermark) {
      progress.watermark = watermark;
      progress.sinceMs = this.#parts.clock.nowMs();
    }
    return this.#merge.update(input, progress.watermark, frame.idle);
  }

  /** Same-worker delivery brings the keys along; a decoded frame has none, and the selector is a pure function. */
  #withKeys(batch: Batch | undefined, input: number): Batch | undefined {
    const keyOf = this.#parts.inputs[input]!.keyOf;
    if (batch === undefined || keyOf === undefined || batch.keys !== undefined) return batch;
    const { values } = batch;
    const keys = new Array<unknown>(values.length);
    for (let i = 0; i < values.length; i++) keys[i] = keyOf(values[i]);
    return { ...batch, keys };
  }

  #read(): void {
    if (this.#reading || this.#closed) return;
    const cursors = this.#inbound.behind();
    if (cursors.length === 0) return;
    const perChannel = Math.max(
      1,
      Math.min(READ_ENTRIES, Math.floor(this.#parts.mailbox.free / cursors.length)),
    );
    const result = this.#parts.reader.read(cursors, perChannel);
    if (!(result instanceof Promise)) {
      this.#take(cursors, result);
      return;
    }
    this.#reading = true;
    result.then(
      (entries) =>
        this.#parts.host.post(() => {
          this.#reading = false;
          this.#take(cursors, entries);
        }),
      (thrown: unknown) => this.#parts.host.fail(toError(thrown)),
    );
  }

  #take(cursors: readonly ChannelCursor[], entries: readonly (readonly ChannelEntry[])[]): void {
    this.#inbound.takeRead(cursors, entries);
    for (let i = 0; i < cursors.length; i++) {
      const { channel } = cursors[i]!;
      if (entries[i]!.length > 0 || this.#parts.exchange.hasProducer(channel)) continue;
      const drained = this.#inbound.drained(channel);
      if (drained !== undefined) this.#watch(drained);
    }
  }

  #watch(cursor: ChannelCursor): void {
    this.#parts.watch.watch(cursor, () => {
      if (this.#closed) return;
      this.#inbound.markBehind(cursor.channel);
      this.#parts.host.post(noAction);
    });
  }
}

function noAction(): void {}

/** A stored position of a channel is not what this version writes. */
export class StoredPositionError extends EngineError<"STORED_POSITION"> {
  constructor(field: string, text: string) {
    super(
      "STORED_POSITION",
      `the partition's stored ${field} is "${text}", which this version of Weir cannot read; ` +
        "resume the job with the version that wrote it",
      { details: { field, text } },
    );
  }
}

function parseProgress(position: string | undefined, time: string | undefined, nowMs: number): InputProgress {
  const [seq, lineage] = parseEntryId(position);
  const [watermark = "-Infinity", state = ""] = (time ?? "-Infinity").split(" ");
  return {
    seq,
    lineage,
    watermark: Number(watermark),
    sinceMs: nowMs,
    idle: state === "idle",
    ended: state === "end",
    changed: false,
  };
}

function formatInputTime(progress: InputProgress): string {
  if (progress.ended) return `${progress.watermark} end`;
  return progress.idle ? `${progress.watermark} idle` : `${progress.watermark}`;
}

/** The partition's merged watermark as committed. */
export function storedWatermark(meta: ReadonlyMap<string, string>): number {
  return Number(meta.get("wm") ?? MIN_WATERMARK);
}

/** `<seq>-<lineage>`; nothing stored means nothing happened yet. */
export function parseEntryId(text: string | undefined): [seq: number, lineage: number] {
  if (text === undefined) return [0, 0];
  const match = /^(\d+)-(\d+)$/.exec(text);
  if (match === null) throw new StoredPositionError("channel position", text);
  return [Number(match[1]), Number(match[2])];
}
