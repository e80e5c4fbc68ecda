// MemoryChannelReader — reads the channels of an embedded job. Answers without promises.
import type { EmbeddedStore } from "../core/embedded-store.ts";
import type { ChannelId } from "../core/ids.ts";
import type { ChannelCursor, ChannelEntry, ChannelReader } from "../core/ports/channel.ts";

export class MemoryChannelReader implements ChannelReader {
  readonly #store: EmbeddedStore;
  readonly #watched = new Map<ChannelId, () => void>();
  #ready: ChannelId[] = [];
  #onReady: (channel: ChannelId) => void = () => undefined;

  constructor(store: EmbeddedStore) {
    this.#store = store;
  }

  read(cursors: readonly ChannelCursor[], maxEntries: number): ChannelEntry[][] {
    const found: ChannelEntry[][] = [];
    for (let i = 0; i < cursors.length; i++) {
      const { channel, seq, lineage } = cursors[i]!;
      found.push(this.#store.channels.get(channel)?.readAfter(seq, lineage, maxEntries) ?? []);
    }
    return found;
  }

  lengths(channels: readonly ChannelId[]): number[] {
    return channels.map((channel) => this.#store.channels.get(channel)?.length ?? 0);
  }

  watch(cursors: readonly ChannelCursor[], onReady: (channel: ChannelId) => void): void {
    this.#onReady = onReady;
    const wanted = new Set<ChannelId>();
    for (const { channel, seq, lineage } of cursors) {
      wanted.add(channel);
      if (!this.#watched.has(channel)) {
        const stop = this.#store.channel(channel).onAppend(() => this.#signal(channel));
        this.#watched.set(channel, stop);
      }
      if (this.#store.channel(channel).hasAfter(seq, lineage)) this.#signal(channel);
    }
    for (const channel of this.#watched.keys()) if (!wanted.has(channel)) this.#unwatch(channel);
  }

  #unwatch(channel: ChannelId): void {
    this.#watched.get(channel)?.();
    this.#watched.delete(channel);
  }

  /**
   * Signals once, when the current turn of the producer is over: it appends from inside its commit, where the
   * consumer must not run.
   */
  #signal(channel: ChannelId): void {
    if (this.#ready.length === 0) queueMicrotask(() => this.#flush());
    this.#ready.push(channel);
  }

  #flush(): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const channel of ready) {
      if (!this.#watched.has(channel)) continue;
      this.#unwatch(channel);
      this.#onReady(channel);
    }
  }
}
