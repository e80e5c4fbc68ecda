// IntakeGate — whether a partition may take input, or is held back: by consumers that lag behind, or by a full store.
//
// Owns:      the pause, from the high mark of backpressure until all channels are below the low one, so that it does
//            not flutter.
// Does not:  know what input is, or count what consumers have not taken (Outbound).
import type { LocalExchange } from "../broker/local-exchange.ts";
import type { Outbound } from "../broker/outbound.ts";
import type { ChannelId } from "../core/ids.ts";
import type { BacklogPoller, PausedProducer } from "./backlog-poller.ts";
import type { MemoryGauge } from "./memory-gauge.ts";

export interface IntakeGateParts {
  readonly outbound: Outbound;
  /** Input is new data, which a full store has no room for; anything else makes room by being consumed. */
  readonly bringsIn: boolean;
  readonly memory: MemoryGauge;
  readonly backlog: BacklogPoller;
  readonly exchange: LocalExchange;
  readonly wake: () => void;
}

export class IntakeGate implements PausedProducer {
  readonly #parts: IntakeGateParts;
  #paused = false;

  constructor(parts: IntakeGateParts) {
    this.#parts = parts;
  }

  /** Whether to wait; when that is over, the partition is woken. */
  holdsBack(): boolean {
    const { outbound, bringsIn, memory, backlog, wake } = this.#parts;
    if (bringsIn && memory.isTight) {
      memory.whenRoomy(wake);
      return true;
    }
    const before = this.#paused;
    this.#paused = before ? !outbound.isBelowLow : outbound.isAboveHigh;
    if (this.#paused && !before) backlog.add(this);
    if (!this.#paused && before) backlog.remove(this);
    return this.#paused;
  }

  /** Consumers of this process report by themselves. */
  congested(): { channel: ChannelId; seq: number }[] {
    const { outbound, exchange } = this.#parts;
    return outbound.congested().filter(({ channel }) => !exchange.hasConsumer(channel));
  }

  onLength(channel: ChannelId, length: number, throughSeq: number): void {
    this.onConsumed(channel, throughSeq - length);
  }

  /** A consumer has committed past `throughSeq`. */
  onConsumed(channel: ChannelId, throughSeq: number): void {
    const { outbound, wake } = this.#parts;
    outbound.onConsumed(channel, throughSeq);
    if (this.#paused && outbound.isBelowLow) wake();
  }

  close(): void {
    this.#parts.backlog.remove(this);
    this.#parts.memory.forget(this.#parts.wake);
  }
}
