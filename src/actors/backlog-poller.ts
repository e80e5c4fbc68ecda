// BacklogPoller — asks for the length of congested channels while their producers are paused.
//
// One read per tick for all paused partitions of a worker. Consumers of the same process report without being asked.
import type { Clock } from "../core/clock.ts";
import type { ChannelId } from "../core/ids.ts";
import type { ChannelReader } from "../core/ports/channel.ts";

/** A paused producer partition. */
export interface PausedProducer {
  /** Channels to ask for, with the sequence number of their last entry. */
  congested(): { channel: ChannelId; seq: number }[];
  onLength(channel: ChannelId, length: number, throughSeq: number): void;
}

/** Between two looks at the channels of paused partitions: short against the time it takes to drain half of `highBytes`. */
const POLL_MS = 8;

export class BacklogPoller {
  readonly #reader: ChannelReader;
  readonly #clock: Clock;
  readonly #paused = new Set<PausedProducer>();
  #scheduled = false;
  #closed = false;

  constructor(reader: ChannelReader, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  add(producer: PausedProducer): void {
    this.#paused.add(producer);
    this.#schedule();
  }

  remove(producer: PausedProducer): void {
    this.#paused.delete(producer);
  }

  close(): void {
    this.#closed = true;
    this.#paused.clear();
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed || this.#paused.size === 0) return;
    this.#scheduled = true;
    this.#clock.after(POLL_MS, () => {
      this.#poll().then(
        () => this.#afterPoll(),
        // The session is over: its partitions learn it from their own calls.
        () => this.close(),
      );
    });
  }

  #afterPoll(): void {
    this.#scheduled = false;
    this.#schedule();
  }

  async #poll(): Promise<void> {
    const asked: { producer: PausedProducer; channel: ChannelId; seq: number }[] = [];
    for (const producer of this.#paused)
      for (const { channel, seq } of producer.congested()) asked.push({ producer, channel, seq });
    if (asked.length === 0) return;
    const lengths = await this.#reader.lengths(asked.map((each) => each.channel));
    for (let i = 0; i < asked.length; i++) {
      const { producer, channel, seq } = asked[i]!;
      if (this.#paused.has(producer)) producer.onLength(channel, lengths[i]!, seq);
    }
  }
}
