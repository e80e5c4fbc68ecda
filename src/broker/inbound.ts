// Inbound — step 1 of the walk: reads the partition's channels, checks sequence and lineage, offers frames.
//
// Owns:      the position up to which each input channel was received, and whether more may be waiting in the store.
// Does not:  process frames; commit positions (the partition records what it has processed).
//
// A frame reaches a consumer on two ways: handed over in memory by a producer of the same process (deliver), or read
// from the store (takeRead). The sequence number makes the two agree: whatever comes next in sequence is taken, the
// rest is either a repeat or still in the store.
//
// Laws (docs/laws.md)
//   H1  Entries of a channel are taken in sequence, without gap or repeat.
//   H2  A rewritten entry is seen as a conflict, never taken silently.
import type { Frame } from "../core/batch.ts";
import type { ChannelId } from "../core/ids.ts";
import type { ChannelCursor, ChannelEntry } from "../core/ports/channel.ts";
import { ChannelConflictError, ChannelGapError } from "./errors.ts";

/** A frame on its way to the partition. */
export interface InboundMail {
  /** Index of the channel in the partition's inputs. */
  readonly input: number;
  readonly seq: number;
  readonly lineage: number;
  readonly frame: Frame;
}

interface InputState {
  readonly id: ChannelId;
  seq: number;
  lineage: number;
  /** Something said so since the last read was asked for, which may have been answered before it became true. */
  behindSinceRead: boolean;
  ended: boolean;
}

export class Inbound {
  readonly #inputs: InputState[];
  readonly #byChannel = new Map<ChannelId, number>();
  /** Entries may wait in the store after their `seq`. */
  readonly #behind: Set<InputState>;
  readonly #offer: (mail: InboundMail) => boolean;
  readonly #decode: (payload: Uint8Array, channel: ChannelId) => Frame;

  /**
   * @param cursors last processed entry of every input channel, as committed
   * @param offer takes a frame, or answers false when there is no room now
   */
  constructor(
    cursors: readonly ChannelCursor[],
    offer: (mail: InboundMail) => boolean,
    decode: (payload: Uint8Array, channel: ChannelId) => Frame,
  ) {
    this.#inputs = cursors.map((cursor) => ({
      id: cursor.channel,
      seq: cursor.seq,
      lineage: cursor.lineage,
      behindSinceRead: false,
      ended: false,
    }));
    this.#behind = new Set(this.#inputs);
    for (let i = 0; i < cursors.length; i++) this.#byChannel.set(cursors[i]!.channel, i);
    this.#offer = offer;
    this.#decode = decode;
  }

  /** The channel's input has ended and its last frame was taken: it is never read again. */
  markEnded(input: number): void {
    const state = this.#inputs[input]!;
    state.ended = true;
    this.#behind.delete(state);
  }

  /** More entries may be in the store: after a watch signal, or when a local producer went away. */
  markBehind(channel: ChannelId): void {
    const state = this.#inputs[this.#byChannel.get(channel) ?? -1];
    if (state !== undefined && !state.ended) this.#lookAgain(state);
  }

  /** Cursors of the channels to read next; the caller reads them at once. */
  behind(): ChannelCursor[] {
    const cursors: ChannelCursor[] = [];
    for (const state of this.#behind) {
      state.behindSinceRead = false;
      cursors.push(cursorOf(state));
    }
    return cursors;
  }

  /** The cursor of a channel that was found drained and may still bring something; undefined for any other. */
  drained(channel: ChannelId): ChannelCursor | undefined {
    const state = this.#inputs[this.#byChannel.get(channel) ?? -1];
    if (state === undefined || state.ended || this.#behind.has(state)) return undefined;
    return cursorOf(state);
  }

  /**
   * Takes a committed frame from a producer of this process.
   * @returns false when it was not taken: the frame is not the next one or there is no room; it is read later
   */
  deliver(channel: ChannelId, seq: number, lineage: number, frame: Frame): boolean {
    const input = this.#byChannel.get(channel);
    if (input === undefined) return false;
    const state = this.#inputs[input]!;
    if (seq <= state.seq) return true;
    if (
      seq !== state.seq + 1 ||
      frame.prevLineage !== state.lineage ||
      !this.#offer({ input, seq, lineage, frame })
    ) {
      this.#lookAgain(state);
      return false;
    }
    state.seq = seq;
    state.lineage = lineage;
    return true;
  }

  /**
   * Takes what a read of {@link behind} brought.
   * @param cursors as they were read
   * @throws {ChannelGapError | ChannelConflictError}
   */
  takeRead(cursors: readonly ChannelCursor[], entries: readonly (readonly ChannelEntry[])[]): void {
    for (let i = 0; i < cursors.length; i++) {
      const cursor = cursors[i]!;
      const input = this.#byChannel.get(cursor.channel)!;
      const state = this.#inputs[input]!;
      const found = entries[i]!;
      // Drained as of the read, and nothing was refused or signalled while it was under way.
      if (found.length === 0 && state.seq === cursor.seq && !state.behindSinceRead)
        this.#behind.delete(state);
      for (const entry of found) if (!this.#takeEntry(input, state, entry)) break;
    }
  }

  #takeEntry(input: number, state: InputState, entry: ChannelEntry): boolean {
    if (entry.seq <= state.seq) {
      if (entry.seq === state.seq && entry.lineage > state.lineage)
        throw new ChannelConflictError(state.id, entry.seq, state.lineage, entry.lineage);
      return true;
    }
    if (entry.seq !== state.seq + 1) throw new ChannelGapError(state.id, state.seq + 1, entry.seq);
    const frame = entry.frame ?? this.#decode(entry.payload!, state.id);
    if (frame.prevLineage !== state.lineage)
      throw new ChannelConflictError(state.id, entry.seq, state.lineage, frame.prevLineage);
    if (!this.#offer({ input, seq: entry.seq, lineage: entry.lineage, frame })) return false;
    state.seq = entry.seq;
    state.lineage = entry.lineage;
    return true;
  }

  #lookAgain(state: InputState): void {
    this.#behind.add(state);
    state.behindSinceRead = true;
  }
}

function cursorOf({ id, seq, lineage }: InputState): ChannelCursor {
  return { channel: id, seq, lineage };
}
