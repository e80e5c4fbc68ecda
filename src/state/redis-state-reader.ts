// Reading keyed state and timers from Redis: one pipeline per request, decoded where it arrives.
import type { PartitionId } from "../core/ids.ts";
import { PartitionFencedError } from "../core/partition-errors.ts";
import type { StateLoad, StoredTimer } from "../core/ports/state-backend.ts";
import type { BytesReply } from "../redis/connection.ts";
import { type IncarnationKeys, scalarField } from "../redis/keys.ts";
import type { RedisSession } from "../redis/session.ts";
import { decodeValue } from "./codec-calls.ts";
import { versionOf } from "./versioned-bytes.ts";

/** Fields per HMGET, timers per ZRANGE: keeps single replies small enough to interleave with commits of others. */
const CHUNK = 4000;

export class StateReader {
  readonly #session: RedisSession;
  readonly #keys: IncarnationKeys;

  constructor(session: RedisSession, keys: IncarnationKeys) {
    this.#session = session;
    this.#keys = keys;
  }

  /**
   * Fills the results of all loads.
   *
   * The fence is read last, and looked at before anything is decoded: whoever lost the partition stops here instead of
   * working on the state of another attempt, which may be of a newer version than it can read (V1).
   * @throws {PartitionFencedError | SessionEndedError}
   * @throws {StateCodecError | StateNewerError | StateMigrationError | MigrationMissingError}
   */
  async load(
    loads: readonly StateLoad[],
    partition: PartitionId,
    metaKey: string,
    fence: string,
  ): Promise<void> {
    const replies: Promise<BytesReply>[] = [];
    for (let i = 0; i < loads.length; i++) this.#ask(loads[i]!, replies);
    const owner = this.#session.send(["HGET", metaKey, "fence"]);
    const [stored, ...values] = await Promise.all([owner, ...replies]);
    if (stored !== fence) throw new PartitionFencedError(partition);
    let next = 0;
    for (let i = 0; i < loads.length; i++) next = fill(loads[i]!, values as BytesReply[], next);
  }

  #ask(load: StateLoad, replies: Promise<BytesReply>[]): void {
    const { operator, keyGroup, state, shape, fields } = load;
    const session = this.#session;
    if (shape === "scalar") {
      const key = this.#keys.state(operator, keyGroup);
      const prefix = scalarField(state);
      for (let from = 0; from < fields.length; from += CHUNK) {
        const args = ["HMGET", key];
        const to = Math.min(fields.length, from + CHUNK);
        for (let i = from; i < to; i++) args.push(prefix + fields[i]!);
        replies.push(session.sendForBytes(args));
      }
      return;
    }
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      replies.push(
        shape === "map"
          ? session.sendForBytes(["HGETALL", this.#keys.map(operator, keyGroup, state, field)])
          : session.sendForBytes(["LRANGE", this.#keys.list(operator, keyGroup, state, field), "0", "-1"]),
      );
    }
  }
}

/** Takes the replies of one load. @returns the position behind them */
function fill(load: StateLoad, replies: readonly BytesReply[], first: number): number {
  const { shape, fields, codec, operator, state } = load;
  const results: unknown[] = new Array(fields.length);
  const outdated: number[] = [];
  let at = first;
  if (shape === "scalar") {
    for (let from = 0; from < fields.length; from += CHUNK) {
      const values = replies[at++] as readonly (Buffer | null)[];
      for (let i = 0; i < values.length; i++) {
        const value = values[i]!;
        if (value === null) continue;
        results[from + i] = decodeValue(codec, value, operator, state, fields[from + i]!);
        if (versionOf(value) !== codec.version) outdated.push(from + i);
      }
    }
  } else {
    for (let i = 0; i < fields.length; i++) {
      const items = replies[at++] as readonly Buffer[];
      if (items.length === 0) continue;
      results[i] = shape === "map" ? decodeMap(items, load, fields[i]!) : decodeList(items, load, fields[i]!);
      if (isOutdated(items, load)) outdated.push(i);
    }
  }
  load.results = results;
  load.outdated = outdated;
  return at;
}

function decodeMap(items: readonly Buffer[], load: StateLoad, field: string): Map<string, unknown> {
  const { codec, operator, state } = load;
  const map = new Map<string, unknown>();
  for (let i = 0; i < items.length; i += 2) {
    const entry = items[i]!.toString("utf8");
    map.set(entry, decodeValue(codec, items[i + 1]!, operator, state, field, entry));
  }
  return map;
}

function decodeList(items: readonly Buffer[], load: StateLoad, field: string): unknown[] {
  const { codec, operator, state } = load;
  const list: unknown[] = new Array(items.length);
  for (let i = 0; i < items.length; i++) list[i] = decodeValue(codec, items[i]!, operator, state, field);
  return list;
}

/** @param items values, for a map each behind its entry key */
function isOutdated(items: readonly Buffer[], { shape, codec }: StateLoad): boolean {
  const step = shape === "map" ? 2 : 1;
  for (let i = step - 1; i < items.length; i += step) if (versionOf(items[i]!) !== codec.version) return true;
  return false;
}

/** All timers of one operator in a range of key groups; groups without timers are left out. */
export async function readTimers(
  session: RedisSession,
  keys: IncarnationKeys,
  operator: string,
  first: number,
  end: number,
): Promise<[number, StoredTimer[]][]> {
  const found: [number, StoredTimer[]][] = [];
  const groups: Promise<[number, StoredTimer[]]>[] = [];
  for (let keyGroup = first; keyGroup < end; keyGroup++)
    groups.push(readGroup(session, keys.timers(operator, keyGroup), keyGroup));
  for (const group of await Promise.all(groups)) if (group[1].length > 0) found.push(group);
  return found;
}

async function readGroup(
  session: RedisSession,
  key: string,
  keyGroup: number,
): Promise<[number, StoredTimer[]]> {
  const timers: StoredTimer[] = [];
  for (let from = 0; ; from += CHUNK) {
    const reply = await session.send(["ZRANGE", key, String(from), String(from + CHUNK - 1), "WITHSCORES"]);
    const pairs = reply as readonly string[];
    for (let i = 0; i < pairs.length; i += 2)
      timers.push({ member: pairs[i]!, time: parseScore(pairs[i + 1]!) });
    if (pairs.length < CHUNK * 2) return [keyGroup, timers];
  }
}

function parseScore(text: string): number {
  if (text === "inf") return Number.POSITIVE_INFINITY;
  return text === "-inf" ? Number.NEGATIVE_INFINITY : Number(text);
}
