// ChannelWatch — gathers the drained channels of all partitions of a worker into the reader's one watch.
//
// Changes are collected until the current turn of the event loop ends: hundreds of channels that run dry together
// cost one command.
import type { ChannelId } from "../core/ids.ts";
import type { ChannelCursor, ChannelReader } from "../core/ports/channel.ts";

export class ChannelWatch {
  readonly #reader: ChannelReader;
  readonly #watched = new Map<ChannelId, { cursor: ChannelCursor; onReady: () => void }>();
  #scheduled = false;
  #closed = false;

  constructor(reader: ChannelReader) {
    this.#reader = reader;
  }

  /** Calls `onReady` once when an entry behind the cursor may be there; the channel is then no longer watched. */
  watch(cursor: ChannelCursor, onReady: () => void): void {
    this.#watched.set(cursor.channel, { cursor, onReady });
    this.#schedule();
  }

  unwatch(channel: ChannelId): void {
    if (this.#watched.delete(channel)) this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#watched.clear();
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#closed) return;
      const cursors = [...this.#watched.values()].map((entry) => entry.cursor);
      this.#reader.watch(cursors, (channel) => {
        const entry = this.#watched.get(channel);
        if (entry === undefined) return;
        this.unwatch(channel);
        entry.onReady();
      });
    });
  }
}
