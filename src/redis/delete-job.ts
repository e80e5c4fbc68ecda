// deleteJob — removes everything a job keeps in Redis. Its users asked for it; the engine itself never does this.
import { JobKeys } from "./keys.ts";
import { RedisSession } from "./session.ts";

/** Keys per SCAN and UNLINK. */
const CHUNK = 1_000;

/** @returns how many keys were deleted */
export async function deleteJob(url: string, job: string): Promise<number> {
  const session = await RedisSession.open({ url });
  try {
    // The record goes first: workers that still run then see a lost job instead of missing pieces of it.
    const keys = new JobKeys(job);
    let deleted = Number(await session.send(["UNLINK", keys.record]));
    let cursor = "0";
    do {
      const [next, found] = (await session.send([
        "SCAN",
        cursor,
        "MATCH",
        keys.pattern,
        "COUNT",
        String(CHUNK),
      ])) as unknown as [string, string[]];
      cursor = next;
      if (found.length > 0) deleted += Number(await session.send(["UNLINK", ...found]));
    } while (cursor !== "0");
    return deleted;
  } finally {
    session.close();
  }
}
