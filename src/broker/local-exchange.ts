// LocalExchange — hands committed frames from producer to consumer inside one process, and consumption back.
//
// A frame is handed over only after its commit was acknowledged, and it stays in the store until the consumer has
// committed past it: a crash changes nothing, the exchange only saves the read.
import type { Frame } from "../core/batch.ts";
import type { ChannelId } from "../core/ids.ts";
import type { OutputFrame } from "../core/ports/state-backend.ts";

/** A consumer partition of this process. */
export interface LocalConsumer {
  deliver(channel: ChannelId, seq: number, lineage: number, frame: Frame): void;
  /** The producer left this process: what it writes from now on is found in the store. */
  producerLeft(channel: ChannelId): void;
}

/** A producer partition of this process. */
export interface LocalProducer {
  consumed(channel: ChannelId, throughSeq: number): void;
}

export class LocalExchange {
  readonly #consumers = new Map<ChannelId, LocalConsumer>();
  readonly #producers = new Map<ChannelId, LocalProducer>();

  addConsumer(channels: readonly ChannelId[], consumer: LocalConsumer): void {
    for (const channel of channels) this.#consumers.set(channel, consumer);
  }

  removeConsumer(channels: readonly ChannelId[], consumer: LocalConsumer): void {
    for (const channel of channels)
      if (this.#consumers.get(channel) === consumer) this.#consumers.delete(channel);
  }

  addProducer(channels: readonly ChannelId[], producer: LocalProducer): void {
    for (const channel of channels) this.#producers.set(channel, producer);
  }

  removeProducer(channels: readonly ChannelId[], producer: LocalProducer): void {
    for (const channel of channels) {
      if (this.#producers.get(channel) !== producer) continue;
      this.#producers.delete(channel);
      this.#consumers.get(channel)?.producerLeft(channel);
    }
  }

  hasProducer(channel: ChannelId): boolean {
    return this.#producers.has(channel);
  }

  hasConsumer(channel: ChannelId): boolean {
    return this.#consumers.has(channel);
  }

  /** The frames are durable. */
  deliver(frames: readonly OutputFrame[]): void {
    for (const { channel, seq, lineage, frame } of frames)
      this.#consumers.get(channel)?.deliver(channel, seq, lineage, frame);
  }

  /** The consumer's cursor is durable. */
  consumed(channel: ChannelId, throughSeq: number): void {
    this.#producers.get(channel)?.consumed(channel, throughSeq);
  }
}
