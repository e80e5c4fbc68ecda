// CommitEncoder — turns one epoch into one call of the commit script, synchronously. Grammar: redis/scripts/commit.ts.
//
// Owns:      the facts of the epoch: outputs, appends, trims, the partition's record; and the bounds of a call.
// Does not:  know how state is laid out (StateWritesEncoder).
import type { ChannelId, PartitionId } from "../core/ids.ts";
import { OversizedCommitError } from "../core/partition-errors.ts";
import { ENDED_FIELD, type EpochCommit, type OutputFrame } from "../core/ports/state-backend.ts";
import type { IncarnationKeys, JobKeys } from "../redis/keys.ts";
import { commitDrainScript, commitScript, MAX_UNPACKED } from "../redis/scripts/commit.ts";
import { openCall, type Script } from "../redis/scripts/script.ts";
import { PackBuffer } from "./pack-buffer.ts";
import { StateWritesEncoder } from "./state-writes-encoder.ts";

/** What one epoch may hold at most. The actor closes epochs at a hundredth of this; more is a defect there. */
export const COMMIT_LIMITS: { readonly keys: number; readonly bytes: number } = {
  keys: 200_000,
  bytes: 256 * 1024 * 1024,
};

export interface EncodedCommit {
  readonly script: Script;
  readonly args: (string | Buffer)[];
}

/** Encodes the epochs of all partitions of a session, one at a time. */
export class CommitEncoder {
  readonly #keys: IncarnationKeys;
  readonly #bell: string;
  readonly #pack = new PackBuffer();
  readonly #state: StateWritesEncoder;

  // Of the epoch at hand.
  #touched: string[] = [];
  readonly #channels = new Map<ChannelId, number>();
  readonly #ends = new Map<ChannelId, OutputFrame>();

  constructor(job: JobKeys, keys: IncarnationKeys) {
    this.#keys = keys;
    this.#state = new StateWritesEncoder(keys, this.#pack);
    this.#bell = job.bell;
  }

  /** @throws {OversizedCommitError | StateCodecError | NotSerialisableError} nothing was sent then */
  encode(
    partition: PartitionId,
    metaKey: string,
    fence: string,
    history: string,
    epoch: EpochCommit,
  ): EncodedCommit {
    this.#touched = [metaKey];
    this.#channels.clear();
    this.#ends.clear();
    try {
      return this.#encode(partition, fence, history, epoch);
    } catch (error) {
      this.#pack.discard();
      throw error;
    }
  }

  #encode(partition: PartitionId, fence: string, history: string, epoch: EpochCommit): EncodedCommit {
    const { outputs } = epoch;
    const pack = this.#pack;
    for (let i = 0; i < outputs.length; i++) {
      const { channel } = outputs[i]!;
      if (!this.#channels.has(channel)) this.#channels.set(channel, this.#touch(this.#keys.channel(channel)));
    }
    pack.array(8);
    pack.integer(this.#channels.size);
    pack.array(outputs.length * 2);
    for (let i = 0; i < outputs.length; i++) {
      const { channel, seq, lineage } = outputs[i]!;
      this.#ends.set(channel, outputs[i]!);
      pack.integer(this.#channels.get(channel)!);
      pack.text(`${seq}-${lineage}`);
    }
    this.#packAppends(partition, epoch);
    this.#state.encode(epoch.state, this.#touched);
    this.#packTrims(epoch);
    this.#packEnded(partition, epoch);
    this.#packMeta(epoch);

    const touched = this.#touched;
    if (touched.length > COMMIT_LIMITS.keys)
      throw new OversizedCommitError(partition, "keys", touched.length, COMMIT_LIMITS.keys);
    let bytes = pack.size;
    const script = epoch.drain ? commitDrainScript : commitScript;
    const args = openCall(script, touched.length);
    for (let i = 0; i < touched.length; i++) args.push(touched[i]!);
    args.push(fence, history, String(epoch.seq), pack.take());
    for (let i = 0; i < outputs.length; i++) {
      const payload = asBuffer(outputs[i]!.payload ?? EMPTY);
      bytes += payload.length;
      args.push(payload);
    }
    if (bytes > COMMIT_LIMITS.bytes)
      throw new OversizedCommitError(partition, "bytes", bytes, COMMIT_LIMITS.bytes);
    return { script, args };
  }

  /** @returns the index of the key in KEYS, which start at 1 */
  #touch(key: string): number {
    return this.#touched.push(key);
  }

  #packAppends(partition: PartitionId, epoch: EpochCommit): void {
    const { appends } = epoch;
    const pack = this.#pack;
    const streams = new Map<string, number>();
    pack.array(appends.length * 3);
    for (const { stream, fields, maxLength } of appends) {
      if (fields.length > MAX_UNPACKED)
        throw new OversizedCommitError(
          partition,
          "fields in one stream entry",
          fields.length / 2,
          MAX_UNPACKED / 2,
        );
      let index = streams.get(stream);
      if (index === undefined) {
        index = this.#touch(stream);
        streams.set(stream, index);
      }
      pack.integer(index);
      pack.integer(maxLength ?? 0);
      pack.array(fields.length);
      for (const field of fields) {
        if (typeof field === "string") pack.text(field);
        else pack.bytes(field);
      }
    }
  }

  /**
   * Keeps entries of the same sequence number but a higher lineage: those were written after a rollback, and the
   * reader must see them to notice the conflict (law H2).
   */
  #packTrims(epoch: EpochCommit): void {
    const { trims } = epoch;
    this.#pack.array(trims.length * 2);
    for (let i = 0; i < trims.length; i++) {
      const { channel, throughSeq, lineage } = trims[i]!;
      this.#pack.integer(this.#touch(this.#keys.channel(channel)));
      this.#pack.text(lineage === undefined ? `${throughSeq + 1}-0` : `${throughSeq}-${lineage + 1}`);
    }
  }

  #packEnded(partition: PartitionId, { meta }: EpochCommit): void {
    if (!meta.some(([name]) => name === ENDED_FIELD)) {
      this.#pack.array(0);
      return;
    }
    this.#pack.array(3);
    this.#pack.integer(this.#touch(this.#keys.ended));
    this.#pack.text(partition);
    this.#pack.text(this.#bell);
  }

  /** The partition's facts, then the ends of its output channels, and `seq` as the very last. */
  #packMeta({ seq, meta }: EpochCommit): void {
    const pack = this.#pack;
    const lists = pack.openArray();
    let listCount = 1;
    let open = pack.openArray();
    let count = 0;
    const next = (): void => {
      if (count === MAX_UNPACKED - 2) {
        pack.closeArray(open, count);
        open = pack.openArray();
        listCount++;
        count = 0;
      }
      count += 2;
    };
    for (let i = 0; i < meta.length; i++) {
      const [name, value] = meta[i]!;
      if (name.startsWith(OUT_PREFIX)) continue;
      next();
      pack.text(name);
      pack.text(value);
    }
    for (const [channel, last] of this.#ends) {
      next();
      pack.prefixed(OUT_PREFIX, channel);
      pack.text(`${last.seq}-${last.lineage}`);
    }
    pack.text("seq");
    pack.text(String(seq));
    pack.closeArray(open, count + 2);
    pack.closeArray(lists, listCount);
  }
}

const OUT_PREFIX = "out:";
const EMPTY = Buffer.alloc(0);

/** The same memory; the client takes nothing but Buffers. */
function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
