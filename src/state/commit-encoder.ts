// CommitEncoder — turns one epoch into one call of the commit script, synchronously. Grammar: redis/scripts/commit.ts.
//
// Hot: runs once per epoch over everything the epoch changed; no closure, no string and no object per value.

import type { ChannelId, PartitionId } from "../core/ids.ts";
import { OversizedCommitError } from "../core/partition-errors.ts";
import {
  ENDED_FIELD,
  type EpochCommit,
  type ListWrite,
  type MapWrite,
  type OutputFrame,
  type StateWrites,
} from "../core/ports/state-backend.ts";
import {
  type IncarnationKeys,
  type JobKeys,
  listDirectoryField,
  mapDirectoryField,
  scalarField,
} from "../redis/keys.ts";
import { commitDrainScript, commitScript, MAX_UNPACKED } from "../redis/scripts/commit.ts";
import { openCall, type Script } from "../redis/scripts/script.ts";
import { PackBuffer } from "./pack-buffer.ts";

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

  // Of the epoch at hand.
  #touched: string[] = [];
  readonly #channels = new Map<ChannelId, number>();
  readonly #ends = new Map<ChannelId, OutputFrame>();
  #writes = 0;

  // Of the command at hand: see #begin.
  #command = "";
  #commandKey = 0;
  #open = -1;
  #count = 0;

  constructor(job: JobKeys, keys: IncarnationKeys) {
    this.#keys = keys;
    this.#bell = job.bell;
  }

  /** @throws {OversizedCommitError} and whatever a codec throws; nothing was sent then */
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
    const drops = this.#packWrites(epoch.state);
    this.#packDrops(drops);
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

  #packWrites(state: readonly StateWrites[]): Drop[] {
    const drops: Drop[] = [];
    const mark = this.#pack.openArray();
    this.#writes = 0;
    for (let i = 0; i < state.length; i++) {
      const writes = state[i]!;
      const { operator, keyGroup, scalars, maps, lists } = writes;
      if (scalars.length > 0 || maps.length > 0 || lists.length > 0) {
        const hash = this.#touch(this.#keys.state(operator, keyGroup));
        this.#packSets(hash, writes);
        this.#packDeletes(hash, writes);
        for (let m = 0; m < maps.length; m++) this.#packMap(operator, keyGroup, maps[m]!, hash, drops);
        for (let l = 0; l < lists.length; l++) this.#packList(operator, keyGroup, lists[l]!);
      }
      this.#packTimers(writes);
    }
    this.#pack.closeArray(mark, this.#writes * 3);
    return drops;
  }

  /** What is set in the hash of one operator and key group: scalars, and the directory of maps and lists. */
  #packSets(hash: number, { scalars, maps, lists }: StateWrites): void {
    const pack = this.#pack;
    this.#begin("HSET", hash);
    for (let s = 0; s < scalars.length; s++) {
      const { state, codec, fields, values } = scalars[s]!;
      const prefix = scalarField(state);
      for (let i = 0; i < fields.length; i++) {
        const value = values[i];
        if (value === undefined) continue;
        this.#room(2);
        pack.prefixed(prefix, fields[i]!);
        pack.bytes(codec.encode(value));
      }
    }
    for (let m = 0; m < maps.length; m++) {
      if (!setsEntry(maps[m]!)) continue;
      this.#room(2);
      pack.prefixed(mapDirectoryField(maps[m]!.state), maps[m]!.field);
      pack.text("");
    }
    for (let l = 0; l < lists.length; l++) {
      if (lists[l]!.appends.length === 0) continue;
      this.#room(2);
      pack.prefixed(listDirectoryField(lists[l]!.state), lists[l]!.field);
      pack.text("");
    }
    this.#end();
  }

  #packDeletes(hash: number, { scalars, maps, lists }: StateWrites): void {
    const pack = this.#pack;
    this.#begin("HDEL", hash);
    for (let s = 0; s < scalars.length; s++) {
      const { state, fields, values } = scalars[s]!;
      const prefix = scalarField(state);
      for (let i = 0; i < fields.length; i++) {
        if (values[i] !== undefined) continue;
        this.#room(1);
        pack.prefixed(prefix, fields[i]!);
      }
    }
    for (let m = 0; m < maps.length; m++) {
      if (!maps[m]!.clear || setsEntry(maps[m]!)) continue;
      this.#room(1);
      pack.prefixed(mapDirectoryField(maps[m]!.state), maps[m]!.field);
    }
    for (let l = 0; l < lists.length; l++) {
      if (!lists[l]!.clear || lists[l]!.appends.length > 0) continue;
      this.#room(1);
      pack.prefixed(listDirectoryField(lists[l]!.state), lists[l]!.field);
    }
    this.#end();
  }

  #packMap(operator: string, keyGroup: number, write: MapWrite, hash: number, drops: Drop[]): void {
    const pack = this.#pack;
    const { state, codec, field, clear, entries } = write;
    const key = this.#touch(this.#keys.map(operator, keyGroup, state, field));
    if (clear) this.#unlink(key);
    let sets = 0;
    this.#begin("HSET", key);
    for (const [name, value] of entries) {
      if (value === undefined) continue;
      this.#room(2);
      pack.text(name);
      pack.bytes(codec.encode(value));
      sets++;
    }
    this.#end();
    if (clear || sets === entries.size) return;
    this.#begin("HDEL", key);
    for (const [name, value] of entries) {
      if (value !== undefined) continue;
      this.#room(1);
      pack.text(name);
    }
    this.#end();
    if (sets === 0) drops.push({ key, hash, field: `${mapDirectoryField(state)}${field}` });
  }

  #packList(operator: string, keyGroup: number, write: ListWrite): void {
    const { state, codec, field, clear, appends } = write;
    if (!clear && appends.length === 0) return;
    const key = this.#touch(this.#keys.list(operator, keyGroup, state, field));
    if (clear) this.#unlink(key);
    this.#begin("RPUSH", key);
    for (let i = 0; i < appends.length; i++) {
      this.#room(1);
      this.#pack.bytes(codec.encode(appends[i]));
    }
    this.#end();
  }

  /** Removals first: a timer that was removed and registered again must stay. */
  #packTimers({ operator, keyGroup, timerAdds, timerRemoves }: StateWrites): void {
    if (timerAdds.length === 0 && timerRemoves.length === 0) return;
    const pack = this.#pack;
    const key = this.#touch(this.#keys.timers(operator, keyGroup));
    this.#begin("ZREM", key);
    for (let i = 0; i < timerRemoves.length; i++) {
      this.#room(1);
      pack.text(timerRemoves[i]!);
    }
    this.#end();
    this.#begin("ZADD", key);
    for (let i = 0; i < timerAdds.length; i++) {
      const { time, member } = timerAdds[i]!;
      this.#room(2);
      pack.text(scoreText(time));
      pack.text(member);
    }
    this.#end();
  }

  #unlink(key: number): void {
    this.#begin("UNLINK", key);
    this.#room(0);
    this.#end();
  }

  /** Begins a command whose arguments come through {@link #room}; without any argument nothing is written. */
  #begin(command: string, key: number): void {
    this.#command = command;
    this.#commandKey = key;
    this.#open = -1;
  }

  /** Makes room for so many arguments of the command, beginning it anew when the list would become too long. */
  #room(count: number): void {
    if (this.#open >= 0 && this.#count + count > MAX_UNPACKED) this.#end();
    if (this.#open < 0) {
      this.#writes++;
      this.#pack.text(this.#command);
      this.#pack.integer(this.#commandKey);
      this.#open = this.#pack.openArray();
      this.#count = 0;
    }
    this.#count += count;
  }

  #end(): void {
    if (this.#open < 0) return;
    this.#pack.closeArray(this.#open, this.#count);
    this.#open = -1;
  }

  #packDrops(drops: readonly Drop[]): void {
    this.#pack.array(drops.length * 3);
    for (const { key, hash, field } of drops) {
      this.#pack.integer(key);
      this.#pack.integer(hash);
      this.#pack.text(field);
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

/** A map that may have become empty: its directory field goes when the key is gone. */
interface Drop {
  readonly key: number;
  readonly hash: number;
  readonly field: string;
}

function setsEntry(write: MapWrite): boolean {
  for (const value of write.entries.values()) if (value !== undefined) return true;
  return false;
}

/** Scores of sorted sets are doubles, as times are. */
function scoreText(time: number): string {
  if (time === Number.POSITIVE_INFINITY) return "+inf";
  return time === Number.NEGATIVE_INFINITY ? "-inf" : String(time);
}

/** The same memory; the client takes nothing but Buffers. */
function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
