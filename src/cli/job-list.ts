// The names of all jobs that a Redis knows.
import { JobKeys } from "../redis/keys.ts";
import { RedisSession } from "../redis/session.ts";

/** Keys that the server looks at per SCAN. */
const CHUNK = 1_000;

/** Sorted. Walks all keys of the database, a little at a time. @throws as `RedisSession.open` */
export async function listJobs(url: string): Promise<string[]> {
  const [before = "", after = ""] = new JobKeys("*").record.split("*");
  const names = new Set<string>();
  const session = await RedisSession.open({ url });
  try {
    let cursor = "0";
    do {
      const command = ["SCAN", cursor, "MATCH", `${before}*${after}`, "COUNT", String(CHUNK), "TYPE", "hash"];
      const [next, keys] = (await session.send(command)) as unknown as [string, string[]];
      cursor = next;
      for (const key of keys) names.add(key.slice(before.length, key.length - after.length));
    } while (cursor !== "0");
  } finally {
    session.close();
  }
  return [...names].sort();
}
