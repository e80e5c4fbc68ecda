// StateWritesEncoder — turns what the operators of a partition changed in one epoch into the commands that store it.
// Layout: docs/protocols/redis-keys.md. Grammar: `writes` and `drops` in redis/scripts/commit.ts.
//
// Maps and lists have keys of their own; the hash of their key group holds a directory field for each, so that all state
// of a key group can be found.
//
// Hot: no closure, no string and no object per scalar.
import type { ListWrite, MapWrite, StateWrites } from "../core/ports/state-backend.ts";
import { type IncarnationKeys, listDirectoryField, mapDirectoryField, scalarField } from "../redis/keys.ts";
import { encodeValue } from "./codec-calls.ts";
import { CommandList } from "./command-list.ts";
import type { PackBuffer } from "./pack-buffer.ts";

/** A map that may have become empty: its directory field goes when the key is gone. */
interface Drop {
  readonly key: number;
  readonly hash: number;
  readonly field: string;
}

export class StateWritesEncoder {
  readonly #keys: IncarnationKeys;
  readonly #pack: PackBuffer;
  readonly #commands: CommandList;

  // Of the epoch at hand.
  #touched: string[] = [];
  #drops: Drop[] = [];

  constructor(keys: IncarnationKeys, pack: PackBuffer) {
    this.#keys = keys;
    this.#pack = pack;
    this.#commands = new CommandList(pack);
  }

  /**
   * Packs the lists `writes` and `drops`.
   *
   * @param touched KEYS of the call: what is touched is added, so its index, from 1 on, is the new length
   * @throws {StateCodecError | NotSerialisableError}
   */
  encode(state: readonly StateWrites[], touched: string[]): void {
    this.#touched = touched;
    this.#drops = [];
    this.#commands.open();
    for (let i = 0; i < state.length; i++) {
      const writes = state[i]!;
      const { operator, keyGroup, scalars, maps, lists } = writes;
      if (scalars.length > 0 || maps.length > 0 || lists.length > 0) {
        const hash = touched.push(this.#keys.state(operator, keyGroup));
        this.#packSets(hash, writes);
        this.#packDeletes(hash, writes);
        for (let m = 0; m < maps.length; m++) this.#packMap(operator, keyGroup, maps[m]!, hash);
        for (let l = 0; l < lists.length; l++) this.#packList(operator, keyGroup, lists[l]!);
      }
      this.#packTimers(writes);
    }
    this.#commands.close();
    this.#packDrops();
  }

  /** What is set in the hash of one operator and key group: scalars, and the directory of maps and lists. */
  #packSets(hash: number, { operator, scalars, maps, lists }: StateWrites): void {
    const commands = this.#commands;
    const pack = this.#pack;
    commands.begin("HSET", hash);
    for (let s = 0; s < scalars.length; s++) {
      const { state, codec, fields, values } = scalars[s]!;
      const prefix = scalarField(state);
      for (let i = 0; i < fields.length; i++) {
        const value = values[i];
        if (value === undefined) continue;
        commands.room(2);
        pack.prefixed(prefix, fields[i]!);
        pack.versioned(codec.version, encodeValue(codec, value, operator, state, fields[i]!));
      }
    }
    for (let m = 0; m < maps.length; m++) {
      if (!setsEntry(maps[m]!)) continue;
      commands.room(2);
      pack.prefixed(mapDirectoryField(maps[m]!.state), maps[m]!.field);
      pack.text("");
    }
    for (let l = 0; l < lists.length; l++) {
      if (lists[l]!.appends.length === 0) continue;
      commands.room(2);
      pack.prefixed(listDirectoryField(lists[l]!.state), lists[l]!.field);
      pack.text("");
    }
    commands.end();
  }

  #packDeletes(hash: number, { scalars, maps, lists }: StateWrites): void {
    const commands = this.#commands;
    const pack = this.#pack;
    commands.begin("HDEL", hash);
    for (let s = 0; s < scalars.length; s++) {
      const { state, fields, values } = scalars[s]!;
      const prefix = scalarField(state);
      for (let i = 0; i < fields.length; i++) {
        if (values[i] !== undefined) continue;
        commands.room(1);
        pack.prefixed(prefix, fields[i]!);
      }
    }
    for (let m = 0; m < maps.length; m++) {
      if (!maps[m]!.clear || setsEntry(maps[m]!)) continue;
      commands.room(1);
      pack.prefixed(mapDirectoryField(maps[m]!.state), maps[m]!.field);
    }
    for (let l = 0; l < lists.length; l++) {
      if (!lists[l]!.clear || lists[l]!.appends.length > 0) continue;
      commands.room(1);
      pack.prefixed(listDirectoryField(lists[l]!.state), lists[l]!.field);
    }
    commands.end();
  }

  #packMap(operator: string, keyGroup: number, write: MapWrite, hash: number): void {
    const commands = this.#commands;
    const pack = this.#pack;
    const { state, codec, field, clear, entries } = write;
    const key = this.#touched.push(this.#keys.map(operator, keyGroup, state, field));
    if (clear) commands.add("UNLINK", key);
    let sets = 0;
    commands.begin("HSET", key);
    for (const [name, value] of entries) {
      if (value === undefined) continue;
      commands.room(2);
      pack.text(name);
      pack.versioned(codec.version, encodeValue(codec, value, operator, state, field, name));
      sets++;
    }
    commands.end();
    if (clear || sets === entries.size) return;
    commands.begin("HDEL", key);
    for (const [name, value] of entries) {
      if (value !== undefined) continue;
      commands.room(1);
      pack.text(name);
    }
    commands.end();
    if (sets === 0) this.#drops.push({ key, hash, field: `${mapDirectoryField(state)}${field}` });
  }

  #packList(operator: string, keyGroup: number, write: ListWrite): void {
    const commands = this.#commands;
    const { state, codec, field, clear, appends } = write;
    if (!clear && appends.length === 0) return;
    const key = this.#touched.push(this.#keys.list(operator, keyGroup, state, field));
    if (clear) commands.add("UNLINK", key);
    commands.begin("RPUSH", key);
    for (let i = 0; i < appends.length; i++) {
      commands.room(1);
      this.#pack.versioned(codec.version, encodeValue(codec, appends[i], operator, state, field));
    }
    commands.end();
  }

  /** Removals first: a timer that was removed and registered again must stay. */
  #packTimers({ operator, keyGroup, timerAdds, timerRemoves }: StateWrites): void {
    if (timerAdds.length === 0 && timerRemoves.length === 0) return;
    const commands = this.#commands;
    const pack = this.#pack;
    const key = this.#touched.push(this.#keys.timers(operator, keyGroup));
    commands.begin("ZREM", key);
    for (let i = 0; i < timerRemoves.length; i++) {
      commands.room(1);
      pack.text(timerRemoves[i]!);
    }
    commands.end();
    commands.begin("ZADD", key);
    for (let i = 0; i < timerAdds.length; i++) {
      const { time, member } = timerAdds[i]!;
      commands.room(2);
      pack.text(scoreText(time));
      pack.text(member);
    }
    commands.end();
  }

  #packDrops(): void {
    const drops = this.#drops;
    this.#pack.array(drops.length * 3);
    for (const { key, hash, field } of drops) {
      this.#pack.integer(key);
      this.#pack.integer(hash);
      this.#pack.text(field);
    }
  }
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
