// Channel — one ordered edge from a producer partition to a consumer partition, as its consumer sees it.
//
// Entries are appended only by the producer's commit and removed only by trims in the consumer's commit
// (see StateBackend). Two implementations under one conformance suite: test/conformance/channel.ts.
//
// Laws (docs/laws.md)
//   H1  Entries of a channel are read in the order of their sequence numbers, without gap or repeat.
//   H2  A rewritten entry (producer went back to an earlier state) is seen as a lineage conflict, never silently.
import type { Frame } from "../batch.ts";
import type { ChannelId } from "../ids.ts";
import type { Awaitable } from "./state-backend.ts";

export interface ChannelCursor {
  readonly channel: ChannelId;
  /** Sequence number of the last entry already taken; 0 for none. */
  readonly seq: number;
  /** Lineage of that entry; 0 for none. */
  readonly lineage: number;
}

export interface ChannelEntry {
  readonly seq: number;
  readonly lineage: number;
  /** Encoded frame (Redis), or undefined when `frame` is here by reference (embedded). */
  readonly payload: Uint8Array | undefined;
  readonly frame: Frame | undefined;
}

/** Reads channels; shared by all partitions of a worker session. */
export interface ChannelReader {
  /**
   * What is there now, without waiting.
   *
   * @param maxEntries per channel
   * @returns one list per cursor, in order
   * @throws {SessionEndedError}
   */
  read(cursors: readonly ChannelCursor[], maxEntries: number): Awaitable<ChannelEntry[][]>;
  /** Unconsumed entries per channel. */
  lengths(channels: readonly ChannelId[]): Awaitable<number[]>;
  /**
   * Watches channels that are drained: `onReady(channel)` is called when an entry behind the cursor may be there.
   * The set replaces the one watched before. Signals may be spurious, never missing for longer than one second.
   */
  watch(cursors: readonly ChannelCursor[], onReady: (channel: ChannelId) => void): void;
}
