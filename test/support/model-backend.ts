// ModelBackend — the smallest storage that keeps the contract of StateBackend's loads and commits, to compare with.
//
// `stage` serialises an epoch as a real commit does before it returns; `apply` makes the oldest staged epoch visible.
// Every value keeps the version that wrote it, and is read by the codec of the load, which migrates what is older.
//
// A sharing model (embedded jobs) keeps the very objects, and `checkUnchanged` tells when somebody changed them in place.
import { isDeepStrictEqual } from "node:util";
import type { Codec } from "../../src/core/codec.ts";
import type { StateLoad, StateWrites, StoredTimer } from "../../src/core/ports/state-backend.ts";

interface Stored {
  readonly codec: Codec<unknown>;
  readonly bytes: Uint8Array;
  /** The object itself, in a sharing model. */
  readonly shared: unknown;
}

interface Group {
  readonly scalars: Map<string, Stored>;
  readonly maps: Map<string, Map<string, Stored>>;
  readonly lists: Map<string, Stored[]>;
  readonly timers: Map<string, number>;
}

type Change = (backend: ModelBackend) => void;

export class ModelBackend {
  readonly shares: boolean;
  readonly #groups = new Map<string, Group>();
  readonly #staged: Change[][] = [];
  /** Fields that were asked for, over all loads. */
  fieldsLoaded = 0;

  constructor(shares = false) {
    this.shares = shares;
  }

  get staged(): number {
    return this.#staged.length;
  }

  /** Serialises an epoch; it becomes visible with {@link apply}. */
  stage(writes: readonly StateWrites[]): void {
    const changes: Change[] = [];
    for (const { operator, keyGroup, scalars, maps, lists, timerAdds, timerRemoves } of writes) {
      const group = (backend: ModelBackend): Group => backend.#group(operator, keyGroup);
      for (const { state, codec, fields, values } of scalars) {
        fields.forEach((field, i) => {
          const stored = values[i] === undefined ? undefined : this.#store(codec, values[i]);
          changes.push((backend) => {
            if (stored === undefined) group(backend).scalars.delete(`${state}/${field}`);
            else group(backend).scalars.set(`${state}/${field}`, stored);
          });
        });
      }
      for (const { state, codec, field, clear, entries } of maps) {
        const changed = [...entries].map(
          ([key, value]) => [key, value === undefined ? undefined : this.#store(codec, value)] as const,
        );
        changes.push((backend) => {
          const address = `${state}/${field}`;
          const stored = group(backend).maps.get(address) ?? new Map<string, Stored>();
          if (clear) stored.clear();
          for (const [key, value] of changed) {
            if (value === undefined) stored.delete(key);
            else stored.set(key, value);
          }
          if (stored.size === 0) group(backend).maps.delete(address);
          else group(backend).maps.set(address, stored);
        });
      }
      for (const { state, codec, field, clear, appends } of lists) {
        const added = appends.map((value) => this.#store(codec, value));
        changes.push((backend) => {
          const address = `${state}/${field}`;
          const before = clear ? [] : (group(backend).lists.get(address) ?? []);
          const after = [...before, ...added];
          if (after.length === 0) group(backend).lists.delete(address);
          else group(backend).lists.set(address, after);
        });
      }
      const adds = timerAdds.map((timer) => ({ ...timer }));
      const removes = [...timerRemoves];
      changes.push((backend) => {
        for (const member of removes) group(backend).timers.delete(member);
        for (const { member, time } of adds) group(backend).timers.set(member, time);
      });
    }
    this.#staged.push(changes);
  }

  /** Makes the oldest staged epoch visible. */
  apply(): void {
    for (const change of this.#staged.shift() ?? []) change(this);
  }

  /** A crash: what was not applied is lost. */
  dropStaged(): void {
    this.#staged.length = 0;
  }

  load(loads: readonly StateLoad[]): void {
    for (const load of loads) {
      this.fieldsLoaded += load.fields.length;
      const outdated: number[] = [];
      load.outdated = outdated;
      const group = this.#groups.get(`${load.operator}/${load.keyGroup}`);
      load.results = load.fields.map((field, i) => {
        const read = (stored: Stored): unknown => {
          if (!this.shares && stored.codec.version !== load.codec.version && outdated.at(-1) !== i)
            outdated.push(i);
          return this.#read(stored, load.codec);
        };
        const address = `${load.state}/${field}`;
        if (group === undefined) return undefined;
        if (load.shape === "scalar") {
          const stored = group.scalars.get(address);
          return stored && read(stored);
        }
        if (load.shape === "list") return group.lists.get(address)?.map(read);
        const entries = group.maps.get(address);
        return entries && new Map([...entries].map(([key, stored]) => [key, read(stored)]));
      });
    }
  }

  /** How many values of each version are stored. */
  versions(): Map<number, number> {
    const versions = new Map<number, number>();
    for (const group of this.#groups.values())
      for (const { codec } of valuesOf(group))
        versions.set(codec.version, (versions.get(codec.version) ?? 0) + 1);
    return versions;
  }

  timers(operator: string): [number, StoredTimer[]][] {
    const all: [number, StoredTimer[]][] = [];
    for (const [id, group] of this.#groups) {
      const [name, keyGroup] = id.split("/");
      if (name !== operator || group.timers.size === 0) continue;
      all.push([Number(keyGroup), [...group.timers].map(([member, time]) => ({ member, time }))]);
    }
    return all;
  }

  /** Everything stored, by address. */
  contents(): Record<string, unknown> {
    const contents: Record<string, unknown> = {};
    for (const [id, group] of this.#groups) {
      for (const [address, stored] of group.scalars) contents[`${id}/${address}`] = this.#read(stored);
      for (const [address, stored] of group.lists)
        contents[`${id}/${address}`] = stored.map((element) => this.#read(element));
      for (const [address, entries] of group.maps)
        contents[`${id}/${address}`] = new Map(
          [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, stored]) => [key, this.#read(stored)]),
        );
      for (const member of group.timers.keys()) contents[`${id}/timer/${member}`] = true;
    }
    return contents;
  }

  /** @throws when an object that storage holds was changed in place */
  checkUnchanged(): void {
    for (const [id, group] of this.#groups) {
      for (const { codec, bytes, shared } of valuesOf(group))
        if (this.shares && !isDeepStrictEqual(codec.decode(bytes), shared))
          throw new Error(
            `${id}: stored ${JSON.stringify(codec.decode(bytes))} became ${JSON.stringify(shared)}`,
          );
    }
  }

  #store(codec: Codec<unknown>, value: unknown): Stored {
    return { codec, bytes: Uint8Array.from(codec.encode(value)), shared: value };
  }

  #read({ codec, bytes, shared }: Stored, by: Codec<unknown> = codec): unknown {
    if (this.shares) return shared;
    if (codec.version === by.version) return by.decode(bytes);
    if (by.older === undefined)
      throw new Error(`stored in version ${codec.version}, read by version ${by.version}`);
    return by.older.decode(codec.version, bytes);
  }

  #group(operator: string, keyGroup: number): Group {
    const id = `${operator}/${keyGroup}`;
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = { scalars: new Map(), maps: new Map(), lists: new Map(), timers: new Map() };
      this.#groups.set(id, group);
    }
    return group;
  }
}

function valuesOf({ scalars, lists, maps }: Group): Stored[] {
  return [
    ...scalars.values(),
    ...[...lists.values()].flat(),
    ...[...maps.values()].flatMap((entries) => [...entries.values()]),
  ];
}
