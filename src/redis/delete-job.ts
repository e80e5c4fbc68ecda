// deleteJob — removes everything a job keeps in Redis. Its users asked for it; the engine itself never does this.
//
// The control plane and the partitions' records go first and at once: workers that still run then see a lost job instead
// of missing pieces of it, and commit nothing more. State and channels follow key by key. Somebody may create the job
// anew meanwhile: the keys of the new one carry another incarnation and stay (A9).
import { JobKeys } from "./keys.ts";
import { removeJobCall, removeJobScript, sweepCall, sweepScript } from "./scripts/removal.ts";
import { RedisSession } from "./session.ts";

/** Keys per SCAN and sweep. */
const CHUNK = 1_000;

/** @returns how many keys were deleted */
export async function deleteJob(url: string, job: string): Promise<number> {
  const session = await RedisSession.open({ url });
  try {
    const keys = new JobKeys(job);
    let deleted = Number(await session.run(removeJobScript, removeJobCall(keys)));
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
      if (found.length > 0) deleted += Number(await session.run(sweepScript, sweepCall(keys, found)));
    } while (cursor !== "0");
    return deleted;
  } finally {
    session.close();
  }
}
