// What a server must be before Weir trusts it with state. Pure: INFO text in, verdict out.
import type { RedisConnection } from "./connection.ts";
import {
  RedisClusterError,
  RedisEvictionPolicyError,
  RedisLoadingError,
  RedisNotPrimaryError,
  RedisPermissionError,
  RedisTooOldError,
} from "./errors.ts";

/** The oldest servers with everything that is used: `#!lua` flags, deterministic trims, deleted-entry records. */
const NEEDED = { Redis: "7.0", Valkey: "7.2" } as const;

/** Lines `name:value` of INFO. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const facts = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) facts.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return facts;
}

/** @returns the reason why this server cannot be used, or undefined when it can */
export function decideServer(url: string, info: ReadonlyMap<string, string>): Error | undefined {
  const valkey = info.get("valkey_version");
  const product = valkey === undefined ? "Redis" : "Valkey";
  const version = valkey ?? info.get("redis_version") ?? "unknown";
  if (!isAtLeast(version, NEEDED[product]))
    return new RedisTooOldError(url, product, version, NEEDED[product]);
  if (info.get("redis_mode") === "cluster" || info.get("server_mode") === "cluster")
    return new RedisClusterError(url);
  if (info.get("loading") === "1") return new RedisLoadingError(url);
  const role = info.get("role") ?? "unknown";
  if (role !== "master") return new RedisNotPrimaryError(url, role);
  const policy = info.get("maxmemory_policy") ?? "unknown";
  if (policy !== "noeviction") return new RedisEvictionPolicyError(url, policy);
  return undefined;
}

function isAtLeast(version: string, needed: string): boolean {
  const have = version.split(".").map(Number);
  const want = needed.split(".").map(Number);
  for (let i = 0; i < want.length; i++) {
    const difference = (have[i] ?? 0) - want[i]!;
    if (Number.isNaN(difference)) return false;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/**
 * Looks at the server behind a connection.
 *
 * @returns its history, `master_replid`
 * @throws one of the errors of {@link decideServer}; {RedisPermissionError} when INFO is not allowed
 */
export async function checkServer(connection: RedisConnection): Promise<string> {
  const texts = await Promise.all(
    ["server", "persistence", "memory", "replication"].map((section) => readInfo(connection, section)),
  );
  const facts = parseInfo(texts.join(""));
  const problem = decideServer(connection.url, facts);
  if (problem !== undefined) throw problem;
  return facts.get("master_replid") ?? "";
}

/** The history that the server behind a connection lives in. */
export async function readHistory(connection: RedisConnection): Promise<string> {
  return parseInfo(await readInfo(connection, "replication")).get("master_replid") ?? "";
}

/** What a live session must keep an eye on. */
export interface ServerState {
  /** `master_replid`. */
  readonly history: string;
  readonly role: string;
  /** Share of `maxmemory` in use, 0 to 1 and above; 0 when no limit is set. */
  readonly memoryUse: number;
}

export async function readServerState(connection: RedisConnection): Promise<ServerState> {
  const facts = parseInfo(
    (await Promise.all(["replication", "memory"].map((section) => readInfo(connection, section)))).join(""),
  );
  const maxMemory = Number(facts.get("maxmemory") ?? 0);
  return {
    history: facts.get("master_replid") ?? "",
    role: facts.get("role") ?? "unknown",
    memoryUse: maxMemory === 0 ? 0 : Number(facts.get("used_memory") ?? 0) / maxMemory,
  };
}

async function readInfo(connection: RedisConnection, section: string): Promise<string> {
  try {
    return String(await connection.send(["INFO", section]));
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("NOPERM"))
      throw new RedisPermissionError(connection.url, error.message);
    throw error;
  }
}
